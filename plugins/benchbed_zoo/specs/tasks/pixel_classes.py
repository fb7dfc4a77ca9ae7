"""What the manifest says of the tasks of maps of classes. Light: it imports none of them."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import MetricSpec, Option, Spec

_HIGHER: Final = MetricSpec(higher_is_better=True)
_CLASSES: Final = {
    "loss": Option(
        str,
        "ce",
        "cross-entropy, soft Dice of the batch, or their sum",
        choices=("ce", "dice", "ce-dice"),
    ),
    "weights": Option(
        str,
        "equal",
        "of the classes in the cross-entropy, numbers separated by spaces, or 'equal'",
    ),
    "absent": Option(
        str,
        "skip",
        "a class that a score is not defined for is left out of the mean or counted 0",
        choices=("skip", "zero"),
    ),
    "per_class": Option(bool, False, "the IoU of each class is a metric too"),
}

SPECS: Final = (
    Spec(
        id="segmentation",
        version="1.0",
        target="benchbed_zoo.tasks.segmentation:Segmentation",
        metrics={"mIoU": _HIGHER, "pixel_accuracy": _HIGHER, "mean_accuracy": _HIGHER},
        summary="one of several classes for each pixel; cross-entropy or Dice, mIoU",
        options=_CLASSES,
    ),
    Spec(
        id="human-parts",
        version="1.0",
        target="benchbed_zoo.tasks.human_parts:HumanParts",
        metrics={"mIoU": _HIGHER, "pixel_accuracy": _HIGHER, "mean_accuracy": _HIGHER},
        summary="segmentation of persons into parts; pictures without a person do not count",
        citation="Maninis et al.: Attentive Single-Tasking of Multiple Tasks, CVPR 2019",
        options=_CLASSES,
    ),
    Spec(
        id="saliency",
        version="1.0",
        target="benchbed_zoo.tasks.saliency:Saliency",
        metrics={"mIoU": _HIGHER, "maxF": _HIGHER, "maxF_0.3": _HIGHER},
        summary="salient pixels; balanced cross-entropy, mIoU and F at the best threshold",
        citation="Maninis et al.: Attentive Single-Tasking of Multiple Tasks, CVPR 2019",
        options={
            "thresholds": Option(
                int, 15, "number of thresholds of the metrics", minimum=1, maximum=10000
            ),
            "lowest": Option(float, 0.2, "the lowest threshold", minimum=0, maximum=1),
            "highest": Option(float, 0.9, "the highest threshold", minimum=0, maximum=1),
        },
    ),
)
