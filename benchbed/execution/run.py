"""Carrying out a plan: runs, then measurements, each told to observers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchbed.basics.environment import cores
from benchbed.basics.errors import BenchbedWarning, one_line
from benchbed.contracts.dataset import Dataset
from benchbed.discovery.loading import load, make_component
from benchbed.discovery.registry import Registry
from benchbed.execution.executor import Executor, Observer, Result
from benchbed.execution.lines import All
from benchbed.execution.planned import Plan, PlannedRun

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(slots=True)
class Summary:
    """What became of a plan."""

    results: list[Result] = field(default_factory=list)
    measured: list[Result] = field(default_factory=list)

    @property
    def failed(self) -> list[Result]:
        """Runs that failed."""
        return _failed(self.results)

    @property
    def exit_code(self) -> int:
        """0 when all went well, 2 when every failure was a wrong name or option, 1 otherwise."""
        failed = [*self.failed, *_failed(self.measured)]
        if not failed:
            return 0
        return 2 if all(result.usage for result in failed) else 1


def _failed(results: Sequence[Result]) -> list[Result]:
    return [result for result in results if result.status == "failed"]


class Hooks:
    """Tells plugins' observing hooks what happens; one that raises is named once and goes on."""

    def __init__(self, registry: Registry, display: Observer) -> None:
        self._registry = registry
        self._display = display
        self._warned: set[str] = set()

    def _call(self, hook: str, **arguments: object) -> None:
        for function, accepted in self._registry.observers(hook):
            try:
                given = {name: arguments[name] for name in accepted}
                function(**given)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                name = f"{function.__module__}.{function.__name__}"
                if name not in self._warned:
                    self._warned.add(name)
                    message = f"Hook {name} failed: {one_line(error)}"
                    warnings.warn(message, BenchbedWarning, stacklevel=2)

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
        self._display.started(run)
        self._call("benchbed_run_started", run=run)

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """It goes on from a checkpoint; plugins were told its epochs when they ended."""
        self._display.resumed(run, earlier)

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """An epoch has ended."""
        self._display.epoch(run, epoch, seconds_left, values)
        self._call("benchbed_epoch_finished", run=run, epoch=epoch, values=values)

    def finished(self, result: Result) -> None:
        """A run has ended."""
        self._display.finished(result)
        self._call(
            "benchbed_run_finished", run=result.run, status=result.status, message=result.message
        )


def execute_plan(
    plan: Plan,
    registry: Registry,
    *,
    jobs: int,
    console: Console,
    executor: str = "local",
    measure: bool = True,
) -> Summary:
    """Train what a plan lacks, then measure the methods that have not been measured.

    Args:
        plan: the plan.
        registry: the installed plugins.
        jobs: runs side by side; measurements are made one by one.
        console: where progress is shown.
        executor: the name of the one that carries the runs out.
        measure: whether step times and memory are measured.

    Raises:
        PluginError: there is no such executor.
        StoreError: the results folder cannot be written.
        DataError: the data cannot be prepared.
        KeyboardInterrupt: after every process was stopped and nothing is half-written.
    """
    with make_executor(executor, registry, jobs) as workers:
        prepare_data(plan, console, measure=measure)
        return train_and_measure(plan, registry, workers, jobs, console, measure=measure)


def make_executor(name: str, registry: Registry, jobs: int) -> Executor:
    """Return an executor by its name.

    Raises:
        PluginError: there is no such executor.
    """
    return load(registry.get("executor", name).spec.target, Executor)(jobs)


def prepare_data(plan: Plan, console: Console, *, measure: bool) -> None:
    """Let the data set make what it needs, if anything of a plan is still to be done.

    Raises:
        DataError: data is missing or damaged, or the cache cannot be written.
    """
    # here and not above: whoever only imports benchbed shows no progress, and needs no rich
    from benchbed.execution.prepare import prepare

    if plan.missing or (measure and plan.measurements):
        job = plan.runs[0].job
        dataset = make_component(job.dataset, Dataset)
        root = Path(job.data_root) if job.data_root else None
        prepare(dataset, job.dataset.id, root, console)


def train_and_measure(
    plan: Plan,
    registry: Registry,
    workers: Executor,
    jobs: int,
    console: Console,
    *,
    measure: bool,
    listeners: Sequence[Observer] = (),
) -> Summary:
    """Train what a plan lacks, then measure what has not been measured; the data is prepared.

    ``listeners`` are told what happens to runs, beside the display and the plugins.

    Raises:
        StoreError: the results folder cannot be written.
        KeyboardInterrupt: after every process was stopped and nothing is half-written.
    """
    from benchbed.execution.progress import ProgressDisplay

    summary = Summary()
    missing = plan.missing
    if missing:
        with ProgressDisplay(len(missing), console) as display:
            workers.jobs = min(jobs, len(missing))
            told = All([display, *listeners])
            summary.results = carry_out(missing, workers, registry, told)

    # alone on the machine: beside other runs a step would take longer than it does
    unmeasured = measurable(plan, summary.results) if measure else []
    if unmeasured:
        with ProgressDisplay(len(unmeasured), console, "measuring") as display:
            workers.jobs = 1
            summary.measured = workers.execute(unmeasured, display)
    return summary


def carry_out(
    runs: Sequence[PlannedRun], executor: Executor, registry: Registry, display: Observer
) -> list[Result]:
    """Carry out runs and tell the display and the plugins."""
    return executor.execute(runs, Hooks(registry, display))


def measurable(plan: Plan, results: Sequence[Result]) -> list[PlannedRun]:
    """Return the measurements still to be made, of methods none of whose runs failed."""
    failed = {result.run.method for result in _failed(results)}
    return [
        PlannedRun(job, "new", shipped=plan.shipped)
        for job in plan.measurements
        if job.method not in failed
    ]


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return cores()
