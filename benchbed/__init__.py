"""benchbed: a plugin-based benchmark harness for deep multi-task learning.

Everything is imported when it is first used; ``import benchbed`` alone loads neither torch nor
NumPy nor pandas.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from benchbed.api import leaderboard, run
    from benchbed.api.models import load
    from benchbed.basics.errors import BenchbedError
    from benchbed.contracts.architecture import Architecture, BuildContext, Phase
    from benchbed.contracts.backbone import Backbone
    from benchbed.contracts.dataset import Dataset, Input, Target
    from benchbed.contracts.delta import delta_m
    from benchbed.contracts.geometry import Geometric
    from benchbed.contracts.logger import Logger
    from benchbed.contracts.placement import Placement
    from benchbed.contracts.task import Task
    from benchbed.contracts.transform import Batch, Draws, Transform
    from benchbed.contracts.weighting import EpochInfo, Weighting, WeightingContext
    from benchbed.discovery.hookspecs import hookimpl
    from benchbed.discovery.spec import MetricSpec, Option, Spec
    from benchbed.engine.library import aggregate, backward, make_weighting
    from benchbed.engine.waiting import drop_accumulated

_WHERE: Final = {
    "Architecture": "contracts.architecture",
    "Backbone": "contracts.backbone",
    "Batch": "contracts.transform",
    "BenchbedError": "basics.errors",
    "BuildContext": "contracts.architecture",
    "Dataset": "contracts.dataset",
    "Draws": "contracts.transform",
    "EpochInfo": "contracts.weighting",
    "Geometric": "contracts.geometry",
    "Input": "contracts.dataset",
    "Logger": "contracts.logger",
    "MetricSpec": "discovery.spec",
    "Option": "discovery.spec",
    "Phase": "contracts.architecture",
    "Placement": "contracts.placement",
    "Spec": "discovery.spec",
    "Target": "contracts.dataset",
    "Task": "contracts.task",
    "Transform": "contracts.transform",
    "Weighting": "contracts.weighting",
    "WeightingContext": "contracts.weighting",
    "aggregate": "engine.library",
    "backward": "engine.library",
    "drop_accumulated": "engine.waiting",
    "delta_m": "contracts.delta",
    "hookimpl": "discovery.hookspecs",
    "leaderboard": "api",
    "load": "api.models",
    "run": "api",
    "make_weighting": "engine.library",
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
    "Logger",
    "MetricSpec",
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
    "drop_accumulated",
    "hookimpl",
    "leaderboard",
    "load",
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
