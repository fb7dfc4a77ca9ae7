"""Finding what could be records in a folder of somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

from benchbed.basics.errors import StoreError
from benchbed.basics.texts import visible
from benchbed.records.store import counts


def record_files(source: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Return what could be a record or is a link to a folder, and the folders that are unread.

    Links are named rather than followed or passed over: whoever gave the folder learns of them.

    Args:
        source: a results folder, of which only ``runs`` is read, or any folder.

    Returns:
        The files in order, and each unread folder with the reason.

    Raises:
        StoreError: the folder cannot be read, or its ``runs`` is a link.
    """
    top = _top(source)
    found: list[Path] = []
    unread: list[tuple[Path, str]] = []
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if folder == top:
                raise StoreError(
                    f"Cannot read {visible(str(top), 1000)}: {error.strerror}; name a folder of "
                    "records."
                ) from error
            unread.append((folder, str(error.strerror)))
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif counts(entry.name) or _leads_to_folder(entry):
                found.append(Path(entry.path))
    return sorted(found), unread


def _top(source: Path) -> Path:
    runs = source / "runs"
    if runs.is_symlink():
        raise StoreError(
            f"{visible(str(runs), 1000)} is a symbolic link, and none is followed; name the folder "
            "that it leads to."
        )
    return runs if runs.is_dir() else source


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    """Tell whether what is no folder itself is a link to one."""
    try:
        return link.is_symlink() and link.is_dir()
    except OSError:  # a link to itself
        return False
