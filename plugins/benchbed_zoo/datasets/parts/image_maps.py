"""What loaders of images with maps of the same size have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchbed.basics.errors import DataError


def struct_field(struct: Any, name: str, path: Path) -> np.ndarray:
    """Return a field of a MATLAB struct as SciPy reads it: ``(1, 1)`` with named fields.

    Raises:
        DataError: there is no such field; the message names the file.
    """
    if not isinstance(struct, np.ndarray) or name not in (struct.dtype.names or ()):
        raise DataError(f"{path} has no field '{name}' where it should; copy the file anew.")
    found: np.ndarray = struct[name].item()
    return found


def save_photo(path: Path, size: Sequence[int], generator: np.random.Generator) -> None:
    """Write a made-up photograph as JPEG, for miniatures."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = Image.fromarray(generator.integers(0, 256, (4, 6, 3), dtype=np.uint8))
    coarse.resize((size[1], size[0])).save(path)
