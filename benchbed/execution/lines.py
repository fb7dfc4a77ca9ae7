"""A line an epoch: what a pipe or a file gets of runs under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchbed.execution.executor import Observer, Result
from benchbed.execution.planned import PlannedRun


@dataclass(frozen=True, slots=True)
class EpochLines:
    """An observer that writes a line when a run begins, for each epoch, and when it has ended.

    ``write``: takes a line without its end.
    """

    write: Callable[[str], None]

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
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
            f"{seconds_left:.0f} s left"
        )

    def finished(self, result: Result) -> None:
        """A run has ended."""
        ended = "done" if result.status == "ok" else f"failed: {result.message}"
        self.write(f"{result.run.label}: {ended}")


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
