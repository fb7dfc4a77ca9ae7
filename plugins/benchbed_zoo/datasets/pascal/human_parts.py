"""PASCAL-Part's annotations of persons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.files.reading import read_mat

PARTS: Final = {
    name: part
    for part, names in enumerate(
        (
            "head hair lear rear leye reye lebrow rebrow nose mouth",
            "torso neck",
            "luarm ruarm",
            "llarm rlarm lhand rhand",
            "luleg ruleg",
            "llleg rlleg lfoot rfoot",
        ),
        start=1,
    )
    for name in names.split()
}
"""PASCAL-Part's 24 names of a person's parts by their class (``HUMAN_PART[6]`` of ASTMT's code)."""
PERSON: Final = 15
"""VOC's number of the class."""


def read_parts(path: Path, size: Sequence[int]) -> np.ndarray:
    """Return the parts of all persons of a picture, uint8 ``(H, W)``; 0 where there is none.

    Of parts that overlap the one that the file names last counts.

    Args:
        path: a file of PASCAL-Part, whose struct ``anno`` has ``objects`` with ``class_ind`` and
            ``parts``, which have ``part_name`` and ``mask``.
        size: height and width of the picture.

    Raises:
        DataError: the file is missing, damaged, nested in another way, names an unknown part, or
            is of another size.
    """
    found = np.zeros(size, np.uint8)
    for name, mask in _parts_of_persons(path):
        if name not in PARTS:
            raise DataError(
                f"{path}: a person has the part '{name}', and the known ones are "
                f"{', '.join(PARTS)}; copy the file anew."
            )
        if mask.shape != found.shape:
            raise DataError(
                f"{path}: the mask of '{name}' is {_by(mask.shape)} pixels, and the picture is "
                f"{_by(size)}; copy both anew."
            )
        found[mask != 0] = PARTS[name]
    return found


def _parts_of_persons(path: Path) -> list[tuple[str, np.ndarray]]:
    """Return name and mask of each part, in the file's order."""
    anno = read_mat(path, "anno")
    try:
        return [
            (str(part["part_name"].item()), part["mask"])
            for thing in anno["objects"].item().flat
            if thing["class_ind"].item() == PERSON
            for part in thing["parts"].flat
        ]
    except (AttributeError, IndexError, ValueError) as error:
        raise DataError(
            f"{path}: 'anno' is not nested as in PASCAL-Part, with objects.class_ind and "
            f"objects.parts.(part_name, mask) ({error}); copy the file anew."
        ) from error


def _by(size: Sequence[int]) -> str:
    return "×".join(map(str, size))
