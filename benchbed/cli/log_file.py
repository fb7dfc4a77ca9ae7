"""The file of ``--log-file``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from benchbed.basics.environment import now
from benchbed.basics.errors import BenchbedError


def lines_to(path: Path) -> Callable[[str], None]:
    """Return what adds lines to a file, each with the time, at once.

    Raises:
        BenchbedError: the file cannot be written.
    """

    def write(line: str) -> None:
        # opened for each line, so that a file that is moved away or rotated is begun anew
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{now()} {line}\n")

    try:
        write("benchbed run")
    except OSError as error:
        raise BenchbedError(
            f"Cannot write --log-file {path}: {error.strerror}; name another file."
        ) from error

    broken = False

    def write_or_warn(line: str) -> None:
        # a full disk is no reason to stop runs that it lets go on
        nonlocal broken
        if not broken:
            try:
                write(line)
            except OSError as error:
                broken = True
                click.echo(f"Note: cannot write --log-file {path}: {error.strerror}.", err=True)

    return write_or_warn
