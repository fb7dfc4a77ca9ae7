"""What the manifest says of the tasks of contours. Light: it imports none of them."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import MetricSpec, Option, Spec

_HIGHER: Final = MetricSpec(higher_is_better=True)
_MATCHED: Final = MetricSpec(higher_is_better=True, at_end=True)
SPECS: Final[tuple[Spec, ...]] = (
    Spec(
        id="edges",
        version="1.0",
        target="benchbed_zoo.tasks.edges:Edges",
        metrics={
            "pixel_F": _HIGHER,
            "pixel_AP": _HIGHER,
            "odsF": _MATCHED,
            "oisF": _MATCHED,
            "AP": _MATCHED,
        },
        summary="pixels on contours; balanced cross-entropy, F and average precision, odsF",
        citation=(
            "S. Xie, Z. Tu: Holistically-Nested Edge Detection, ICCV 2015; D. R. Martin et al.: "
            "Learning to Detect Natural Image Boundaries, PAMI 2004"
        ),
        options={
            "positive_weight": Option(
                float,
                0.95,
                "weight of pixels on contours, others have 1 less it; 0 balances each batch",
                minimum=0,
                maximum=1,
            ),
            "annotators": Option(
                str,
                "consensus",
                "positive where annotators agree, or multiple instance learning (Kokkinos)",
                choices=("consensus", "mil"),
            ),
            "agreement": Option(
                float,
                0.5,
                "the share of annotators above which they agree on a contour",
                minimum=0,
                maximum=0.99,
            ),
            "bag": Option(
                int,
                2,
                "pixels to each side that a contour may move under mil",
                minimum=0,
                maximum=64,
            ),
            "matching": Option(
                bool, False, "odsF, oisF and AP by matching too, when the test split is scored"
            ),
            "thresholds": Option(
                int, 99, "0.01 to 0.99, or also 0.001 and 0.999", choices=(99, 101)
            ),
            "max_dist": Option(
                float,
                0.0075,
                "the largest distance of a match, as a share of the diagonal; 0.011 on NYUD",
                minimum=0,
                maximum=0.1,
            ),
            "ties": Option(
                str,
                "highest",
                "the best of an image's equally good thresholds, in oisF; lowest as in BSDS, seism",
                choices=("highest", "lowest"),
                added=True,
            ),
            "empty": Option(
                str,
                "zero",
                "precision where nothing is predicted, in AP; one as in seism",
                choices=("zero", "one"),
                added=True,
            ),
        },
    ),
)
