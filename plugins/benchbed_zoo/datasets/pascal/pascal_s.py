"""Salient objects: MSRA-10K for training, PASCAL-S for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import FileDataset, Sample
from benchbed.files.reading import (
    check_size,
    list_files,
    read_image,
    read_lines,
    resize_image,
    resize_map,
)
from benchbed_zoo.datasets.parts.image_maps import save_photo


class _Release(NamedTuple):
    """Folders of ``.jpg`` images and ``.png`` masks, and the list of names if there is one."""

    images: str
    masks: str
    names: str = ""


RELEASES: Final = {
    "train": (
        _Release("MSRA10K_Imgs_GT/Imgs", "MSRA10K_Imgs_GT/Imgs"),
        _Release("MSRA10K/Imgs", "MSRA10K/gt", "MSRA10K/gt_sets/trainval.txt"),
    ),
    "test": (
        _Release("datasets/imgs/pascal", "datasets/masks/pascal"),
        _Release("PASCAL-S/images", "PASCAL-S/masks", "PASCAL-S/gt_sets/all.txt"),
    ),
}
"""Of each part as its authors released it, and as K.-K. Maninis et al. (CVPR 2019) did."""


class PascalS(FileDataset):
    """Photographs with masks of salient objects: 10,000 for training, 850 for tests.

    Part ``train`` is MSRA-10K (M.-M. Cheng et al.: Global Contrast Based Salient Region Detection,
    TPAMI 2015; https://mmcheng.net/msra10k), part ``test`` PASCAL-S (Y. Li et al.: The Secrets of
    Salient Object Segmentation, CVPR 2014), as in K.-K. Maninis et al.: Attentive Single-Tasking of
    Multiple Tasks, CVPR 2019.

    The data's folder holds, of each part, the authors' release or that of Maninis et al.:

    - ``MSRA10K_Imgs_GT/Imgs/<id>.{jpg,png}``, or ``MSRA10K/Imgs/<id>.jpg`` with
      ``MSRA10K/gt/<id>.png`` for the ids of ``MSRA10K/gt_sets/trainval.txt``;
    - ``datasets/{imgs,masks}/pascal/<id>.{jpg,png}`` of salObj, or ``PASCAL-S/images/<id>.jpg``
      with ``PASCAL-S/masks/<id>.png`` for the ids of ``PASCAL-S/gt_sets/all.txt``.

    Masks are grey: 0 and 255 in MSRA-10K; in PASCAL-S the share of 12 subjects who chose the
    object, times 255. Salient is what is above one half (128 and more), as salObj's own code has
    it. That of Maninis et al. trains on masks as they are and, in effect, scores what is above 0.2:
    its first threshold overwrites the mask.

    Images are resized to height×width once (bicubic, with antialiasing), masks to the nearest
    pixel. The cache keeps images in 1/255.
    """

    name: ClassVar[str] = "pascal-s"
    layout: ClassVar[str] = (
        "MSRA10K_Imgs_GT/Imgs/<id>.{jpg,png} and datasets/{imgs,masks}/pascal/<id>.{jpg,png} of "
        "salObj"
    )
    licence: ClassVar[str] = "for research, see the home page"
    homepage: ClassVar[str] = "http://cbi.gatech.edu/salobj/"
    counts: ClassVar[Mapping[str, int]] = {"train": 10000, "test": 850}

    def __init__(self, height: int = 512, width: int = 512) -> None:
        self._size = height, width
        self.input = Input((3, height, width))
        self.targets = {
            "saliency": Target(
                "class", self._size, classes=2, names=("other", "salient"), ignore=255
            )
        }

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples that the list names, or of which there is an image or a mask."""
        return {part: _samples(folder, part) for part in RELEASES}

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays at the wanted size."""
        image_path, path = (folder / sample.files[key] for key in ("input", "saliency"))
        image, mask = read_image(image_path), _mask(path)
        check_size(path, mask, image_path, image)
        return {
            "input": resize_image(image, self._size),
            "saliency": resize_map((mask > 127).astype(np.uint8), self._size),
        }

    def fixture(self, root: Path) -> None:
        """Write six images for training and three for tests, as their authors released them."""
        generator = np.random.default_rng(0)
        names = {"train": ("147", "3405", "98", "115564", "200017", "6"), "test": ("1", "2", "10")}
        shares = {"train": (0, 255), "test": (0, 64, 106, 149, 255)}
        for part, (release, _) in RELEASES.items():
            for number, name in enumerate(names[part]):
                size = (60, 80) if number % 2 else (75, 50)
                save_photo(root / release.images / f"{name}.jpg", size, generator)
                mask = _made_up_mask(size, shares[part], generator)
                _save_mask(root / release.masks / f"{name}.png", mask)


def _samples(folder: Path, part: str) -> list[Sample]:
    """Return the samples of a part.

    Raises:
        DataError: neither of its releases is there.
    """
    for images, masks, listed in RELEASES[part]:
        if (folder / images).is_dir():
            names = (
                read_lines(folder / listed)
                if listed
                else list_files([(folder / images, ".jpg"), (folder / masks, ".png")])
            )
            return [
                Sample(
                    f"{part}/{name}",
                    {"input": f"{images}/{name}.jpg", "saliency": f"{masks}/{name}.png"},
                )
                for name in names
            ]
    either = " nor ".join(release.images for release in RELEASES[part])
    raise DataError(f"{folder} holds neither {either}; unpack the images of part '{part}' there.")


def _mask(path: Path) -> np.ndarray:
    """Return a mask's values, 0 to 255.

    Raises:
        DataError: it is in colours, or of 0 and 1.
    """
    picture = read_image(path)
    if (picture != picture[:1]).any():
        raise DataError(f"{path} is in colours, and a mask is grey; copy the original.")
    if picture.max() == 1:
        raise DataError(
            f"{path} has values of 0 and 1, and 255 is wanted for what is salient; copy the "
            "original."
        )
    return picture[0]


def _made_up_mask(
    size: tuple[int, int], shares: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """Return a mask with a box for each share, side by side."""
    mask = np.zeros(size, np.uint8)
    top = generator.integers(5, 20)
    for number, share in enumerate(shares):
        mask[top : top + 30, 10 * number : 10 * number + 10] = share
    return mask


def _save_mask(path: Path, mask: np.ndarray) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)
