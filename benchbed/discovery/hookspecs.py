"""All hooks of benchbed: one signature and one line each. docs/hooks.md tells more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from benchbed.contracts.observed import ObservedRun
    from benchbed.discovery.spec import Spec

hookspec = pluggy.HookspecMarker("benchbed")
hookimpl = pluggy.HookimplMarker("benchbed")


@hookspec
def benchbed_architectures() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Architectures: networks for a set of tasks."""


@hookspec
def benchbed_backbones() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Backbones: feature pyramids that architectures build on."""


@hookspec
def benchbed_tasks() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Tasks: loss, prediction and metrics for one kind of target."""


@hookspec
def benchbed_datasets() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Data sets: inputs with a target for each task, in named splits."""


@hookspec
def benchbed_weightings() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Weighting strategies: tasks' losses or gradients into one update."""


@hookspec
def benchbed_transforms() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Batch transforms: augmentation on whole batches."""


@hookspec
def benchbed_executors() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Executors: where the runs of a plan are carried out."""


@hookspec
def benchbed_loggers() -> Iterable[Spec]:  # type: ignore[empty-body]
    """Loggers: where the curves of runs under way are written."""


@hookspec
def benchbed_protocols() -> Iterable[Path]:  # type: ignore[empty-body]
    """Paths of protocol files (TOML)."""


@hookspec
def benchbed_suites() -> Iterable[Path]:  # type: ignore[empty-body]
    """Paths of suite files (TOML)."""


@hookspec
def benchbed_published() -> Iterable[Path]:  # type: ignore[empty-body]
    """Paths of printed tables (CSV)."""


@hookspec
def benchbed_run_started(run: ObservedRun) -> None:
    """A run has started; called in the planning process."""


@hookspec
def benchbed_epoch_finished(run: ObservedRun, epoch: int, values: Mapping[str, float]) -> None:
    """An epoch of a run has ended; ``values`` are its losses and validation metrics."""


@hookspec
def benchbed_run_finished(run: ObservedRun, status: str, message: str) -> None:
    """A run has ended with status ``ok`` or ``failed``, and why."""


@hookspec
def benchbed_leaderboard_columns(  # type: ignore[empty-body]
    protocol: str, methods: tuple[str, ...]
) -> Mapping[str, Mapping[str, Any]]:
    """More leaderboard columns: title → {method: value}."""
