"""BSDS500: contours by several annotators."""

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
    list_files,
    read_image,
    read_mat,
    resize_image,
    resize_map,
)
from benchbed_zoo.datasets.parts.image_maps import save_photo, struct_field
from benchbed_zoo.datasets.rooms.render import edges
from benchbed_zoo.metrics.thinning import thin

ANNOTATORS: Final = 9
"""Most that an image has; all have four or more."""
ABSENT: Final = 255
PLACES: Final = ("BSR/BSDS500/data", "BSDS500/data", "data")
FOLDERS: Final = {"train": ("train", "val"), "test": ("test",)}


class BSDS500(FileDataset):
    """Photographs with contours by four to nine people: 300 for training, 200 for tests.

    P. Arbeláez et al.: Contour Detection and Hierarchical Image Segmentation, TPAMI 2011. Part
    ``train`` is ``train`` (200) and ``val`` (100), as in its guidelines and in K.-K. Maninis et
    al.: Attentive Single-Tasking of Multiple Tasks, CVPR 2019; it is also what ``validation`` is
    cut out of, in place of ``val``.

    The data's folder holds ``BSR/BSDS500/data``, ``BSDS500/data`` or ``data``, with
    ``images/{train,val,test}/<id>.jpg`` of 321×481 or 481×321 pixels and
    ``groundTruth/{train,val,test}/<id>.mat``: ``groundTruth`` is a cell array, a struct for each
    annotator, of which field ``Segmentation`` (uint16, the regions' numbers) is read.

    Target ``edges`` is ``(9, height, width)``: one map an annotator, 255 everywhere of those who
    are absent. All samples have one size, so images are resized to height×width (bicubic, with
    antialiasing), upright ones too; there is no way to keep their own. Contours are found at that
    size: the regions are resized to the nearest pixel, and pixels where one differs from any of its
    four neighbours' are thinned to lines. So lines stay connected and one pixel wide, which the
    field ``Boundaries``, resized, would not. The papers' code reads ``Boundaries``, and that of
    Maninis et al. joins the annotators' (one vote is enough). The cache keeps images in 1/255.
    """

    name: ClassVar[str] = "bsds500"
    layout: ClassVar[str] = "BSR/BSDS500/data/{images,groundTruth}/{train,val,test}/<id>.{jpg,mat}"
    licence: ClassVar[str] = "for non-commercial research and education, see the home page"
    homepage: ClassVar[str] = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/"
    counts: ClassVar[Mapping[str, int]] = {"train": 300, "test": 200}

    def __init__(self, height: int = 512, width: int = 512) -> None:
        self._size = height, width
        self.input = Input((3, height, width))
        shape = (ANNOTATORS, height, width)
        self.targets = {
            "edges": Target("class", shape, classes=2, names=("inside", "edge"), ignore=ABSENT)
        }

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the samples of which there is an image or an annotation, by number."""
        base = next((place for place in PLACES if (folder / place).is_dir()), None)
        if base is None:
            raise DataError(
                f"{folder} holds none of the folders {', '.join(PLACES)}; unpack "
                "BSR_bsds500.tgz there."
            )
        return {
            part: [sample for place in places for sample in _samples(folder, base, place)]
            for part, places in FOLDERS.items()
        }

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays at the wanted size."""
        image_path, path = (folder / sample.files[key] for key in ("input", "edges"))
        image = read_image(image_path)
        contours = np.full((ANNOTATORS, *self._size), ABSENT, np.uint8)
        for own, regions in zip(contours, _segmentations(path), strict=False):
            check_size(path, regions, image_path, image)
            own[...] = thin(edges(resize_map(regions, self._size)) > 0)
        return {"input": resize_image(image, self._size), "edges": contours}

    def fixture(self, root: Path) -> None:
        """Write five images for training and two for tests, with four to nine annotators."""
        generator = np.random.default_rng(0)
        base = root / PLACES[0]
        places = {
            "train": ("100075", "100080", "97017"),
            "val": ("101085", "3096"),
            "test": ("2018", "100007"),
        }
        for place, names in places.items():
            for number, name in enumerate(names):
                size = (481, 321) if number % 2 else (321, 481)
                save_photo(base / f"images/{place}/{name}.jpg", size, generator)
                annotators = (4, ANNOTATORS, 5)[number]
                _save_annotations(
                    base / f"groundTruth/{place}/{name}.mat",
                    [_made_up_regions(size, generator) for _ in range(annotators)],
                )


def _samples(folder: Path, base: str, place: str) -> list[Sample]:
    images, annotations = f"{base}/images/{place}", f"{base}/groundTruth/{place}"
    return [
        Sample(
            f"{place}/{name}",
            {"input": f"{images}/{name}.jpg", "edges": f"{annotations}/{name}.mat"},
        )
        for name in list_files([(folder / images, ".jpg"), (folder / annotations, ".mat")])
    ]


def _segmentations(path: Path) -> list[np.ndarray]:
    """Return each annotator's regions.

    Raises:
        DataError: there are none or too many, or they are no whole numbers.
    """
    cells = read_mat(path, "groundTruth").ravel()
    if not 1 <= len(cells) <= ANNOTATORS:
        raise DataError(
            f"{path} has {len(cells)} annotators, and 1 to {ANNOTATORS} are wanted; copy the file "
            "anew."
        )
    found = [struct_field(cell, "Segmentation", path) for cell in cells]
    for regions in found:
        if regions.dtype.kind not in "iu":
            raise DataError(
                f"{path}: field 'Segmentation' has type {regions.dtype}, and whole numbers are "
                "wanted; copy the file anew."
            )
    return found


def _made_up_regions(size: tuple[int, int], generator: np.random.Generator) -> np.ndarray:
    """Return three regions, cut by a wall and the ground, differently for each annotator."""
    regions = np.ones(size, np.uint16)
    regions[:, generator.integers(100, 200) :] = 2
    regions[generator.integers(220, 300) :] = 3
    return regions


def _save_annotations(path: Path, annotations: list[np.ndarray]) -> None:
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.empty((1, len(annotations)), dtype=object)
    for number, regions in enumerate(annotations):
        boundaries = thin(edges(regions) > 0)
        cells[0, number] = {"Segmentation": regions, "Boundaries": boundaries}
    savemat(path, {"groundTruth": cells}, do_compression=True)
