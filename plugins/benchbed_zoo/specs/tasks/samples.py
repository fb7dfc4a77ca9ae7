"""What the manifest says of the tasks of one class or number a sample. Light: it imports none."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import MetricSpec, Option, Spec

_HIGHER: Final = MetricSpec(higher_is_better=True)
_LOWER: Final = MetricSpec(higher_is_better=False)
SPECS: Final = (
    Spec(
        id="classification",
        version="1.0",
        target="benchbed_zoo.tasks.classification:Classification",
        metrics={"accuracy": _HIGHER, "macro_accuracy": _HIGHER, "macro_f1": _HIGHER},
        summary="one of several classes for a sample; cross-entropy, accuracy",
        options={
            "f1": Option(bool, False, "also the mean of the classes' F1", added=True),
            "per_class": Option(bool, False, "also each class's accuracy", added=True),
            "confusion": Option(bool, False, "also the confusion matrix, in samples", added=True),
            "group": Option(
                str,
                "none",
                "also the accuracy of each group, as the data set groups its samples",
                added=True,
            ),
        },
    ),
    Spec(
        id="multi-label",
        version="1.0",
        target="benchbed_zoo.tasks.multi_label:MultiLabel",
        metrics={"accuracy": _HIGHER, "macro_f1": _HIGHER, "map": _HIGHER},
        summary="several labels for a sample; binary cross-entropy, accuracy, F1, mAP",
    ),
    Spec(
        id="regression",
        version="1.0",
        target="benchbed_zoo.tasks.regression:Regression",
        metrics={"mae": _LOWER, "rmse": _LOWER},
        summary="one real number for a sample; L1 or squared error, MAE and RMSE",
        options={"loss": Option(str, "l1", "the loss", choices=("l1", "l2"))},
    ),
)
