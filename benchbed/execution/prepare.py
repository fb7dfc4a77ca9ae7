"""Preparing a data set before runs start, so that they need not wait for one another."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from benchbed.basics.cache import cache_folder, require_space
from benchbed.contracts.dataset import Dataset, Report


def prepare(dataset: Dataset, name: str, root: Path | None, console: Console) -> bool:
    """Let a data set make what it needs, behind a bar; tell whether there was anything to do.

    Raises:
        DataError: data is missing or damaged, or the cache cannot be written.
    """
    size = dataset.size(root)
    if size:
        require_space(cache_folder(), size)
        console.print(f"{name}: {_size_text(size)} go to {cache_folder()}", markup=False)
    worked = False
    with progress_bar(f"preparing {name}", console) as advance:

        def report(done: int, total: int) -> None:
            nonlocal worked
            worked = True
            advance(done, total)

        dataset.prepare(root, report)
    return worked


def _size_text(size: int) -> str:
    """Return a number of bytes as shown to people."""
    if size < 1e9:
        return f"{size / 1e6:,.0f} MB"
    return f"{size / 1e9:,.1f} GB"


@contextlib.contextmanager
def progress_bar(title: str, console: Console) -> Iterator[Report]:
    """Show a bar on a terminal from its first move on; yield what moves it."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        bar = bars.add_task(title, total=None, visible=False)
        yield lambda done, total: bars.update(bar, completed=done, total=total, visible=True)
