"""A line an epoch: what a pipe or a file gets of runs under way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchbed.execution.executor import Observer, Result
from benchbed.execution.planned import PlannedRun


@dataclass(frozen=True, slots=True)
class EpochLines:
    """An observer that writes a line when a run begins, for each epoch, and when it has ended.

    Attributes:
        write: takes a line without its end.
        begun: when each run under way began, in seconds of a clock that only goes forward.
    """

    write: Callable[[str], None]
    begun: dict[str, float] = field(default_factory=dict)

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
        self.begun[run.key] = time.monotonic()
        self.write(f"{run.label}: begins, {run.epochs} epochs")

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """It goes on from a checkpoint."""
        self.write(f"{run.label}: goes on after epoch {len(earlier)}")

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """An epoch has ended."""
        losses = [value for name, value in values.items() if name.startswith("train/")]
        self.write(
            f"{run.label}: epoch {epoch}/{run.epochs}, loss {sum(losses):.4g}, "
            f"{self._seconds(run):.0f} s, {seconds_left:.0f} s left"
        )

    def finished(self, result: Result) -> None:
        """A run has ended."""
        ended = f"done in {self._seconds(result.run):.0f} s"
        if result.status == "failed":
            ended = f"failed: {result.message}"
        self.begun.pop(result.run.key, None)
        self.write(f"{result.run.label}: {ended}")

    def _seconds(self, run: PlannedRun) -> float:
        """Return how long a run has been under way here; one that never began, no time."""
        now = time.monotonic()
        return now - self.begun.get(run.key, now)


@dataclass(frozen=True, slots=True)
class All:
    """Several observers as one, told in their order."""

    observers: Sequence[Observer]

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
        for observer in self.observers:
            observer.started(run)

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """It goes on from a checkpoint."""
        for observer in self.observers:
            observer.resumed(run, earlier)

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """An epoch has ended."""
        for observer in self.observers:
            observer.epoch(run, epoch, seconds_left, values)

    def finished(self, result: Result) -> None:
        """A run has ended."""
        for observer in self.observers:
            observer.finished(result)
