"""Carrying out a plan: runs, then measurements, each told to observers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchbed.basics.environment import cores
from benchbed.basics.errors import one_line
from benchbed.discovery.registry import Registry
from benchbed.execution.executor import Executor, Observer, Result
from benchbed.execution.plan import Plan, PlannedRun


@dataclass(slots=True)
class Summary:
    """What became of a plan."""

    results: list[Result] = field(default_factory=list)
    measured: list[Result] = field(default_factory=list)

    @property
    def failed(self) -> list[Result]:
        """Runs that failed."""
        return [result for result in self.results if result.status == "failed"]

    @property
    def exit_code(self) -> int:
        """0 when all went well, 2 when every failure was a wrong name or option, 1 otherwise."""
        failed = [r for r in [*self.results, *self.measured] if r.status == "failed"]
        if not failed:
            return 0
        return 2 if all(result.usage for result in failed) else 1


class Hooks:
    """Tells plugins' observing hooks what happens; one that raises is named once and goes on."""

    def __init__(self, registry: Registry, display: Observer) -> None:
        self._registry = registry
        self._display = display
        self._warned: set[str] = set()

    def _call(self, hook: str, **arguments: object) -> None:
        for function, accepted in self._registry.observers(hook):
            try:
                function(**{name: arguments[name] for name in accepted})
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                name = f"{function.__module__}.{function.__name__}"
                if name not in self._warned:
                    self._warned.add(name)
                    warnings.warn(f"Hook {name} failed: {one_line(error)}", stacklevel=2)

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
        self._display.started(run)
        self._call("benchbed_run_started", run=run)

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


def carry_out(
    runs: Sequence[PlannedRun], executor: Executor, registry: Registry, display: Observer
) -> list[Result]:
    """Carry out runs and tell the display and the plugins."""
    return executor.execute(runs, Hooks(registry, display))


def measurable(plan: Plan, results: Sequence[Result]) -> list[PlannedRun]:
    """Return the measurements still to be made, of methods none of whose runs failed."""
    failed = {result.run.job.method for result in results if result.status == "failed"}
    return [PlannedRun(job, "new") for job in plan.measurements if job.method not in failed]


def default_jobs() -> int:
    """Return the number of cores that this process may use."""
    return cores()
