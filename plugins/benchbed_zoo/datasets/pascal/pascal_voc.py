"""PASCAL VOC 2012 segmentation with the augmented training set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import FileDataset, Sample
from benchbed.files.reading import (
    check_size,
    read_image,
    read_lines,
    read_mat,
    read_pixels,
    resize_image,
    resize_map,
)
from benchbed_zoo.datasets.parts.class_names import VOC as CLASSES
from benchbed_zoo.datasets.parts.image_maps import save_photo, struct_field

DEVKIT: Final = "VOCdevkit/VOC2012/"
LISTS: Final = "ImageSets/Segmentation"
SBD: Final = "benchmark_RELEASE/dataset"


class PascalVOC(FileDataset):
    """Photographs with 21 classes: 10,582 images for training, 1,449 for tests.

    M. Everingham et al.: The PASCAL Visual Object Classes Challenge, IJCV 2010; the training set is
    augmented by B. Hariharan et al.: Semantic Contours from Inverse Detectors, ICCV 2011 (SBD).
    Part ``test`` is VOC's ``val``, on which papers score; part ``train`` is what VOC's ``train``
    and the augmented set name together, less ``val``, in the order of names.

    The data's folder is ``VOC2012`` itself or holds ``VOCdevkit/VOC2012``, with

    - ``JPEGImages/<id>.jpg``, of any size;
    - ``ImageSets/Segmentation/{train,val}.txt``, an id a line;
    - ``SegmentationClass/<id>.png`` with a palette, whose indices are the classes 0 to 20 and 255
      around objects and where they are difficult: the labels of VOC's own lists;
    - of the augmented set either ``ImageSets/Segmentation/trainaug.txt`` and
      ``SegmentationClassAug/<id>.png`` (grey; 0 to 20 and 255), or SBD's release beside
      ``VOCdevkit``: ``benchmark_RELEASE/dataset/{train,val}.txt`` and ``cls/<id>.mat``, uint8 in
      field ``Segmentation`` of the struct ``GTcls``. The list is taken if there are both.

    Images are resized to height×width once (bicubic, with antialiasing), labels to the nearest
    pixel; the code of K.-K. Maninis et al. (CVPR 2019) resizes after augmentation and scores at
    each image's own size. SBD's own copies of the images are not read. The cache keeps images in
    1/255 and labels as they are.
    """

    name: ClassVar[str] = "pascal-voc"
    layout: ClassVar[str] = (
        "VOCdevkit/VOC2012/{JPEGImages,SegmentationClass,SegmentationClassAug}/<id>.{jpg,png}, "
        "ImageSets/Segmentation/{train,val,trainaug}.txt; or instead of the augmented set's list "
        "and labels benchmark_RELEASE/dataset of SBD"
    )
    licence: ClassVar[str] = "images under Flickr's terms of use, see the home page"
    homepage: ClassVar[str] = "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/"
    counts: ClassVar[Mapping[str, int]] = {"train": 10582, "test": 1449}

    def __init__(self, height: int = 512, width: int = 512) -> None:
        self._size = height, width
        self.input = Input((3, height, width))
        self.targets = {
            "segmentation": Target(
                "class", self._size, classes=len(CLASSES), names=CLASSES, ignore=255
            )
        }

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples that the lists name; VOC's own label where it has one."""
        base = DEVKIT if (folder / DEVKIT).is_dir() else ""
        train, test = (read_lines(folder / base / LISTS / f"{x}.txt") for x in ("train", "val"))
        labels = _added(folder, base)
        labels |= {name: f"{base}SegmentationClass/{name}.png" for name in (*train, *test)}

        def sample(name: str) -> Sample:
            files = {"input": f"{base}JPEGImages/{name}.jpg", "segmentation": labels[name]}
            return Sample(name, files)

        return {
            "train": [sample(name) for name in sorted(labels.keys() - set(test))],
            "test": [sample(name) for name in test],
        }

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays at the wanted size."""
        image_path, path = (folder / sample.files[key] for key in ("input", "segmentation"))
        image = read_image(image_path)
        labels = _sbd_labels(path) if path.suffix == ".mat" else _labels(path)
        check_size(path, labels, image_path, image)
        return {
            "input": resize_image(image, self._size),
            "segmentation": resize_map(labels, self._size),
        }

    def fixture(self, root: Path) -> None:
        """Write seven images for training and two for tests, the augmented set in both layouts."""
        generator = np.random.default_rng(0)
        train = ("2007_000032", "2007_000039", "2007_000063", "2007_000068")
        test = ("2007_000033", "2007_000042")
        added = ("2008_000002", "2008_000015", "2009_000006")
        voc, sbd = root / DEVKIT, root / SBD
        for number, name in enumerate((*train, *test, *added)):
            size = (60, 80) if number % 2 else (75, 50)
            labels = _made_up_labels(size, generator)
            save_photo(voc / f"JPEGImages/{name}.jpg", size, generator)
            if name in added:
                _save_sbd(sbd / f"cls/{name}.mat", labels)
            else:
                labels[20:40, 10] = 255
                _save_png(voc / f"SegmentationClass/{name}.png", labels, palette=True)
            if name not in test:
                _save_png(voc / f"SegmentationClassAug/{name}.png", labels, palette=False)
        _save_list(voc / LISTS / "train.txt", train)
        _save_list(voc / LISTS / "val.txt", test)
        _save_list(voc / LISTS / "trainaug.txt", (*train, *added))
        _save_list(sbd / "train.txt", (*added[:2], test[0]))  # SBD divides the images otherwise
        _save_list(sbd / "val.txt", (*added[2:], train[0]))


def _added(folder: Path, base: str) -> dict[str, str]:
    """Return the label file of each image of the augmented set.

    Raises:
        DataError: neither layout is there.
    """
    listed = folder / base / LISTS / "trainaug.txt"
    if listed.is_file():
        return {name: f"{base}SegmentationClassAug/{name}.png" for name in read_lines(listed)}
    if (folder / SBD).is_dir():
        names = [x for part in ("train", "val") for x in read_lines(folder / SBD / f"{part}.txt")]
        return {name: f"{SBD}/cls/{name}.mat" for name in names}
    raise DataError(
        f"{listed} is missing, and so is the folder {folder / SBD}; add one of them: the augmented "
        "set's list with its SegmentationClassAug, or SBD's release."
    )


def _labels(path: Path) -> np.ndarray:
    """Return the values or palette indices of a picture of one channel.

    Raises:
        DataError: it has several channels.
    """
    labels = read_pixels(path)
    if labels.ndim != 2:
        raise DataError(
            f"{path} is a picture of {len(labels)} channels, and one is wanted, with the classes "
            "as values or palette indices; copy the original, without converting its colours."
        )
    return labels


def _sbd_labels(path: Path) -> np.ndarray:
    return struct_field(read_mat(path, "GTcls"), "Segmentation", path)


def _made_up_labels(size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    labels = np.zeros(size, np.uint8)
    labels[10:40, 5:30] = generator.integers(1, len(CLASSES))
    labels[30:55, 20:45] = generator.integers(1, len(CLASSES))
    return labels


def _save_list(path: Path, names: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}\n" for name in names))


def _save_png(path: Path, labels: np.ndarray, *, palette: bool) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels)
    if palette:
        picture.putpalette(bytes(255 - value % 256 for value in range(768)))
    picture.save(path)


def _save_sbd(path: Path, labels: np.ndarray) -> None:
    from scipy.io import savemat
    from scipy.sparse import csc_array

    path.parent.mkdir(parents=True, exist_ok=True)
    boundaries = np.empty((len(CLASSES) - 1, 1), dtype=object)
    boundaries[:, 0] = [csc_array(labels.shape, dtype=bool)] * len(boundaries)
    struct = {
        "Boundaries": boundaries,
        "Segmentation": labels,
        "CategoriesPresent": np.setdiff1d(labels, 0),
    }
    savemat(path, {"GTcls": struct}, do_compression=True)
