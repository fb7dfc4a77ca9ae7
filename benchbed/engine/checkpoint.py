"""Checkpoints of unfinished runs, one after each epoch, loadable without running foreign code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, Final

import torch

from benchbed.canonical import digest
from benchbed.job import Job
from benchbed.store import write_atomically

FORMAT: Final = "benchbed.checkpoint/1"


def checkpoint_identity(job: Job) -> str:
    """Return what a checkpoint must match: the run, and the very source of its plugins."""
    return digest([job.key, [component.source for component in job.components]])


def save_checkpoint(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write tensors and plain data atomically.

    Raises:
        StoreError: the folder cannot be written.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "identity": identity, **state}, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """Return what was saved, or ``None`` when there is nothing usable for this run.

    A damaged or foreign file is not an error: the run then starts from its beginning.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        return None
    if (
        not isinstance(state, dict)
        or state.get("format") != FORMAT
        or state.get("identity") != identity
    ):
        return None
    return state
