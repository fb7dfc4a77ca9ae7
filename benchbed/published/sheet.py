"""CSV files from anywhere, read with suspicion."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from benchbed.basics.errors import RecordError, suggest
from benchbed.published.cells import TableError
from benchbed.records.store import read_regular

LARGEST: Final = 256 * 1024
"""Bytes; the largest printed table known is a hundredth of it."""
LONGEST: Final = 1000
"""Characters of a cell."""


def read_sheet(
    path: Path, required: Collection[str], known: Collection[str]
) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV into rows by column name, each with its line number.

    Args:
        path: UTF-8, comma separated, its first line the column names.
        required: columns that must be there.
        known: all columns that may be there.

    Raises:
        TableError: it cannot be read, is too large, is no UTF-8 or no regular CSV, or its columns
            are not those.
    """
    text = read_text(path)
    try:
        lines = list(_lines(text))
    except csv.Error as error:
        raise TableError(f"{path} is no regular CSV: {error}.") from error
    if len(lines) < 2:
        raise TableError(f"{path} holds no rows; give column names and at least one row.")
    (_, header), *rows = lines
    _check_header(path, header, required, known)
    for number, row in rows:
        if len(row) != len(header):
            raise TableError(
                f"{path}, line {number}: {len(row)} cells under {len(header)} columns; quote cells "
                "that hold commas."
            )
        if max(map(len, row)) > LONGEST:
            raise TableError(f"{path}, line {number}: a cell is longer than {LONGEST} characters.")
    return [(number, dict(zip(header, row, strict=True))) for number, row in rows]


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        TableError: it cannot be read, is no regular file, or is larger than any table.
    """
    try:
        content = read_regular(path.resolve())  # an installer may link files
    except RecordError as error:
        raise TableError(f"Cannot read {path}: it is {error}.") from error
    except OSError as error:
        raise TableError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(content) > LARGEST:
        raise TableError(f"{path} is larger than {LARGEST // 1024} KiB, which no table is.")
    return content


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        TableError: as of :func:`read_bytes`, or it holds control or invisible characters.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is not UTF-8 ({error.reason}); save it as UTF-8.") from error
    for character in text:
        if not character.isprintable() and character not in "\r\n\t":
            raise TableError(
                f"{path} holds the control character U+{ord(character):04X}; save it as plain "
                "UTF-8 text."
            )
    return text


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV that are not empty, each with its line number."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    for row in reader:
        if any(row):
            yield reader.line_num, [cell.strip() for cell in row]


def _check_header(
    path: Path, header: list[str], required: Collection[str], known: Collection[str]
) -> None:
    for name in header:
        if header.count(name) > 1:
            raise TableError(f"{path} has the column '{name}' twice; keep one.")
        if name not in known:
            raise TableError(f"{path} has the unknown column '{name}'.{suggest(name, known)}")
    for name in required:
        if name not in header:
            raise TableError(f"{path} lacks the column '{name}'; add it.")
