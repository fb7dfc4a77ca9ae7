"""A file's lock, held by one process at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from benchbed.basics.errors import StoreError

try:
    import fcntl
except ImportError:
    HAS_LOCKS = False
else:
    HAS_LOCKS = True


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a lock, waiting for whoever has it; where the system has none, go on.

    Raises:
        StoreError: the file cannot be written.
    """
    if not HAS_LOCKS:
        yield
        return
    handle = _open(path)
    try:
        # the system gives it up when the process dies, however it dies
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(
            f"Cannot write {path}: {error.strerror}; choose a writable folder with --results."
        ) from error
