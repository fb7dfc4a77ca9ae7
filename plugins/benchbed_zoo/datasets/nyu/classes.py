"""NYUv2's vocabularies: 894 names in its file, merged to 40 classes and those to 13."""

from __future__ import annotations

from typing import Final

import numpy as np

from benchbed_zoo.datasets.nyu.nyuv2 import CLASSES

RAW_CLASSES: Final = 894
"""Names in the authors' file; their ids start at 1, and 0 is not annotated."""
RAW_IDS: Final = {
    "wall": 21,
    "floor": 11,
    "cabinet": 3,
    "bed": 157,
    "chair": 5,
    "sofa": 83,
    "table": 19,
    "door": 28,
    "window": 59,
    "bookshelf": 88,
    "picture": 64,
    "counter": 7,
    "blinds": 80,
    "desk": 36,
    "shelves": 42,
    "curtain": 89,
    "dresser": 169,
    "pillow": 119,
    "mirror": 122,
    "floor mat": 143,
    "clothes": 141,
    "ceiling": 4,
    "books": 85,
    "refridgerator": 17,
    "television": 172,
    "paper": 15,
    "towel": 135,
    "shower curtain": 123,
    "box": 26,
    "whiteboard": 45,
    "person": 331,
    "night stand": 158,
    "toilet": 124,
    "sink": 24,
    "lamp": 144,
    "bathtub": 136,
    "bag": 55,
}
"""The first 37 of the 40 classes, in order: each is the raw name that it is called by."""
OTHER_STRUCTURE: Final = (
    *(8, 25, 33, 38, 51, 53, 57, 58, 62, 65, 79, 94, 104, 112, 134, 153, 215, 216, 223, 225, 238),
    *(241, 242, 256, 295, 301, 339, 342, 354, 363, 372, 380, 392, 408, 412, 453, 456, 463, 477),
    *(497, 541, 550, 553, 567, 573, 582, 591, 609, 612, 615, 642, 645, 657, 658, 659, 663, 667),
    *(668, 686, 700, 702, 777, 778, 782, 850, 861, 868, 874),
)
"""Raw ids of the 38th class."""
OTHER_FURNITURE: Final = (
    *(12, 43, 48, 50, 87, 106, 111, 161, 163, 174, 183, 204, 214, 219, 221, 224, 236, 262, 278),
    *(291, 298, 313, 343, 344, 356, 359, 373, 393, 401, 414, 418, 419, 430, 443, 444, 447, 448),
    *(457, 458, 460, 462, 475, 479, 485, 486, 493, 494, 498, 499, 509, 510, 515, 521, 524, 540),
    *(549, 551, 554, 556, 558, 576, 580, 608, 625, 703, 734, 770, 772, 797, 800, 803, 804, 813),
    *(814, 815, 820, 829, 835, 858, 863, 882, 892),
)
"""Raw ids of the 39th class; all that are in no other list are the 40th."""
CLASSES_40: Final = (*RAW_IDS, "otherstructure", "otherfurniture", "otherprop")
"""The 40 classes of S. Gupta et al., Perceptual Organization and Recognition of Indoor Scenes from
RGB-D Images, CVPR 2013, in their order and spelling."""
MERGED: Final = {
    "cabinet": "furniture",
    "door": "wall",
    "bookshelf": "furniture",
    "counter": "furniture",
    "blinds": "window",
    "desk": "table",
    "shelves": "furniture",
    "curtain": "window",
    "dresser": "furniture",
    "floor mat": "floor",
    "refridgerator": "furniture",
    "television": "tv",
    "night stand": "furniture",
    "otherfurniture": "furniture",
}
"""What becomes of the 40 classes among the 13 of C. Couprie et al., Indoor Semantic Segmentation
using Depth Information, ICLR 2013; the others keep their name there or are objects."""


def class_table(classes: int) -> np.ndarray:
    """Return the class of each raw id.

    Args:
        classes: 13 or 40.

    Returns:
        uint8 ``(895,)``: classes from 0, and 255 for id 0.
    """
    ids = {
        **{name: [number] for name, number in RAW_IDS.items()},
        "otherstructure": list(OTHER_STRUCTURE),
        "otherfurniture": list(OTHER_FURNITURE),
    }
    table = np.full(RAW_CLASSES + 1, _position("otherprop", classes), np.uint8)
    for name, numbers in ids.items():
        table[numbers] = _position(name, classes)
    table[0] = 255
    return table


def _position(name: str, classes: int) -> int:
    """Return the place of one of the 40 classes among 40 or 13."""
    if classes == len(CLASSES_40):
        return CLASSES_40.index(name)
    merged = MERGED.get(name, name)
    return CLASSES.index(merged if merged in CLASSES else "objects")
