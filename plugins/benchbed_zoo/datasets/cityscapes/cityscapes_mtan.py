"""Cityscapes in the format of MTAN's release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import Coding, FileDataset, Sample, Values
from benchbed.files.reading import channels_first, read_array
from benchbed_zoo.datasets.cityscapes.cityscapes import NAMES as OFFICIAL_NAMES
from benchbed_zoo.datasets.cityscapes.cityscapes import PLACES
from benchbed_zoo.datasets.nyu.nyuv2 import numbered, void_as_ignored

NAMES: Final = {2: ("background", "foreground"), **OFFICIAL_NAMES}
"""Names of the classes, in the order of the official ids."""


class CityscapesMTAN(FileDataset):
    """Cityscapes at 128×256 or 256×512: 2,975 images for training, 500 for tests.

    ``{train,val}/{image,label_<classes>,depth}/<i>.npy``, as released by S. Liu et al., End-to-End
    Multi-Task Learning with Attention, CVPR 2019, from M. Cordts et al., CVPR 2016. Labels of 7
    classes may also lie in ``label``, where LibMTL reads them. Part ``test`` is the folder ``val``,
    on which papers score. Which image is of which city is not known, so images of one city stand on
    both sides of the cut into training and validation.

    On disk: image ``(H, W, 3)`` in [0, 1]; label ``(H, W)``, -1 where not annotated (void); depth
    ``(H, W, 1)``, 0 invalid; any floating type (whole numbers for labels as well). Nothing is
    resized: the options' height and width must be those of the files.

    ``depth`` has the name that papers give it, but is inverse depth: the official disparity's
    16-bit numbers divided by 65,535, so that near is large and 0.4922 the largest. It is therefore
    no distance, which transforms of the image would scale. The cache keeps images in 1/255, depth
    as float32.
    """

    name: ClassVar[str] = "cityscapes-mtan"
    layout: ClassVar[str] = "{train,val}/{image,label_{2,7,19} or label,depth}/<i>.npy"
    licence: ClassVar[str] = "not for commercial use, see https://www.cityscapes-dataset.com"
    homepage: ClassVar[str] = "https://github.com/lorenmt/mtan"
    counts: ClassVar[Mapping[str, int]] = {"train": 2975, "test": 500}

    def __init__(self, classes: int = 7, height: int = 128, width: int = 256) -> None:
        self._classes, self._size = classes, (height, width)
        self.input = Input((3, height, width))
        self.targets = {
            "segmentation": Target(
                "class", self._size, classes=classes, names=NAMES[classes], ignore=255
            ),
            "depth": Target("value", self._size),
        }

    def codings(self) -> Mapping[str, Coding]:
        """Return the default ones, but 0 is invalid in depth."""
        return {**super().codings(), "depth": Values(self._size, positive=True)}

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples of which there is any file, by number."""
        return {part: self._samples(folder, place) for part, place in PLACES.items()}

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays, channels first, -1 as 255."""
        found = {column: read_array(folder / path) for column, path in sample.files.items()}
        wanted = {"input": (*self._size, 3), "segmentation": self._size, "depth": (*self._size, 1)}
        for column, shape in wanted.items():
            self._check_shape(folder / sample.files[column], found[column].shape, shape)
        return {
            "input": channels_first(found["input"]),
            "segmentation": void_as_ignored(found["segmentation"]),
            "depth": found["depth"][..., 0],
        }

    def fixture(self, root: Path) -> None:
        """Write three images for training and two for tests, with labels of 2, 7 and 19 classes."""
        generator = np.random.default_rng(0)
        for place, count in (("train", 3), ("val", 2)):
            for number in range(count):
                for kind, values in _scene(generator, self._size).items():
                    (root / place / kind).mkdir(parents=True, exist_ok=True)
                    np.save(root / place / kind / f"{number}.npy", values)

    def _samples(self, folder: Path, place: str) -> list[Sample]:
        labels = self._labels(folder / place)
        kinds = {"input": "image", "segmentation": labels, "depth": "depth"}
        return numbered(folder, place, kinds)

    def _labels(self, place: Path) -> str:
        """Return the name of the folder of labels.

        Raises:
            DataError: there is none of so many classes.
        """
        names = [f"label_{self._classes}"] + ["label"] * (self._classes == 7)
        found = [name for name in names if (place / name).is_dir()]
        if not found:
            others = sorted(path.name for path in place.glob("label*"))
            remedy = f"set the option classes to fit {', '.join(others)}" if others else "add it"
            raise DataError(f"{place / names[0]} is missing; {remedy}.")
        return found[0]

    def _check_shape(self, path: Path, shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
        """Refuse an array of another shape.

        Raises:
            DataError: with the options that would fit, where the array has a height and a width.
        """
        if shape == wanted:
            return
        if len(shape) == len(wanted) and shape[2:] == wanted[2:]:
            raise DataError(
                f"{path} has shape {shape}, and the options say {wanted}; set height={shape[0]} "
                f"and width={shape[1]} if all files are so, or copy this one anew."
            )
        raise DataError(f"{path} has shape {shape}, and {wanted} is wanted; copy it anew.")


def _scene(generator: np.random.Generator, size: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the arrays of a made-up sample by folder: all classes in columns, void above."""
    height, width = size
    scene = {"image": generator.random((height, width, 3), dtype=np.float32)}
    for classes in NAMES:
        label = np.tile((np.arange(width) % classes).astype(np.float32), (height, 1))
        label[: height // 8] = -1
        scene[f"label_{classes}"] = label
    depth = generator.integers(1, 32258, (height, width, 1)) / np.float32(65535)
    depth[:, : width // 8] = 0
    return {**scene, "depth": depth.astype(np.float32)}
