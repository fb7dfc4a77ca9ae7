"""What a user sees while runs are under way: bars on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from benchbed.execution.executor import Result
from benchbed.execution.planned import PlannedRun


class ProgressDisplay:
    """Bars for all runs and for each one under way; a line a finished run where there is no tty."""

    def __init__(self, total: int, console: Console, title: str = "runs") -> None:
        self._console = console
        self._total = total
        self._done = 0
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._all = self._progress.add_task(title, total=total, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def started(self, run: PlannedRun) -> None:
        """Open a bar for the run."""
        self._bars[run.job.key] = self._progress.add_task(
            f"  {run.label}", total=run.job.protocol.epochs, note=""
        )

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """Move the run's bar to where it goes on."""
        bar = self._bars.get(run.job.key)
        if bar is not None:
            self._progress.update(bar, completed=len(earlier))

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """Move the run's bar on."""
        bar = self._bars.get(run.job.key)
        if bar is None:
            return
        losses = [value for name, value in values.items() if name.startswith("train/")]
        self._progress.update(bar, completed=epoch, note=f"loss {sum(losses):.3f}")

    def finished(self, result: Result) -> None:
        """Close the run's bar; on no terminal, print a line."""
        self._done += 1
        bar = self._bars.pop(result.run.job.key, None)
        if bar is not None:
            self._progress.remove_task(bar)
        self._progress.update(self._all, completed=self._done)
        label = result.run.label
        if result.status == "failed" and result.usage:
            return  # said once for all runs when they have ended
        if result.status == "failed":
            self._console.print(f"FAILED {label}: {result.message}", markup=False, style="red")
        elif not self._console.is_terminal:
            self._console.print(f"[{self._done}/{self._total}] {label}", markup=False)
