"""PASCAL-Context with the five targets of Attentive Single-Tasking (PASCAL_MT)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import Coding, FileDataset, Sample
from benchbed.files.reading import (
    check_size,
    list_files,
    read_image,
    read_lines,
    read_mat,
    read_pixels,
    resize_image,
    resize_map,
)
from benchbed_zoo.datasets.parts.class_names import HUMAN_PARTS
from benchbed_zoo.datasets.parts.class_names import VOC as CLASSES
from benchbed_zoo.datasets.pascal import human_parts as pascal_parts
from benchbed_zoo.datasets.pascal.normals import ByteDirections
from benchbed_zoo.metrics.thinning import thin

REGIONS: Final = 459
"""PASCAL-Context's classes, from 1."""
_KEPT: Final = (
    "3 4 6 9 10 11 13 15 17 18 22 23 29 30 33 34 36 37 38 39 41 43 46 49 50 51 53 55 56 59 61 "
    "62 65 66 68 69 72 73 78 83 84 85 87 88 95 96 101 104 105 107 111 113 115 122 124 135 141 "
    "142 143 146 150 154 157 158 159 165 172 174 181 183 184 191 193 195 197 199 202 213 215 "
    "216 219 220 223 225 228 230 232 233 238 239 242 243 246 250 251 252 255 260 261 263 269 "
    "272 273 275 281 283 284 285 286 287 288 290 291 292 293 295 304 307 309 310 314 315 319 "
    "323 329 330 331 336 342 345 349 350 351 352 355 357 368 370 371 374 379 380 383 384 397 "
    "401 403 405 407 408 411 412 413 414 417 419 421 423 427 429 430 432 440 441 442 443 444 "
    "446 454 457"
)
KEPT: Final = tuple(map(int, _KEPT.split()))
"""The 170 of them whose normals count: the 169 whose names NYUv2 has too, but for ``unknown``, and
``tvmonitor`` (427), which NYUv2 calls otherwise. From ``nyu_classes.json`` and
``context_classes.json`` of S. Vandenhende et al.'s code (PAMI 2022), and ASTMT's loader."""
LISTS: Final = {"train": "train", "test": "val"}


class PascalContext(FileDataset):
    """Photographs with edges, 21 classes, human parts, normals and saliency: 4,998 and 5,105.

    ``PASCAL_MT`` of K.-K. Maninis et al., Attentive Single-Tasking of Multiple Tasks, CVPR 2019
    (ASTMT): images of PASCAL VOC 2010, regions of R. Mottaghi et al., CVPR 2014, human parts of
    X. Chen et al., CVPR 2014; normals and saliency are not measured but predicted by networks.
    Part ``test`` is the list ``val``, on which papers score.

    On disk, below the data's folder, for each id of ``ImageSets/Context/{train,val}.txt``:

    - ``JPEGImages/<id>.jpg``: colours.
    - ``pascal-context/trainval/<id>.mat``: ``LabelMap``, uint16, the regions' classes 1 to 459.
      ``edges`` are 1 where its Laplacian is not 0, thinned to lines.
    - ``semseg/VOC12/<id>.png``, or if there is none ``semseg/pascal-context/<id>.png``: 8 bits,
      0 to 20, 255 not annotated.
    - ``human_parts/<id>.mat``: struct ``anno`` with ``objects``, these with ``class_ind`` (15 is a
      person) and ``parts``, these with ``part_name`` and ``mask``. 24 names make six classes
      (:data:`~benchbed_zoo.datasets.pascal.human_parts.PARTS`); a picture without any is 255 all
      over. The list ``ImageSets/Parts``, which ASTMT's code makes of these files, is not read.
    - ``normals_distill/<id>.png``: 8-bit RGB, 255 (n + 1) / 2. They are kept on the 170 classes of
      ``LabelMap`` that a network trained on NYUv2 can know (:data:`KEPT`), and zero elsewhere.
      Their x and y turn with the image; which way they point the source does not say, and they are
      left as they are.
    - ``sal_distill/<id>.png``: 8-bit grey; above 127 is salient.

    The cache holds bytes, 10 a pixel, and rounds nothing but the resized images, to 1/255. Normals
    are brought to unit length as they are loaded.

    What differs from ASTMT's code: all is resized to the options' height and width once, before
    augmentation, images bicubically with antialiasing and maps, normals too, to the nearest pixel.
    Edges are derived from the resized regions, so their lines stay one pixel wide and unbroken, in
    training and in tests alike; ASTMT resizes thinned edges for training, and scores at the images'
    own sizes, and black or nearly zero normals count there too.
    """

    name: ClassVar[str] = "pascal-context"
    layout: ClassVar[str] = (
        "ImageSets/Context/{train,val}.txt, JPEGImages/<id>.jpg, pascal-context/trainval/<id>.mat, "
        "semseg/{VOC12,pascal-context}/<id>.png, human_parts/<id>.mat, "
        "{normals_distill,sal_distill}/<id>.png"
    )
    licence: ClassVar[str] = "images: Flickr's terms (VOC); annotations: none stated"
    homepage: ClassVar[str] = "https://github.com/facebookresearch/astmt"
    counts: ClassVar[Mapping[str, int]] = {"train": 4998, "test": 5105}

    def __init__(self, height: int = 512, width: int = 512) -> None:
        """Describe the data at a size.

        Args:
            height: of images and maps in pixels.
            width: likewise.
        """
        plane = (height, width)
        self.input = Input((3, *plane))
        self.targets = {
            "edges": _classes(plane, ("inside", "edge")),
            "segmentation": _classes(plane, CLASSES),
            "human_parts": _classes(plane, HUMAN_PARTS),
            "normals": Target("value", (3, *plane), geometry="direction"),
            "saliency": _classes(plane, ("background", "salient")),
        }

    def folder(self, root: Path | None) -> Path:
        """Return the data's folder, which itself holds one of the data set's name.

        Raises:
            DataError: there is none.
        """
        found = super().folder(root)
        return root if root and (root / "ImageSets/Context").is_dir() else found

    def codings(self) -> Mapping[str, Coding]:
        """Return the usual ones, and for normals one that keeps the bytes on disk."""
        return {**super().codings(), "normals": ByteDirections(self.targets["normals"].shape)}

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples of the lists."""
        voc = set(list_files([(folder / "semseg/VOC12", ".png")]))
        return {
            part: [
                Sample(
                    number,
                    {
                        "input": f"JPEGImages/{number}.jpg",
                        "edges": f"pascal-context/trainval/{number}.mat",
                        "segmentation": f"semseg/{_source(number in voc)}/{number}.png",
                        "human_parts": f"human_parts/{number}.mat",
                        "normals": f"normals_distill/{number}.png",
                        "saliency": f"sal_distill/{number}.png",
                    },
                )
                for number in read_lines(folder / f"ImageSets/Context/{name}.txt")
            ]
            for part, name in LISTS.items()
        }

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays at the options' size."""
        paths = {column: folder / path for column, path in sample.files.items()}
        image = read_image(paths["input"])
        size, plane = image.shape[1:], self.input.shape[1:]
        maps = {
            "edges": _read_regions(paths["edges"]),
            "segmentation": _read_bytes(paths["segmentation"]),
            "human_parts": pascal_parts.read_parts(paths["human_parts"], size),
            "normals": _read_bytes(paths["normals"]),
            "saliency": _read_bytes(paths["saliency"]),
        }
        for column, values in maps.items():
            check_size(paths[column], values, paths["input"], image)
        maps = {column: resize_map(values, plane) for column, values in maps.items()}
        regions, parts = maps["edges"], maps["human_parts"]
        return {
            "input": resize_image(image, plane),
            "edges": region_edges(regions),
            "segmentation": maps["segmentation"],
            "human_parts": parts if parts.any() else np.full_like(parts, 255),
            "normals": maps["normals"] * np.isin(regions, KEPT),
            "saliency": (maps["saliency"] > 127).astype(np.uint8),
        }

    def fixture(self, root: Path) -> None:
        """Write six pictures for training and four for tests."""
        from benchbed_zoo.datasets.pascal.fixture import write

        write(root)


def region_edges(regions: np.ndarray) -> np.ndarray:
    """Return 1 on the lines between regions, uint8 ``(H, W)``.

    They are the pixels where the Laplacian (four neighbours, the image mirrored at its border) is
    not 0, thinned.

    Args:
        regions: the regions' classes, int32 ``(H, W)``.
    """
    from scipy.ndimage import laplace

    return thin(laplace(regions, mode="mirror") != 0).astype(np.uint8)


def _classes(plane: tuple[int, int], names: tuple[str, ...]) -> Target:
    return Target("class", plane, classes=len(names), names=names, ignore=255)


def _source(in_voc: bool) -> str:
    return "VOC12" if in_voc else "pascal-context"


def _read_regions(path: Path) -> np.ndarray:
    """Return the classes of a picture's regions, int32 ``(H, W)``.

    Raises:
        DataError: the file is missing or damaged, or holds other classes.
    """
    found = read_mat(path, "LabelMap")
    if found.ndim != 2 or found.dtype.kind not in "iuf":
        raise DataError(
            f"{path}: LabelMap is {found.dtype} of shape {found.shape}, and whole numbers of shape "
            "(H, W) are wanted; copy the file anew."
        )
    known = (found >= 0) & (found <= REGIONS) & (found % 1 == 0)
    if not known.all():
        raise DataError(
            f"{path}: LabelMap holds {found[~known][0]}, and its classes are 1 to {REGIONS}; copy "
            "the file anew."
        )
    regions: np.ndarray = found.astype(np.int32)
    return regions


def _read_bytes(path: Path) -> np.ndarray:
    """Return an image file's own values, uint8.

    Raises:
        DataError: the file is missing or damaged, or has another number of bits.
    """
    found = read_pixels(path)
    if found.dtype != np.uint8:
        raise DataError(
            f"{path} holds {found.dtype}, and 8 bits a channel are wanted; copy the file anew."
        )
    return found
