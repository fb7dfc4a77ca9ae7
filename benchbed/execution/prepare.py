"""Preparing a data set before runs start, so that they need not wait for one another."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchbed.dataset import Dataset


def prepare(dataset: Dataset, name: str, root: Path | None, console: Console) -> None:
    """Let a data set make what it needs, with a bar on a terminal.

    Raises:
        DataError: data is missing or damaged, or the cache cannot be written.
    """
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task(f"preparing {name}", total=None, visible=False)

        def report(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total, visible=True)

        dataset.prepare(root, report)
