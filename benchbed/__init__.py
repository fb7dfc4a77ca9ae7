"""benchbed: a plugin-based benchmark harness for deep multi-task learning.

Everything is imported when it is first used; ``import benchbed`` alone loads neither torch nor
NumPy nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchbed.api import leaderboard, run
    from benchbed.architecture import Architecture, BuildContext, Phase
    from benchbed.backbone import Backbone
    from benchbed.dataset import Dataset, Input, Target
    from benchbed.delta import delta_m
    from benchbed.errors import BenchbedError
    from benchbed.geometry import Geometric, Placement
    from benchbed.hookspecs import hookimpl
    from benchbed.library import aggregate, backward, make_weighting
    from benchbed.spec import Option, Spec
    from benchbed.task import Task
    from benchbed.transform import Batch, Draws, Transform
    from benchbed.weighting import EpochInfo, Weighting, WeightingContext

_WHERE: Final = {
    "Architecture": "architecture",
    "Backbone": "backbone",
    "Batch": "transform",
    "BenchbedError": "errors",
    "BuildContext": "architecture",
    "Dataset": "dataset",
    "Draws": "transform",
    "EpochInfo": "weighting",
    "Geometric": "geometry",
    "Input": "dataset",
    "Option": "spec",
    "Phase": "architecture",
    "Placement": "geometry",
    "Spec": "spec",
    "Target": "dataset",
    "Task": "task",
    "Transform": "transform",
    "Weighting": "weighting",
    "WeightingContext": "weighting",
    "aggregate": "library",
    "backward": "library",
    "delta_m": "delta",
    "hookimpl": "hookspecs",
    "leaderboard": "api",
    "run": "api",
    "make_weighting": "library",
}

__all__ = [
    "Architecture",
    "Backbone",
    "Batch",
    "BenchbedError",
    "BuildContext",
    "Dataset",
    "Draws",
    "EpochInfo",
    "Geometric",
    "Input",
    "Option",
    "Phase",
    "Placement",
    "Spec",
    "Target",
    "Task",
    "Transform",
    "Weighting",
    "WeightingContext",
    "aggregate",
    "backward",
    "delta_m",
    "hookimpl",
    "leaderboard",
    "make_weighting",
    "run",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("benchbed")
    if name not in _WHERE:
        raise AttributeError(f"module 'benchbed' has no attribute {name!r}")
    return getattr(importlib.import_module(f"benchbed.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
