"""Every method is tried out before any is trained, and what is wrong is told for all at once."""

from __future__ import annotations

import signal
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from benchbed.basics.errors import BenchbedError, BenchbedWarning
from benchbed.basics.texts import counted
from benchbed.execution.executor import Executor, Result
from benchbed.execution.planned import Plan, PlannedRun

LIMIT: Final = 120.0
"""Seconds that a method gets; a large network's step on a CPU takes some of them."""


class PreflightError(BenchbedError):
    """Methods failed when they were tried out; nothing was trained.

    Attributes:
        failed: what became of them.
    """

    def __init__(self, failed: Sequence[Result], tried: int) -> None:
        self.failed = tuple(failed)
        self.exit_code = 2 if all(result.usage for result in failed) else 1
        super().__init__(_message(failed, tried))


def preflight(plans: Sequence[Plan], executor: Executor) -> None:
    """Try out each method of some plans that has runs to train.

    What is to be known of one that can be trained is a warning.

    Args:
        plans: all that is to be trained.
        executor: carries it out, in processes of their own.

    Raises:
        PreflightError: one failed.
        KeyboardInterrupt: after every process was stopped.
    """
    with tempfile.TemporaryDirectory(prefix="benchbed-") as folder:
        runs = [run for plan in plans for run in _trials(plan, Path(folder))]
        results = executor.execute(runs, _Silent()) if runs else []
    failed = [_told(result) for result in results if result.status == "failed"]
    if failed:
        raise PreflightError(failed, len(runs))
    for result in results:
        if result.message:
            message = f"{result.run.method}: {result.message}"
            warnings.warn(message, BenchbedWarning, stacklevel=2)


def _trials(plan: Plan, folder: Path) -> list[PlannedRun]:
    """Return one run a method, which leaves nothing in the results folder."""
    first: dict[str, PlannedRun] = {}
    for run in plan.missing:
        first.setdefault(run.method, run)
    found: list[PlannedRun] = []
    for run in first.values():
        tasks = list(plan.protocol.tasks)
        job = msgspec.structs.replace(
            run.job, kind="preflight", tasks=tasks, results=str(folder), limit_s=LIMIT
        )
        found.append(PlannedRun(job, "new", shipped=run.shipped))
    return found


def _told(result: Result) -> Result:
    """Return a result whose message says what a method that was stopped did."""
    stopped = f"signal {int(getattr(signal, 'SIGALRM', 0))}"
    if not result.message.endswith(stopped):
        return result
    took = f"one mini-batch took longer than {LIMIT:.0f} s"
    return Result(result.run, result.status, took)


def _message(failed: Sequence[Result], tried: int) -> str:
    """Return which methods failed, those that failed alike in one line, and what to do."""
    by_reason: dict[str, list[str]] = {}
    for result in failed:
        by_reason.setdefault(result.message, []).append(_name(result, failed))
    lines = [f"  {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
    what = f"{len(failed)} of {counted(tried, 'method')} failed on one mini-batch"
    return "\n".join(
        [
            f"Nothing was trained, since {what}:",
            *lines,
            "Mend or leave out what is wrong; --no-preflight trains the others all the same.",
        ]
    )


def _name(result: Result, all_results: Sequence[Result]) -> str:
    """Return a method's name, with its protocol where there are several."""
    protocols = {other.run.protocol_id for other in all_results}
    if len(protocols) == 1:
        return result.run.method
    return f"{result.run.method} under {result.run.protocol_id}"


@dataclass(frozen=True, slots=True)
class _Silent:
    """An observer that says nothing."""

    def started(self, run: PlannedRun) -> None:
        """A trial begins."""

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """Trials have no checkpoints."""

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """Trials have no epochs."""

    def finished(self, result: Result) -> None:
        """A trial has ended."""
