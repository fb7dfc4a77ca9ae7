"""A leaderboard's files, one a format."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from benchbed.basics.errors import ProtocolError
from benchbed.contracts.protocol import Protocol
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
        ProtocolError: there is a table of another protocol of that name.
        StoreError: the folder cannot be written.
    """
    require_own_board(board.protocol, folder, name)
    records = os.path.relpath(results or folder.parent, folder)
    board = board.from_records(Path(records).as_posix())
    paths: list[Path] = []
    for suffix, write in FORMATS.items():
        path = folder / f"{name or board.protocol.id}.{suffix}"
        write_atomically(path, write(board).encode())
        paths.append(path)
    return paths


class _Digest(msgspec.Struct):
    """What of a leaderboard's JSON tells under which protocol it was made."""

    digest: str


def require_own_board(protocol: Protocol, folder: Path, name: str | None = None) -> None:
    """Refuse to write a table where that of another protocol of the same name and version is.

    Args:
        protocol: whose table it is.
        folder: where the files go.
        name: of the files; the protocol's by default.

    Raises:
        ProtocolError: with the remedy.
    """
    path = folder / f"{name or protocol.id}.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Digest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # there is none, or what is there is no table
    if found.digest != protocol.digest:
        raise ProtocolError(
            f"{path} is a leaderboard of another {protocol.id} (digest {found.digest[:12]}, where "
            f"this has {protocol.digest[:12]}); give the protocol another name or version, choose "
            "another folder, or move that leaderboard away."
        )
