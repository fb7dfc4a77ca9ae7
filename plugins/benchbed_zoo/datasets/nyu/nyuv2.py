"""NYUv2 in the format of MTAN's release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import FileDataset, Sample
from benchbed.files.reading import channels_first, list_files, read_array
from benchbed_zoo.datasets.parts.class_names import NYU13 as CLASSES

PLANE: Final = (288, 384)
FOLDERS: Final = {"train": "train", "test": "val"}
FILES: Final = {
    "input": "image",
    "segmentation": "label",
    "depth": "depth",
    "normals": "normal",
}


CHANNELS: Final[Mapping[str, tuple[int, ...]]] = {
    "input": (3,),
    "segmentation": (),
    "depth": (1,),
    "normals": (3,),
}


class NYUv2(FileDataset):
    """Indoor scenes of a Kinect, 3×288×384: 795 images for training, 654 for tests.

    ``{train,val}/{image,label,depth,normal}/<i>.npy``, as released by S. Liu et al., End-to-End
    Multi-Task Learning with Attention, CVPR 2019; images rescaled from N. Silberman et al., Indoor
    Segmentation and Support Inference from RGBD Images, ECCV 2012, normals of D. Eigen and
    R. Fergus, ICCV 2015. Part ``test`` is the folder ``val``, on which papers score.

    Normals are left as they are. The release does not say which way their axes point; if y points
    up, as in NYUv2's published normals, turning them in the plane (transform ``affine``) is right
    only if x points left as well. Flips are right either way.

    On disk: image ``(H, W, 3)`` in [0, 1]; label ``(H, W)``, -1 where not annotated; depth
    ``(H, W, 1)`` in metres, 0 invalid; normal ``(H, W, 3)``, zero invalid; any floating type (whole
    numbers for labels as well). The cache keeps images in 1/255, depth as float32, normals in
    1/32767.
    """

    name: ClassVar[str] = "nyuv2"
    layout: ClassVar[str] = "{train,val}/{image,label,depth,normal}/<i>.npy"
    licence: ClassVar[str] = "for research, see the home page"
    homepage: ClassVar[str] = "https://github.com/lorenmt/mtan"
    counts: ClassVar[Mapping[str, int]] = {"train": 795, "test": 654}
    official: ClassVar[Mapping[str, str]] = {"trainval": "train", "test": "val"}

    def __init__(self) -> None:
        self.input = Input((3, *PLANE))
        self.targets = {
            "segmentation": Target("class", PLANE, classes=len(CLASSES), names=CLASSES, ignore=255),
            "depth": Target("value", PLANE, geometry="distance"),
            "normals": Target("value", (3, *PLANE), geometry="direction"),
        }

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples of which there is any file, by number."""
        return {part: numbered(folder, place, FILES) for part, place in FOLDERS.items()}

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays, channels first, -1 as 255."""
        found = {column: read_array(folder / path) for column, path in sample.files.items()}
        for column, channels in CHANNELS.items():
            shape, wanted = found[column].shape, (*PLANE, *channels)
            if shape != wanted:
                path = folder / sample.files[column]
                raise DataError(f"{path} has shape {shape}, and {wanted} is wanted; copy it anew.")
        return {
            "input": channels_first(found["input"]),
            "segmentation": void_as_ignored(found["segmentation"]),
            "depth": channels_first(found["depth"])[0],
            "normals": channels_first(found["normals"]),
        }

    def fixture(self, root: Path) -> None:
        """Write six images for training and four for tests."""
        generator = np.random.default_rng(0)
        for place, count in (("train", 6), ("val", 4)):
            for kind in FILES.values():
                (root / place / kind).mkdir(parents=True)
            for number in range(count):
                for kind, values in _scene(generator).items():
                    np.save(root / place / kind / f"{number}.npy", values)


def numbered(folder: Path, place: str, kinds: Mapping[str, str]) -> list[Sample]:
    """Return the samples of a part in MTAN's format, ``<place>/<kind>/<i>.npy``, by number.

    Args:
        folder: the data's.
        place: the part's folder.
        kinds: the folder of each column.
    """
    numbers = list_files((folder / place / kind, ".npy") for kind in kinds.values())
    return [
        Sample(
            f"{place}/{number}",
            {column: f"{place}/{kind}/{number}.npy" for column, kind in kinds.items()},
        )
        for number in numbers
    ]


def void_as_ignored(labels: np.ndarray) -> np.ndarray:
    """Return labels with -1 as 255."""
    return np.where(labels == -1, np.int64(255), labels)  # int8 lacks 255


def _scene(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Return the arrays of a made-up sample: a wall before which a box stands."""
    height, width = PLANE
    image = generator.random((height, width, 3), dtype=np.float32)
    label = np.full((height, width), 11.0, np.float32)
    label[200:] = 4
    label[100:250, 120:260] = generator.integers(0, 13)
    label[:8] = -1
    depth = np.full((height, width, 1), 3.5, np.float32)
    depth[100:250, 120:260] = 2.25
    depth[:, :8] = 0
    normal = np.zeros((height, width, 3), np.float32)
    normal[..., 2] = -1
    normal[200:] = (0, -1, 0)
    normal[:, :8] = 0
    return {"image": image, "label": label, "depth": depth, "normal": normal}
