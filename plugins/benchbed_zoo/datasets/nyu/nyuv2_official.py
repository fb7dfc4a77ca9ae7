"""NYUv2 from its authors' own file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError, one_line
from benchbed.contracts.dataset import Input, Target
from benchbed.files import FileDataset, Sample
from benchbed.files.reading import read_mat, resize_image, resize_map
from benchbed_zoo.datasets.nyu.classes import CLASSES_40, RAW_CLASSES, RAW_IDS, class_table
from benchbed_zoo.datasets.nyu.nyuv2 import CLASSES

FILE: Final = "nyu_depth_v2_labeled.mat"
LISTS: Final = "splits.mat"
NUMBERS: Final = {"train": "trainNdxs", "test": "testNdxs"}
PLANE: Final = (640, 480)
"""Width and height, in which order HDF5 shows MATLAB's columns."""
ARRAYS: Final = {
    "images": ("uint8", (3, *PLANE)),
    "labels": ("uint16", PLANE),
    "depths": ("float32", PLANE),
}
"""Type and shape of what the file holds of an image."""


class NYUv2Official(FileDataset):
    """Indoor scenes of a Kinect: 1449 images of 464 scenes, 795 for training, 654 for tests.

    N. Silberman et al., Indoor Segmentation and Support Inference from RGBD Images, ECCV 2012.
    Targets are ``segmentation`` and ``depth``; the file has no normals.

    On disk ``nyu_depth_v2_labeled.mat`` (MATLAB 7.3, so HDF5, read with h5py), whose arrays HDF5
    shows transposed: images (1449, 3, 640, 480) uint8; labels (1449, 640, 480) uint16, 1 to 894 and
    0 where not annotated; depths (1449, 640, 480) float32 in metres, holes filled by the authors
    (``rawDepths``, which has them, is not read); names and scenes, cells of texts. And
    ``splits.mat`` with the official trainNdxs and testNdxs, from 1. No scene is on both sides, nor
    is one divided between training and validation.

    Labels become the 40 classes of S. Gupta et al., CVPR 2013, or those merged to the 13 of
    C. Couprie et al., ICLR 2013, in the alphabetical order of data set ``nyuv2``; the lists of ids
    are held here, and the names in the file are checked against them.

    Images are resized once, bicubic with antialiasing, labels and depth to the nearest pixel. The
    cache keeps images in 1/255 and depth as float32, as in the file.
    """

    name: ClassVar[str] = "nyuv2-official"
    layout: ClassVar[str] = f"{FILE} and {LISTS}"
    licence: ClassVar[str] = "none stated; for research, see the home page"
    homepage: ClassVar[str] = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"
    counts: ClassVar[Mapping[str, int]] = {"train": 795, "test": 654}

    def __init__(self, classes: int = 13, height: int = 480, width: int = 640) -> None:
        size, names = (height, width), CLASSES if classes == len(CLASSES) else CLASSES_40
        self._table = class_table(classes)
        self.input = Input((3, *size))
        self.targets = {
            "segmentation": Target("class", size, classes=classes, names=names, ignore=255),
            "depth": Target("value", size, geometry="distance"),
        }

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the images that the lists name, by number, grouped by scene."""
        with _opened(folder / FILE) as file:
            _check_arrays(file)
            _check_names(file)
            scenes = _texts(file, "scenes", len(file["images"]))
        lists = {part: _numbers(folder / LISTS, key, len(scenes)) for part, key in NUMBERS.items()}
        both = sorted(set(lists["train"]) & set(lists["test"]))
        if both:
            raise DataError(
                f"{folder / LISTS} names image {both[0]} for training and for tests; copy it anew."
            )
        files = dict.fromkeys(("input", *self.targets), FILE)
        return {
            part: [Sample(str(number), files, scenes[number - 1]) for number in numbers]
            for part, numbers in lists.items()
        }

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return an image with its maps, in the size of the options."""
        with _opened(folder / FILE) as file:
            image, labels, depth = (file[name][int(sample.id) - 1] for name in ARRAYS)
        if labels.max() > RAW_CLASSES:
            column, row = np.unravel_index(labels.argmax(), labels.shape)
            raise DataError(
                f"{folder / FILE} (labels of image {sample.id}): label {labels.max()} at row "
                f"{row}, column {column}, and there are {RAW_CLASSES} from 1 (0 is not annotated); "
                "copy the file anew."
            )
        size = self.input.shape[1:]
        return {
            "input": resize_image(image.swapaxes(1, 2), size),
            "segmentation": resize_map(self._table[labels.T], size),
            "depth": resize_map(depth.T, size),
        }

    def fixture(self, root: Path) -> None:
        """Write eight images of five scenes: five for training, three for tests."""
        from scipy.io import savemat

        scenes = ["kitchen_0001", "kitchen_0001", "bedroom_0004", "office_0002"]
        scenes += ["office_0002", "study_0003", "bedroom_0004", "cafe_0001"]
        with _h5py().File(root / FILE, "w", userblock_size=512) as file:
            for name, values in _made_up(len(scenes)).items():
                file.create_dataset(name, data=values, chunks=(1, *values.shape[1:]), compression=1)
            names = [f"thing {number}" for number in range(1, RAW_CLASSES + 1)]
            for name, number in RAW_IDS.items():
                names[number - 1] = name
            _write_cells(file, "names", names)
            _write_cells(file, "scenes", scenes)
        with (root / FILE).open("r+b") as block:
            block.write(b"MATLAB 7.3 MAT-file")
        lists = {"trainNdxs": [1, 2, 4, 5, 6], "testNdxs": [3, 7, 8]}
        savemat(root / LISTS, {key: np.array([n], np.uint16).T for key, n in lists.items()})


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f"{FILE} of nyuv2-official is read with h5py: install benchbed[data]."
        ) from error
    return h5py


def _opened(path: Path) -> Any:
    h5py = _h5py()
    try:
        return h5py.File(path, "r")
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; add it.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({one_line(error)}); copy it anew.") from error


def _check_arrays(file: Any) -> None:
    for name, (dtype, shape) in ARRAYS.items():
        if name not in file:
            raise DataError(f"{file.filename} has no variable '{name}'; copy the file anew.")
        found = file[name]
        if found.dtype != dtype or found.shape[1:] != shape:
            raise DataError(
                f"{file.filename}: {name} is {found.dtype} of shape {found.shape}, and {dtype} of "
                f"shape {('N', *shape)} is wanted; copy the file anew."
            )
        if len(found) != len(file["images"]):
            raise DataError(
                f"{file.filename} holds {len(file['images'])} images and {len(found)} {name}; copy "
                "the file anew."
            )


def _check_names(file: Any) -> None:
    """Refuse another vocabulary than the one whose ids are held here."""
    names = _texts(file, "names", RAW_CLASSES)
    for name, number in RAW_IDS.items():
        if names[number - 1] != name:
            raise DataError(
                f"{file.filename}: class {number} is '{names[number - 1]}' and should be '{name}'; "
                "copy the authors' file anew."
            )


def _texts(file: Any, name: str, count: int) -> list[str]:
    """Return a cell array of texts, each an array of characters that the cell refers to."""
    try:
        cells = file[name][()].ravel()
        texts = ["".join(map(chr, file[cell][()].ravel())) for cell in cells]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{file.filename}: '{name}' is no cell array of texts ({one_line(error)}); copy the "
            "file anew."
        ) from error
    if len(texts) != count:
        raise DataError(
            f"{file.filename}: '{name}' has {len(texts)} texts, and {count} are wanted; copy the "
            "file anew."
        )
    return texts


def _numbers(path: Path, key: str, count: int) -> list[int]:
    if not path.is_file():
        raise DataError(f"{path} is missing; add it.")
    numbers = np.asarray(read_mat(path, key)).ravel()
    known = np.isin(numbers, np.arange(1, count + 1))
    if not known.all():
        raise DataError(
            f"{path}: '{key}' names image {numbers[~known][0]}, and {FILE} holds images 1 to "
            f"{count}; copy both anew."
        )
    if len(np.unique(numbers)) < len(numbers):
        raise DataError(f"{path}: '{key}' names an image twice; copy it anew.")
    return [int(number) for number in numbers]


def _write_cells(file: Any, name: str, texts: list[str]) -> None:
    cells = file.create_dataset(name, (1, len(texts)), _h5py().ref_dtype)
    for place, text in enumerate(texts):
        characters = np.array([list(map(ord, text))], np.uint16).T
        cells[0, place] = file.create_dataset(f"#refs#/{name}{place}", data=characters).ref


def _made_up(count: int) -> dict[str, np.ndarray]:
    """Return arrays of made-up images: stripes before which a box of some class stands."""
    images = np.zeros((count, 3, *PLANE), np.uint8)
    labels = np.full((count, *PLANE), RAW_IDS["wall"], np.uint16)
    depths = np.full((count, *PLANE), 3.25, np.float32)
    images[...] = (np.arange(PLANE[0]) // 4)[:, np.newaxis]
    images[:, 1] = np.arange(PLANE[1]) // 4
    labels[:, :, 400:] = RAW_IDS["floor"]
    labels[:, :8] = 0
    for place, number in enumerate([157, 5, 8, 12, 894, 1, 88, 19][:count]):
        labels[place, 200:360, 240:420] = number
        depths[place, 200:360, 240:420] = 1.5 + place / 8
        images[place, 2] = 20 * place
    raw = depths.copy()
    raw[:, 300:340] = 0
    return {"images": images, "labels": labels, "depths": depths, "rawDepths": raw}
