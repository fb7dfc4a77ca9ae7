"""The data sets that travel with benchbed: embedded in a package, or rendered from a seed."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import Option, Spec


def _count(default: int, what: str) -> Option:
    return Option(int, default, what, minimum=1, maximum=10**7)


SPECS: Final = [
    Spec(
        id="digits",
        version="1.0",
        target="benchbed_zoo.datasets.digits:Digits",
        summary="1797 real handwritten digits of 8×8 pixels: digit, holes, parity",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
    ),
    Spec(
        id="rooms",
        version="1.0",
        target="benchbed_zoo.datasets.rooms.dataset:Rooms",
        summary="indoor scenes ray-cast from a seed, with exact maps for seven dense tasks",
        options={
            "height": Option(int, 64, "of the images in pixels", minimum=16, maximum=4096),
            "width": Option(int, 64, "of the images in pixels", minimum=16, maximum=4096),
            "train": _count(700, "number of images for training"),
            "validation": _count(100, "number of images for validation"),
            "test": _count(200, "number of images for tests"),
            "seed": Option(int, 0, "of all scenes", minimum=0, maximum=2**53),
            "people": Option(float, 0.6, "share of rooms with a figure", minimum=0, maximum=1),
        },
    ),
]
