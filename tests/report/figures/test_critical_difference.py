"""The critical-difference diagram: what it holds, and that it can be rendered."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchbed.contracts.drawing import to_png
from benchbed.report.figures.critical_difference import draw_critical_difference
from benchbed.report.statistics.protocols import (
    CriticalDifference,
)

LONG = "hps:backbone=resnet18,backbone.width=64+uncertainty:form=liebel,scale=$x$"
RESULT = CriticalDifference(
    mean_ranks={"a": 1.25, LONG: 2.5, "c": 2.75, "d": 3.5},
    difference=1.3,
    p_value=0.0123,
    datasets=14,
    level=0.95,
    groups=(("a", LONG), (LONG, "c", "d")),
)


def lines(figure: Figure, kind: str) -> list[np.ndarray]:
    """The horizontal ends of the lines of a kind."""
    return [line.get_xdata() for line in figure.axes[0].lines if line.get_gid() == kind]


def texts(figure: Figure) -> list[str]:
    return [text.get_text().replace("\n", "") for text in figure.axes[0].texts]


def test_bars_join_the_groups_and_the_ruler_is_to_scale():
    figure = draw_critical_difference(RESULT)
    assert np.array_equal(lines(figure, "group"), [[1.25, 2.5], [2.5, 3.5]])
    (ruler,) = lines(figure, "ruler")
    assert np.diff(ruler) == pytest.approx(1.3)


def test_every_method_has_its_name_and_rank_the_better_half_on_the_left():
    figure = draw_critical_difference(RESULT)
    for label in ("a  1.25", f"{LONG}  2.50", "2.75  c", "3.50  d", "critical difference 1.30"):
        assert label in texts(figure)
    heights = [text.xy[1] for text in figure.axes[0].texts if hasattr(text, "xy")]
    assert heights[0] == heights[3] < heights[1] == heights[2]


def test_the_title_says_how_much_the_diagram_rests_on():
    title = draw_critical_difference(RESULT).get_suptitle()
    for words in ("14 data sets", "95 %", "p = 0.012"):
        assert words in title


def boxes(figure: Figure):
    to_png(figure)  # arranges the figure
    return figure.bbox, [text.get_window_extent() for text in figure.axes[0].texts]


@pytest.mark.parametrize("count", [3, 8, 15])
def test_long_names_stay_inside_the_figure_and_apart(count):
    ranks = {f"{LONG}{i}": 1.0 + i for i in range(count)}
    result = CriticalDifference(ranks, count - 1.5, 0.01, 12, 0.95, ())
    page, found = boxes(draw_critical_difference(result))
    assert len(found) == 2 * count + 1
    for i, box in enumerate(found):
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
        assert not any(box.overlaps(other) for other in found[:i])
