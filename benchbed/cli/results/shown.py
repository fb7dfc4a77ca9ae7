"""How sizes and files are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from benchbed.basics.texts import counted, visible
from benchbed.records.housekeeping import remove, size_of


def size_text(size: int) -> str:
    """Return a number of bytes as shown to people."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"


def remove_or_say(paths: Sequence[Path], *, really: bool) -> None:
    """Remove files, or say which ones would go.

    Raises:
        StoreError: one cannot be removed.
    """
    if not paths:
        click.echo("There is nothing to remove.")
        return
    size = sum(map(size_of, paths))
    what = f"{counted(len(paths), 'file')} of {size_text(size)}"
    for path in paths:
        click.echo(visible(str(path), 1000))
    if really:
        remove(paths)
        click.echo(f"Removed {what}.")
    else:
        click.echo(f"Would remove {what}; --yes does so.")
