"""What the manifest says of the tasks of maps of real numbers. Light: it imports none of them."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import MetricSpec, Option, Spec

_HIGHER: Final = MetricSpec(higher_is_better=True)
_LOWER: Final = MetricSpec(higher_is_better=False)
_RMSE: Final = Option(
    str,
    "pixels",
    "RMSE over all pixels, or the mean of each image's",
    choices=("pixels", "images"),
)

SPECS: Final[tuple[Spec, ...]] = (
    Spec(
        id="depth",
        version="1.0",
        target="benchbed_zoo.tasks.depth:Depth",
        metrics={
            "abs_err": _LOWER,
            "rel_err": _LOWER,
            "delta_1": _HIGHER,
            "delta_2": _HIGHER,
            "delta_3": _HIGHER,
            "rmse": _LOWER,
        },
        summary="depth or disparity of each pixel; L1, absolute and relative error",
        citation="D. Eigen, C. Puhrsch, R. Fergus: Depth Map Prediction from a Single Image using "
        "a Multi-Scale Deep Network, NIPS 2014, eq. 4 (si-log) and section 4.2",
        options={
            "loss": Option(
                str,
                "l1",
                "l1-sobel adds the errors of Sobel derivatives; si-log is scale-invariant",
                choices=("l1", "l2", "l1-sobel", "si-log"),
            ),
            "rmse": _RMSE,
        },
    ),
    Spec(
        id="normals",
        version="1.0",
        target="benchbed_zoo.tasks.normals:Normals",
        metrics={
            "mean": _LOWER,
            "median": _LOWER,
            "rmse": _LOWER,
            "within_11.25": _HIGHER,
            "within_22.5": _HIGHER,
            "within_30": _HIGHER,
            "median_of_batches": _LOWER,
        },
        summary="surface normal of each pixel; cosine or L1, angles in degrees",
        options={
            "loss": Option(
                str, "cosine", "1 − cosine, or L1 of unit vectors", choices=("cosine", "l1")
            ),
            "median_of_batches": Option(
                bool, False, "also the mean of batches' medians, which depends on the batches"
            ),
        },
    ),
    Spec(
        id="albedo",
        version="1.0",
        target="benchbed_zoo.tasks.albedo:Albedo",
        metrics={"rmse": _LOWER},
        summary="RGB albedo of each pixel; L1, RMSE",
        options={"rmse": _RMSE},
    ),
)
