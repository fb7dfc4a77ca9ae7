"""A leaderboard's files, one a format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchbed.records.store import write_atomically
from benchbed.report.formats.csv import to_csv
from benchbed.report.formats.json import to_json
from benchbed.report.formats.markdown import to_markdown
from benchbed.report.leaderboard import Leaderboard

FORMATS: Final[Mapping[str, Callable[[Leaderboard], str]]] = {
    "md": to_markdown,
    "csv": to_csv,
    "json": to_json,
}
"""By the ending of the file."""


def write_leaderboard(
    board: Leaderboard, folder: Path, name: str | None = None, results: Path | None = None
) -> list[Path]:
    """Write the table in every file format; return the paths.

    Args:
        board: the table.
        folder: where the files go.
        name: of the files; ``<suite>.<protocol>`` for a suite's table, the protocol's by default.
        results: the folder of its records; by default the one around ``folder``.

    Raises:
        StoreError: the folder cannot be written.
    """
    records = os.path.relpath(results or folder.parent, folder)
    board = board.from_records(Path(records).as_posix())
    paths: list[Path] = []
    for suffix, write in FORMATS.items():
        path = folder / f"{name or board.protocol.id}.{suffix}"
        write_atomically(path, write(board).encode())
        paths.append(path)
    return paths
