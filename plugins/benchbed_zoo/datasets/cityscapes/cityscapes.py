"""Cityscapes in its original layout."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError, one_line
from benchbed.contracts.dataset import Input, Target
from benchbed.files import Coding, FileDataset, Sample, Values
from benchbed.files.reading import check_size, read_image, read_pixels, resize_image, resize_map

CATEGORIES: Final[Mapping[str, Mapping[str, int]]] = {
    "flat": {"road": 7, "sidewalk": 8},
    "construction": {"building": 11, "wall": 12, "fence": 13},
    "object": {"pole": 17, "traffic light": 19, "traffic sign": 20},
    "nature": {"vegetation": 21, "terrain": 22},
    "sky": {"sky": 23},
    "human": {"person": 24, "rider": 25},
    "vehicle": {"car": 26, "truck": 27, "bus": 28, "train": 31, "motorcycle": 32, "bicycle": 33},
}
"""The scored classes with their ids on disk, by category; ``labels.py`` of cityscapesScripts."""
CLASSES: Final = tuple(name for members in CATEGORIES.values() for name in members)
"""The 19 scored classes; positions are train ids."""
CATEGORY_NAMES: Final = tuple(CATEGORIES)
NAMES: Final = {19: CLASSES, 7: CATEGORY_NAMES}
IDS: Final = 34
"""Ids on disk are below this."""
STEPS: Final = 256
"""Steps of disparity a pixel."""
PLACES: Final = {"train": "train", "test": "val"}
KINDS: Final = {
    "input": ("leftImg8bit", "leftImg8bit.png"),
    "segmentation": ("gtFine", "gtFine_labelIds.png"),
    "disparity": ("disparity", "disparity.png"),
    "camera": ("camera", "camera.json"),
}
"""Folder and file ending of what a sample is read from."""


class Cityscapes(FileDataset):
    """Street scenes of German cities by day: 2,975 images for training, 500 for tests.

    M. Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016.
    Part ``test`` is the official ``val``, on which papers score, since the official test labels are
    secret. Validation holds out whole cities.

    On disk, of each frame: ``leftImg8bit``, RGB, 1024×2048; ``gtFine``'s ``labelIds``, uint8 ids
    from 0 to 33 (licence plates, id -1, are not drawn: the vehicle's id stands there);
    ``disparity``, uint16: p stands for (p - 1) / 256 pixels, 0 is invalid; ``camera``, JSON with
    ``extrinsic.baseline`` in metres and ``intrinsic.fx`` in pixels.

    All is resized once to the options' height and width: images bicubic with antialiasing, maps to
    the nearest pixel. 19 classes are the train ids, 7 their categories; as in the official scores
    of both, all other ids (parking, caravan and so on) are ignored. ``disparity`` stays in pixels
    of the full-resolution image whatever the size (auto-lambda divides it by 4 for 256×512);
    ``depth`` is baseline · fx / disparity in metres. Points at infinity (p = 1, of disparity 0) are
    invalid in both. The cache holds images in 1/255, disparity as uint16 in 1/256, which is exact,
    and depth as float32, since it reaches from metres to 121 km.
    """

    name: ClassVar[str] = "cityscapes"
    layout: ClassVar[str] = (
        "{leftImg8bit,gtFine,disparity,camera}/{train,val}/<city>/<city>_<sequence>_<frame>_"
        "{leftImg8bit.png,gtFine_labelIds.png,disparity.png,camera.json}"
    )
    licence: ClassVar[str] = "not for commercial use, see the home page"
    homepage: ClassVar[str] = "https://www.cityscapes-dataset.com"
    counts: ClassVar[Mapping[str, int]] = {"train": 2975, "test": 500}

    def __init__(self, classes: int = 19, height: int = 256, width: int = 512) -> None:
        self._size, self._table = (height, width), label_table(classes)
        self.input = Input((3, height, width))
        self.targets = {
            "segmentation": Target(
                "class", self._size, classes=classes, names=NAMES[classes], ignore=255
            ),
            "disparity": Target("value", self._size),
            "depth": Target("value", self._size, geometry="distance"),
        }

    def codings(self) -> Mapping[str, Coding]:
        """Return the default ones, but 16 bits for disparity."""
        exact = Values(self._size, dtype="uint16", scale=STEPS, positive=True)
        return {**super().codings(), "disparity": exact}

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the frames of which there is any file, by city and name."""
        return {
            part: [_sample(place, city, frame) for city, frame in _frames(folder, place)]
            for part, place in PLACES.items()
        }

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays in the options' size."""
        paths = {name: folder / path for name, path in sample.files.items()}
        image = read_image(paths["input"])
        ids = _read_map(paths["segmentation"], "uint8")
        steps = _read_map(paths["disparity"], "uint16")
        for column, values in (("segmentation", ids), ("disparity", steps)):
            check_size(paths[column], values, paths["input"], image)
        if ids.max() >= IDS:
            raise DataError(
                f"{paths['segmentation']} holds id {ids.max()}, and ids end at {IDS - 1}; copy the "
                "file of label ids, not of train ids, anew."
            )
        steps = resize_map(steps, self._size)
        disparity = np.maximum(steps.astype(np.float64) - 1, 0) / STEPS
        depth = np.zeros(self._size)
        np.divide(_scale(paths["camera"]), disparity, out=depth, where=disparity > 0)
        return {
            "input": resize_image(image, self._size),
            "segmentation": self._table[resize_map(ids, self._size)],
            "disparity": disparity,
            "depth": depth,
        }

    def fixture(self, root: Path) -> None:
        """Write seven frames of three cities for training and four of two for tests, 64×128."""
        generator = np.random.default_rng(0)
        cities = {"train": {"aachen": 2, "bochum": 3, "ulm": 2}, "val": {"lindau": 2, "munster": 2}}
        for place, counts in cities.items():
            for city, count in counts.items():
                for kind, _ in KINDS.values():
                    (root / kind / place / city).mkdir(parents=True)
                for number in range(count):
                    files = _sample(place, city, f"{city}_{number:06}_000019").files
                    _write_frame(root, files, generator)


def label_table(classes: int) -> np.ndarray:
    """Return the class of each id on disk, uint8; 255 where it is ignored.

    Args:
        classes: 19, or 7 for the categories.
    """
    names, table = NAMES[classes], np.full(IDS, 255, np.uint8)
    for category, members in CATEGORIES.items():
        for name, label in members.items():
            table[label] = names.index(category if names is CATEGORY_NAMES else name)
    return table


def _frames(folder: Path, place: str) -> list[tuple[str, str]]:
    """Return city and name of each frame of which there is any file."""
    found = set()
    for kind, ending in KINDS.values():
        if not (folder / kind / place).is_dir():
            raise DataError(
                f"{folder / kind / place} is missing; unpack {kind}_trainvaltest.zip in {folder}."
            )
        for path in (folder / kind / place).glob(f"*/*_{ending}"):
            if not path.name.startswith("."):
                found.add((path.parent.name, path.name.removesuffix(f"_{ending}")))
    return sorted(found)


def _sample(place: str, city: str, frame: str) -> Sample:
    files = {
        name: f"{kind}/{place}/{city}/{frame}_{ending}" for name, (kind, ending) in KINDS.items()
    }
    return Sample(frame, {**files, "depth": files["disparity"]}, group=city)


def _read_map(path: Path, dtype: str) -> np.ndarray:
    """Return the map ``(H, W)`` of a file of one channel.

    Raises:
        DataError: it cannot be read, or has other channels or another type.
    """
    pixels = read_pixels(path)
    if pixels.ndim != 2 or pixels.dtype != dtype:
        channels = 1 if pixels.ndim == 2 else len(pixels)
        raise DataError(
            f"{path} has {channels} channel(s) of {pixels.dtype}, and one of {dtype} is wanted; "
            "copy it anew."
        )
    return pixels


def _scale(path: Path) -> float:
    """Return baseline · fx of a camera file: metres of depth at a disparity of one pixel.

    Raises:
        DataError: it cannot be read, or has not these positive numbers.
    """
    try:
        camera = json.loads(path.read_text(encoding="utf-8"))
        baseline, fx = float(camera["extrinsic"]["baseline"]), float(camera["intrinsic"]["fx"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read ({one_line(error)}); it must hold extrinsic.baseline and "
            "intrinsic.fx: copy it anew."
        ) from error
    if not (0 < baseline < math.inf and 0 < fx < math.inf):
        raise DataError(
            f"{path} holds baseline {baseline:g} and fx {fx:g}, which must be above 0; copy it "
            "anew."
        )
    return baseline * fx


def _write_frame(root: Path, files: Mapping[str, str], generator: np.random.Generator) -> None:
    """Write a made-up frame: a road before houses and sky, ids of all kinds in a strip."""
    from PIL import Image

    image = generator.integers(0, 256, (64, 128, 3), dtype=np.uint8)
    labels = np.full((64, 128), 11, np.uint8)
    labels[:16] = 23
    labels[40:] = 7
    labels[24:32] = np.arange(128) % IDS
    labels[60:] = 1
    disparity = np.broadcast_to(256 * np.arange(64, dtype=np.uint16)[:, None], (64, 128)).copy()
    disparity += generator.integers(2, 256, (64, 128), dtype=np.uint16)
    disparity[:16] = 1
    disparity[:, :8] = 0
    Image.fromarray(image).save(root / files["input"])
    Image.fromarray(labels).save(root / files["segmentation"])
    Image.fromarray(disparity).save(root / files["disparity"])
    camera = {"extrinsic": {"baseline": 0.209313}, "intrinsic": {"fx": 2262.52, "fy": 2265.3}}
    (root / files["camera"]).write_text(json.dumps(camera))
