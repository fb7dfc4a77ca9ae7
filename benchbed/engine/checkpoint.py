"""Checkpoints of unfinished runs, one after each epoch, loadable without running foreign code."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, Final

import torch

from benchbed.basics.canonical import digest
from benchbed.records.job import Job
from benchbed.records.store import write_atomically

FORMAT: Final = "benchbed.checkpoint/2"


def checkpoint_identity(job: Job) -> str:
    """Return what a checkpoint must match: the run, and the very source of its plugins."""
    return digest([job.key, [component.source for component in job.components]])


def save_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write tensors and plain data atomically, after a line with their digest.

    Raises:
        StoreError: the folder cannot be written.
    """
    # in memory first: the digest goes before the content
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    content = buffer.getvalue()
    write_atomically(path, _head(content) + content)


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Return what was saved, or ``None`` when there is nothing usable for this run.

    A damaged or foreign file is not an error: the run then starts from its beginning.
    """
    try:
        head, _, content = path.read_bytes().partition(b"\n")
        if head + b"\n" != _head(content):
            return None
        state: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 - what a damaged or foreign file raises is not documented
        return None
    if not isinstance(state, dict) or state.get("identity") != identity:
        return None
    return state


def _head(content: bytes) -> bytes:
    return f"{FORMAT} {hashlib.sha256(content).hexdigest()}\n".encode()
