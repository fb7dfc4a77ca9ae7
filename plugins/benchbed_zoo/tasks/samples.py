"""What the manifest says of the tasks of one class or number a sample. Light: it imports none."""

from __future__ import annotations

from typing import Final

from benchbed.spec import Option, Spec

SPECS: Final = (
    Spec(
        id="classification",
        version="1.0",
        target="benchbed_zoo.tasks.classification:Classification",
        summary="one of several classes for a sample; cross-entropy, accuracy",
    ),
    Spec(
        id="regression",
        version="1.0",
        target="benchbed_zoo.tasks.regression:Regression",
        summary="one real number for a sample; L1 or squared error, MAE and RMSE",
        options={"loss": Option(str, "l1", "the loss", choices=("l1", "l2"))},
    ),
)
