"""The files of a cache entry: arrays, groups, digests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchbed.basics.errors import DataError

GROUPS: Final = "groups.json"
"""The group of each sample of part ``train``."""
FILES: Final = "files.json"
"""The digest of each file."""


def array_file(part: str, column: str) -> str:
    """Return the name of the file with a part's values of a column."""
    return f"{part}-{column}.npy"


def allocated(path: Path, dtype: str, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Return a new array in a file that has its space on the disk, so that writing cannot fail."""
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def read_json(path: Path) -> Any:
    """Return what a file of the cache holds.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"Cannot read {path} of the cache; delete the folder {path.parent}, and it is made "
            "anew."
        ) from error
