"""scikit-learn's handwritten digits with two abstract labels beside the digit."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Column, Dataset, Input, Target

if TYPE_CHECKING:
    import numpy as np

HOLES: Final = (1, 0, 0, 0, 0, 0, 1, 0, 2, 1)
"""Closed loops in each digit's usual shape; a handwritten 4 is mostly open."""
SHARES: Final = {"train": 0.6, "validation": 0.15, "test": 0.25}
_VERSION: Final = "digits split 1"


class Digits(Dataset):
    """1797 images, 1 × 8 × 8 in [0, 1]; targets ``digit``, ``holes`` and ``parity``.

    The splits hold 60, 15 and 25 % of each digit's images, chosen by a hash of their position.
    """

    licence: ClassVar[str] = "CC BY 4.0 (UCI Machine Learning Repository)"
    homepage: ClassVar[str] = "https://archive.ics.uci.edu/dataset/80"
    input = Input((1, 8, 8), (0.0, 1.0))
    targets: Mapping[str, Target] = {
        "digit": Target("class", classes=10, names=tuple("0123456789")),
        "holes": Target("class", classes=3, names=("none", "one", "two")),
        "parity": Target("class", classes=2, names=("even", "odd")),
    }
    splits = tuple(SHARES)

    def load(self, split: str, root: Path | None) -> Mapping[str, Column]:
        """Return the images (float32) and targets (int64) of a split."""
        import numpy as np

        images, digits = _read()
        chosen = _members(digits, split)
        digit = digits[chosen]
        return {
            "input": images[chosen],
            "digit": digit,
            "holes": np.array(HOLES)[digit],
            "parity": digit % 2,
        }

    def digest(self, root: Path | None) -> str:
        """Return a digest of the file's content and the way it is split."""
        return hashlib.sha256(_VERSION.encode() + gzip.decompress(_file().read_bytes())).hexdigest()


def _file() -> Path:
    """Return scikit-learn's file, found without the second that importing scikit-learn takes."""
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "datasets", "data", "digits.csv.gz")
        if path.exists():
            return path
    raise DataError("scikit-learn's digits are missing; run `pip install scikit-learn`.")


@cache
def _read() -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    table = np.loadtxt(_file(), delimiter=",", dtype=np.float32)
    images = (table[:, :-1] / 16).reshape(-1, 1, 8, 8)
    return images, table[:, -1].astype(np.int64)


def _members(digits: np.ndarray, split: str) -> np.ndarray:
    """Return the positions of a split's images, in increasing order."""
    import numpy as np

    names = list(SHARES)
    before = sum(SHARES[name] for name in names[: names.index(split)])
    chosen: list[int] = []
    for digit in range(10):
        positions = np.flatnonzero(digits == digit).tolist()
        positions.sort(key=lambda i: hashlib.sha256(f"{_VERSION} {i}".encode()).digest())
        start, stop = (round(len(positions) * share) for share in (before, before + SHARES[split]))
        chosen += positions[start:stop]
    return np.array(sorted(chosen))
