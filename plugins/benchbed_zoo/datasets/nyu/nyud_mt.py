"""NYUD_MT: NYUv2 with 40 classes, depth, normals and edges, in two releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from scipy.ndimage import maximum_filter

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import FileDataset, Sample
from benchbed.files.codings import LONGEST
from benchbed.files.reading import (
    channels_first,
    read_array,
    read_image,
    read_lines,
    read_mat,
    read_pixels,
    resize_image,
    resize_map,
)
from benchbed_zoo.datasets.nyu.classes import CLASSES_40
from benchbed_zoo.metrics.thinning import thin

FILES: Final = {
    "astmt": {
        "input": "images/{}.jpg",
        "segmentation": "segmentation/{}.mat",
        "depth": "depth/{}.mat",
        "normals": "normals/{}.jpg",
        "edges": "edge/{}.png",
    },
    "vandenhende": {
        "input": "images/{}.jpg",
        "segmentation": "segmentation/{}.png",
        "depth": "depth/{}.npy",
        "normals": "normals/{}.npy",
        "edges": "edge/{}.npy",
    },
}
"""Each release's file of each column. A .mat file's variable is called like its column."""
LISTS: Final = {"train": "gt_sets/train.txt", "test": "gt_sets/val.txt"}


class NYUDMT(FileDataset):
    """Indoor scenes of a Kinect: 795 images for training, 654 for tests.

    K.-K. Maninis et al., Attentive Single-Tasking of Multiple Tasks, CVPR 2019 (release ``astmt``);
    released anew with S. Vandenhende et al., Multi-Task Learning for Dense Prediction Tasks: A
    Survey, TPAMI 2021 (release ``vandenhende``). Images and labels of N. Silberman et al., ECCV
    2012, classes and edges of S. Gupta et al., CVPR 2013.

    On disk ``gt_sets/{train,val}.txt``, a name a line (part ``test`` is ``val``, on which papers
    score), and for each name:

    - ``images``: .jpg.
    - ``segmentation``: 0 background, 1 to 40. astmt: .mat, variable segmentation, and the
      background is a class, 41 in all, as its authors train. vandenhende: 8-bit .png, and the
      background is not annotated, 40 classes.
    - ``depth`` in metres, 0 invalid, floating point: .mat, variable depth, or .npy.
    - ``normals``: astmt .jpg, ``(n + 1) / 2 * 255``; vandenhende .npy ``(H, W, 3)``, floating
      point, zero invalid.
    - ``edge``: astmt 8-bit .png, 255 on edges; vandenhende .npy, 1 on edges. From one half on it is
      an edge, as in the authors' loss.

    JPEG leaves normals that are not of unit length: they are brought to it, and those shorter than
    0.5, grey in the picture, are invalid; the authors' code leaves out only those of length
    exactly 0, which 8 bits never give. In NYUv2's published normals x points left, y up and z
    towards the camera; here x points right, y down and z away from it, so all components change
    sign. The releases do not state theirs, so the sign is chosen such that a picture's normals face
    the camera.

    Scenes are not known, so the validation split may share scenes with the training split.

    Images are resized once, bicubic with antialiasing, maps to the nearest pixel, edges such that
    lines stay unbroken and one pixel wide; the papers' code augments first. The cache keeps images
    in 1/255, depth as float32, normals in 1/32767.
    """

    name: ClassVar[str] = "nyud-mt"
    layout: ClassVar[str] = (
        "gt_sets/{train,val}.txt, images/<name>.jpg, {segmentation,depth}/<name>.mat, "
        "normals/<name>.jpg and edge/<name>.png (release astmt), or segmentation/<name>.png and "
        "{depth,normals,edge}/<name>.npy (release vandenhende)"
    )
    licence: ClassVar[str] = "none stated; the code that came with it is CC BY-NC 4.0"
    homepage: ClassVar[str] = "https://github.com/facebookresearch/astmt"
    counts: ClassVar[Mapping[str, int]] = {"train": 795, "test": 654}

    def __init__(self, release: str = "astmt", height: int = 480, width: int = 640) -> None:
        self._files, size = FILES[release], (height, width)
        self._background = release == "astmt"
        names = ("background", *CLASSES_40) if self._background else CLASSES_40
        self.input = Input((3, *size))
        self.targets = {
            "segmentation": Target("class", size, classes=len(names), names=names, ignore=255),
            "depth": Target("value", size, geometry="distance"),
            "normals": Target("value", (3, *size), geometry="direction"),
            "edges": Target("class", size, classes=2, names=("no edge", "edge"), ignore=255),
        }

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples that the lists name."""
        return {
            part: [
                Sample(name, {column: path.format(name) for column, path in self._files.items()})
                for name in read_lines(folder / path)
            ]
            for part, path in LISTS.items()
        }

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return an image with its maps, in the size of the options."""
        paths = {column: folder / path for column, path in sample.files.items()}
        image = read_image(paths["input"])
        found = {column: _map(paths[column], column, image.shape[1:]) for column in self.targets}
        labels = _labels(paths["segmentation"], found["segmentation"])
        maps = {
            "segmentation": labels if self._background else np.where(labels, labels - 1, 255),
            "depth": found["depth"],
            "normals": _facing(found["normals"]),
            "edges": _edges(paths["edges"], found["edges"]),
        }
        size = self.input.shape[1:]
        resized = {column: resize_map(values, size) for column, values in maps.items()}
        return {
            **resized,
            "input": resize_image(image, size),
            "edges": resized_edges(maps["edges"], size),
        }

    def fixture(self, root: Path) -> None:
        """Write six images for training and four for tests."""
        for path in ("gt_sets", *self._files.values()):
            (root / path.split("/")[0]).mkdir()
        for place, (path, count) in enumerate(zip(LISTS.values(), (6, 4), strict=True)):
            names = [f"{Path(path).stem}_{number}" for number in range(count)]
            (root / path).write_text("\n".join(names) + "\n")
            for number, name in enumerate(names):
                for column, values in _made_up(6 * place + number).items():
                    _write(root / self._files[column].format(name), column, values)


def _map(path: Path, column: str, size: tuple[int, ...]) -> np.ndarray:
    """Return the map of a file, ``size`` or, of normals, ``(3, *size)``."""
    values = _values(path, column)
    shape = (3, *size) if column == "normals" else size
    if values.shape != shape:
        raise DataError(
            f"{path} has shape {values.shape} (channels first), and {shape} is wanted, as large as "
            "its image; copy it anew."
        )
    if column in {"depth", "normals"} and values.dtype.kind != "f":
        raise DataError(f"{path} is {values.dtype}, and floating point is wanted; copy it anew.")
    return values


def _values(path: Path, column: str) -> np.ndarray:
    """Return what a file holds, channels first; of pictures, normals and edges as numbers."""
    if path.suffix == ".mat":
        return np.asarray(read_mat(path, column))
    if path.suffix == ".npy":
        values = read_array(path)
        return channels_first(values) if column == "normals" and values.ndim == 3 else values
    if column == "normals":
        found = read_image(path) / np.float32(127.5) - 1
        return found * (np.linalg.norm(found, axis=0) <= LONGEST)  # black is no direction
    pixels = read_pixels(path)
    if pixels.dtype != np.uint8:
        raise DataError(f"{path} is {pixels.dtype}, and 8 bits are wanted; copy it anew.")
    return pixels / np.float32(255) if column == "edges" else pixels


def _labels(path: Path, labels: np.ndarray) -> np.ndarray:
    known = np.isin(labels, np.arange(len(CLASSES_40) + 1))
    if not known.all():
        row, column = np.unravel_index(int(np.argmin(known)), labels.shape)
        raise DataError(
            f"{path}: label {labels[row, column]} at row {row}, column {column}, and there are "
            f"{len(CLASSES_40)} from 1 (0 is background); copy it anew."
        )
    return labels.astype(np.int16)


def _facing(normals: np.ndarray) -> np.ndarray:
    """Return normals ``(3, H, W)`` with the sign with which most z point to the camera."""
    return -normals if normals[2].sum() > 0 else normals


def resized_edges(edges: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return a map of lines in another size, unbroken and one pixel wide; as it is in its own.

    Lines are widened so far that the nearest pixel does not miss them, and thinned afterwards.
    """
    if edges.shape == tuple(size):
        return edges
    reach = [max(1, -(-old // new)) for old, new in zip(edges.shape, size, strict=True)]
    return thin(resize_map(maximum_filter(edges, reach), size) > 0).astype(np.uint8)


def _edges(path: Path, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf" or not ((values >= 0) & (values <= 1)).all():
        raise DataError(f"{path} holds other values than 0 to 1; copy it anew.")
    return (values >= 0.5).astype(np.uint8)


def _write(path: Path, column: str, values: np.ndarray) -> None:
    """Write a map in a file as the releases have it."""
    from PIL import Image
    from scipy.io import savemat

    if path.suffix == ".mat":
        savemat(path, {column: values})
    elif path.suffix == ".npy":
        np.save(path, values)
    elif column == "normals":
        Image.fromarray(np.rint((values + 1) * 127.5).astype(np.uint8)).save(path, quality=95)
    elif column == "edges":
        Image.fromarray((values * 255).astype(np.uint8)).save(path)
    else:
        Image.fromarray(values).save(path, quality=95)


def _made_up(number: int) -> dict[str, np.ndarray]:
    """Return a made-up sample: a wall and a floor, and a box before them; 1/10 of the true size."""
    height, width = 48, 64
    generator = np.random.default_rng(number)
    box = slice(16, 32), slice(20, 44)
    image = generator.integers(0, 256, (height, width, 3), np.uint8)
    labels = np.full((height, width), 1, np.uint8)
    labels[32:] = 2
    labels[box] = 1 + (7 * number + 3) % 40
    labels[:2] = 0
    depth = np.full((height, width), 3.5, np.float32)
    depth[box] = 2 + number / 8
    depth[:, :4] = 0
    normals = np.zeros((height, width, 3), np.float32)
    normals[:, 4:] = (0, 0, 1)
    normals[32:, 4:] = (0, 0.8, 0.6)
    edges = np.zeros((height, width), np.float32)
    edges[32] = 1
    return {
        "input": image,
        "segmentation": labels,
        "depth": depth,
        "normals": normals,
        "edges": edges,
    }
