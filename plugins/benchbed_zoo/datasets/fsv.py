"""FSV: frames of the video game GTA V."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Input, Target
from benchbed.files import Coding, Colours, FileDataset, Sample, Values
from benchbed.files.reading import check_size, read_image, read_lines, resize_image, resize_map

CLASSES: Final = ("background", "vehicle", "object")
TABLE: Final = np.array([0, 0, 1, 2, 0, 0, 0, 0], dtype=np.uint8)
"""The class of each of the game's kinds of objects; all but 2 and 3 are rare."""
STEPS: Final = 8192
"""What the 24-bit number of a disparity of 1 is."""
MINI: Final = 5000
"""The small version takes every n-th test frame, where n = frames // MINI."""
BLOCK: Final = 1000
"""Frames of consecutive numbers that validation does not divide."""
FILES: Final = {
    "input": "final.webp",
    "segmentation": "object_id.png",
    "albedo": "albedo.webp",
    "disparity": "disparity.webp",
}


class FSV(FileDataset):
    """Frames of GTA V: 223,197 for training, 50,080 for tests (5,008 with option ``mini``).

    P. Krähenbühl, Free Supervision from Video Games, CVPR 2018, with the lists and classes of
    K.-K. Maninis et al., Attentive Single-Tasking of Multiple Tasks (ASTMT), CVPR 2019, who score
    on every tenth test frame: ``mini`` takes each n-th with n = frames // 5000. Frames follow one
    another as in a video, so validation holds out blocks of 1,000 numbers, by the number that a
    frame's name ends with; only at a block's borders have frames neighbours on the other side.

    On disk, 8 bits a channel: ``final.webp``, the image; ``object_id.png``, in red the kind of
    object from 0 to 7, of which 2 becomes vehicle, 3 object, and the others background;
    ``albedo.webp``, RGB; ``disparity.webp``, lossless: (R + 256·G + 65536·B) / 8192, 0 invalid.
    ASTMT's code loses B, as it computes with 16 bits at most.

    ``disparity`` is what ASTMT's code calls depth and its tables disparity: an inverse depth in
    the game's unit, so no distance, which transforms of the image would scale. All is resized once
    to the options' height and width: images bicubic with antialiasing, maps to the nearest pixel
    (ASTMT resizes after augmentation, disparity linearly). The cache keeps images and albedo in
    1/255, disparity as float32, which is exact; a frame takes 2.9 MB of it at 512×512.
    """

    name: ClassVar[str] = "fsv"
    layout: ClassVar[str] = (
        "gt_sets/gta_{train,test}.txt, gta_{train,test}/<frame>_"
        "{final.webp,object_id.png,albedo.webp,disparity.webp}"
    )
    licence: ClassVar[str] = "for research, see the home page"
    homepage: ClassVar[str] = "https://www.philkr.net/papers/kraehenbuehl2018free/"

    def __init__(self, height: int = 512, width: int = 512, mini: bool = False) -> None:
        self._size, self._mini = (height, width), mini
        self.input = Input((3, height, width))
        self.targets = {
            "segmentation": Target(
                "class", self._size, classes=len(CLASSES), names=CLASSES, ignore=255
            ),
            "albedo": Target("value", (3, height, width)),
            "disparity": Target("value", self._size),
        }

    def codings(self) -> Mapping[str, Coding]:
        """Return the default ones, but bytes for albedo, and 0 is invalid in disparity."""
        own = {
            "albedo": Colours((3, *self._size)),
            "disparity": Values(self._size, positive=True),
        }
        return {**super().codings(), **own}

    def find(self, folder: Path) -> Mapping[str, list[Sample]]:
        """Return the frames of the lists, in their order."""
        frames = {part: read_lines(folder / "gt_sets" / f"gta_{part}.txt") for part in self.parts}
        if self._mini:
            frames["test"] = frames["test"][:: max(1, len(frames["test"]) // MINI)]
        return {part: [_sample(part, frame) for frame in frames[part]] for part in self.parts}

    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays in the options' size."""
        paths = {column: folder / path for column, path in sample.files.items()}
        _check_lossless(paths["disparity"])
        found = {column: read_image(path) for column, path in paths.items()}
        for column, path in paths.items():
            check_size(path, found[column], paths["input"], found["input"])
        kinds = found["segmentation"][0]
        if kinds.max() >= len(TABLE):
            raise DataError(
                f"{paths['segmentation']} holds {kinds.max()} in red, and kinds of objects end at "
                f"{len(TABLE) - 1}; copy it anew."
            )
        red, green, blue = resize_map(found["disparity"], self._size).astype(np.int64)
        return {
            "input": resize_image(found["input"], self._size),
            "segmentation": TABLE[resize_map(kinds, self._size)],
            "albedo": resize_map(found["albedo"], self._size),
            "disparity": (red + 256 * green + 65536 * blue) / STEPS,
        }

    def fixture(self, root: Path) -> None:
        """Write nine frames of three blocks for training and six for tests, 36×64."""
        generator = np.random.default_rng(0)
        frames = {"train": [0, 1, 2, 1000, 1001, 1002, 2000, 2001, 2002], "test": [*range(6)]}
        (root / "gt_sets").mkdir()
        for part, numbers in frames.items():
            (root / f"gta_{part}").mkdir()
            names = [f"{number:08}" for number in numbers]
            (root / "gt_sets" / f"gta_{part}.txt").write_text("\n".join(names) + "\n")
            for frame in names:
                _write_frame(root, _sample(part, frame).files, generator)


def block_of(frame: str) -> str:
    """Return the name of a frame's block; empty where its name does not end with a number."""
    found = re.fullmatch(r"(.*?)(\d+)", frame)
    return f"{found[1]}{int(found[2]) // BLOCK}" if found else ""


def _sample(part: str, frame: str) -> Sample:
    files = {column: f"gta_{part}/{frame}_{ending}" for column, ending in FILES.items()}
    return Sample(frame, files, group=block_of(frame))


def _check_lossless(path: Path) -> None:
    """Refuse a WebP file whose compression would have changed the numbers.

    Raises:
        DataError: it is so.
    """
    content, place = path.read_bytes(), 12
    chunks = set()
    while place + 8 <= len(content):
        chunks.add(content[place : place + 4])
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    if b"VP8 " in chunks:
        raise DataError(
            f"{path} is compressed with losses, which ruins its numbers of 24 bits; copy the "
            "original anew."
        )


def _write_frame(root: Path, files: Mapping[str, str], generator: np.random.Generator) -> None:
    """Write a made-up frame: noise, all kinds of objects in columns, sky without disparity."""
    from PIL import Image

    image, albedo, numbers = generator.integers(0, 256, (3, 36, 64, 3), dtype=np.uint8)
    kinds = np.zeros((36, 64, 3), np.uint8)
    kinds[..., 0] = np.arange(64) // 8
    kinds[..., 1:] = generator.integers(0, 256, (36, 64, 2))
    numbers[:6] = 0
    Image.fromarray(image).save(root / files["input"], quality=90)
    Image.fromarray(kinds).save(root / files["segmentation"])
    Image.fromarray(albedo).save(root / files["albedo"], quality=90)
    Image.fromarray(numbers).save(root / files["disparity"], lossless=True, exact=True)
