"""The groups of a leaderboard's columns, which a page can show and hide as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that belong together.

    Attributes:
        id: its name in a page.
        title: for people.
        apart: where text shows these columns in a table of their own, the sentence above it.
    """

    id: str
    title: str
    apart: str = ""


METHOD: Final = Group("method", "Method")
SCORES: Final = Group("scores", "Scores")
DELTA_M: Final = Group("delta-m", "Δm")
RUNS: Final = Group("runs", "Runs")
SIZE: Final = Group("size", "Size")
TRAINING: Final = Group("training", "Training")
SPEED: Final = Group("speed", "Speed")
GRADIENTS: Final = Group(
    "gradients",
    "Gradients",
    apart="Cosines of the tasks' gradients of the parameters that they share, in each epoch's "
    "first step; mean over epochs ± standard deviation over seeds:",
)
PLUGINS: Final = Group("plugins", "Plugins")
SOURCE: Final = Group("source", "Source")

GROUPS: Final = (
    METHOD,
    SCORES,
    DELTA_M,
    RUNS,
    SIZE,
    TRAINING,
    SPEED,
    GRADIENTS,
    PLUGINS,
    SOURCE,
)
"""All of them, in the order in which their columns are explained below a table."""
