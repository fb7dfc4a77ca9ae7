"""A miniature of PASCAL_MT in its true layout, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

COUNTS: Final = {"train": 6, "val": 4}
FOLDERS: Final = (
    "ImageSets/Context",
    "JPEGImages",
    "pascal-context/trainval",
    "semseg/VOC12",
    "semseg/pascal-context",
    "human_parts",
    "normals_distill",
    "sal_distill",
)
FLOOR, PERSON, SKY, WALL = 158, 284, 360, 440
"""Of PASCAL-Context's classes."""
COLOURS: Final = {
    FLOOR: (128, 0, 128),
    PERSON: (90, 100, 248),
    SKY: (128, 128, 255),
    WALL: (128, 128, 255),
}
"""What each class's normals are stored as."""


def write(root: Path) -> None:
    """Write the files of a few pictures, none of them of the same size as the one before."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True)
    number = 0
    for part, count in COUNTS.items():
        names = [f"2008_{number + i:06}" for i in range(count)]
        (root / f"ImageSets/Context/{part}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            _write_picture(root, name, number)
            number += 1


def _write_picture(root: Path, name: str, number: int) -> None:
    """Write a room, or every other time a meadow's sky, before which one or two persons stand."""
    from PIL import Image
    from scipy.io import savemat

    size = (60 + number % 3 * 5, 84 - number % 4 * 6)
    regions = np.full(size, SKY if number % 2 else WALL, np.uint16)
    regions[size[0] * 2 // 3 :] = FLOOR
    persons = [_figure(size, left) for left in (10, 40)[: 1 + number % 2]]
    for figure in persons:
        regions[figure["mask"]] = PERSON
    person = regions == PERSON
    classes = np.where(person, 15, 0).astype(np.uint8)
    grey = np.where(person, 230, 20).astype(np.uint8)
    noise = np.random.default_rng(number).integers(0, 256, (*size, 3), np.uint8)
    normals = np.zeros((*size, 3), np.uint8)
    for region, colour in COLOURS.items():
        normals[regions == region] = colour

    Image.fromarray(noise // 4 + grey[..., None] // 2).save(root / f"JPEGImages/{name}.jpg")
    labelled = {"LabelMap": regions}
    savemat(root / f"pascal-context/trainval/{name}.mat", labelled, do_compression=True)
    _write_labels(root / f"semseg/pascal-context/{name}.png", classes)
    if number % 3:
        classes[:2] = 255  # VOC's own labels leave a rim out
        _write_labels(root / f"semseg/VOC12/{name}.png", classes)
    annotated = annotation(name, size, persons if number % 3 != 2 else [])
    savemat(root / f"human_parts/{name}.mat", annotated, do_compression=True)
    Image.fromarray(normals).save(root / f"normals_distill/{name}.png")
    Image.fromarray(grey).save(root / f"sal_distill/{name}.png")


def _figure(size: tuple[int, int], left: int) -> dict[str, np.ndarray]:
    """Return the masks of a person, ``mask``, and of its parts."""
    boxes = {
        "torso": (22, 38, 4, 12),
        "neck": (20, 22, 6, 10),
        "head": (10, 20, 4, 12),
        "hair": (10, 12, 4, 12),
        "luarm": (22, 30, 12, 15),
        "llarm": (30, 36, 12, 15),
        "lhand": (36, 38, 12, 15),
        "ruleg": (38, 46, 4, 8),
        "rlleg": (46, 52, 4, 8),
        "rfoot": (52, 54, 3, 8),
    }
    masks = {}
    for name, (top, bottom, start, end) in boxes.items():
        masks[name] = np.zeros(size, bool)
        masks[name][top:bottom, left + start : left + end] = True
    return {"mask": np.logical_or.reduce(list(masks.values())), **masks}


def annotation(
    name: str, size: tuple[int, int], persons: Sequence[dict[str, np.ndarray]]
) -> dict[str, object]:
    """Return PASCAL-Part's struct ``anno``: a dog with a head, the persons, one without parts.

    Args:
        name: of the picture.
        size: its height and width.
        persons: of each the masks of its parts, and its ``mask``.
    """
    corner = np.zeros(size, bool)
    corner[:4, -4:] = True
    objects = [("dog", 12, corner, _structs({"part_name": "head", "mask": corner}))]
    for person in persons:
        parts = [{"part_name": k, "mask": mask} for k, mask in person.items() if k != "mask"]
        objects.append(("person", 15, person["mask"], _structs(*parts)))
    objects.append(("person", 15, corner, np.empty((0, 0))))
    fields = ("class", "class_ind", "mask", "parts")
    things = _structs(*(dict(zip(fields, thing, strict=True)) for thing in objects))
    return {"anno": {"imname": name, "objects": things}}


def _structs(*rows: dict[str, object]) -> np.ndarray:
    """Return a MATLAB struct array, ``(1, N)``."""
    found = np.empty((1, len(rows)), [(field, object) for field in rows[0]])
    for column, row in enumerate(rows):
        found[0, column] = tuple(row.values())
    return found


def _write_labels(path: Path, labels: np.ndarray) -> None:
    """Write labels as VOC does, as a PNG with a palette."""
    from PIL import Image

    image = Image.fromarray(labels)
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, np.uint8).tobytes())
    image.save(path)
