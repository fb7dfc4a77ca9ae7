"""The columns of a room: their channels and types in the cache, and the files that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHANNELS: Final[Mapping[str, tuple[int, str]]] = {
    "input": (3, "uint8"),
    "segmentation": (0, "uint8"),
    "depth": (0, "uint16"),
    "normals": (3, "int16"),
    "albedo": (3, "uint8"),
    "edges": (0, "uint8"),
    "saliency": (0, "uint8"),
    "human_parts": (0, "uint8"),
}
"""Each column's channels (0: none) and type in the cache."""


def file_name(split: str, column: str) -> str:
    """Return the name of a column's file in the cache."""
    return f"{split}-{column}.npy"
