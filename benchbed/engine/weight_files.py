"""Reading files of weights: safetensors, or what ``torch.save`` wrote, tensors alone."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from benchbed.basics.errors import DataError, one_line

LARGEST: Final = 20 * 2**30
"""Bytes; a larger file is not read."""
DAMAGED: Final = (
    OSError,
    SafetensorError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
)
"""What reading damaged files raises."""
TORCH_FILES: Final = frozenset({".pth", ".pt", ".bin", ".ckpt", ".tar"})
"""Endings of what ``torch.save`` wrote; anything else is read as safetensors."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file by name.

    A file of ``torch.save`` is read with ``weights_only``, so that no code in it is run; the
    tensors may lie in a dictionary inside, such as ``state_dict``.

    Raises:
        DataError: the file cannot be read, is too large, or holds something else.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{path.name} has {size} bytes, more than is read ({LARGEST}).")
        if path.suffix in TORCH_FILES:
            return _tensors(torch.load(path, map_location="cpu", weights_only=True), path)
        return safetensors.torch.load_file(path)
    except DAMAGED as error:
        raise DataError(f"Cannot read {path.name}: {one_line(error)}.") from error
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path.name} holds more than tensors, and no code in a file is run; save its "
            "state_dict alone, as safetensors or by torch.save."
        ) from error


def _tensors(found: object, path: Path) -> dict[str, Tensor]:
    """Return the dictionary of tensors that was saved, or the largest one inside of it."""
    if not isinstance(found, Mapping):
        raise DataError(f"{path.name} holds a {type(found).__name__}, and no tensors by name.")
    inside = [found, *(value for value in found.values() if isinstance(value, Mapping))]
    plain: list[dict[str, Tensor]] = [dict(each) for each in inside if _are_tensors(each)]
    if not plain:
        raise DataError(
            f"{path.name} holds no dictionary of tensors by name (it has "
            f"{', '.join(map(str, list(found)[:5]))}); save the network's state_dict."
        )
    return max(plain, key=len)


def _are_tensors(candidate: Mapping[object, object]) -> bool:
    return bool(candidate) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in candidate.items()
    )
