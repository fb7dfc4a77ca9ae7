"""The cache: what data sets make once and all runs share, in a folder of the user's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from benchbed.basics.errors import DataError, one_line

VARIABLE = "BENCHBED_CACHE"


def cache_folder() -> Path:
    """Return the folder that ``BENCHBED_CACHE`` names, or the platform's for caches; absolute."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return user_cache_path("benchbed")


def is_cached(key: str) -> bool:
    """Tell whether an entry is there."""
    return (cache_folder() / key).is_dir()


def cached(key: str, build: Callable[[Path], None], size: int) -> Path:
    """Return the folder of a cache entry, made first where it is not there.

    An entry appears whole or not at all; of several processes that ask at once, one makes it.

    Args:
        key: names the entry and must follow from all that its content follows from.
        build: writes the content into an empty folder.
        size: about how many bytes that is.

    Raises:
        DataError: the folder cannot be written or has not enough space, or ``build`` met a file
            that cannot be read; the message names it.
    """
    entry = cache_folder() / key
    try:
        if entry.is_dir():
            return entry
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.with_name(f"{entry.name}.lock")):
            if not entry.is_dir():  # else another process has made it in the meantime
                _make(entry, build, size)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise DataError(
            f"Cannot make the cache {entry}: {error.strerror or one_line(error)}{where}; set "
            f"{VARIABLE} to a folder that can be written and has space."
        ) from error
    return entry


def require_space(path: Path, size: int) -> None:
    """Refuse what does not fit on the disk of a path in the cache.

    Raises:
        DataError: fewer bytes are free.
    """
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < size:
        raise DataError(
            f"The cache {path} needs {size / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB "
            f"left; free some, or set {VARIABLE} to a folder on another disk."
        )


def _make(entry: Path, build: Callable[[Path], None], size: int) -> None:
    """Make an entry beside its place, and move it there once it is whole."""
    parts = entry.with_name(f"{entry.name}.part")
    shutil.rmtree(parts, ignore_errors=True)  # of a process that was killed
    require_space(entry, size)
    parts.mkdir()
    try:
        build(parts)
        parts.replace(entry)
    except BaseException:  # an interruption too must leave nothing half made
        shutil.rmtree(parts, ignore_errors=True)
        raise
