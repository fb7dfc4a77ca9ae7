"""What a process holds globally: watching it, putting it back, seeding its generators."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from benchbed.engine.seeding import restore_rng, rng_state
from benchbed.testing.comparison import difference


@dataclass(frozen=True, slots=True)
class Watched:
    """One global setting: how it is read and put back."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _put_environment(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def _put_path(before: list[str]) -> None:
    sys.path[:] = before


def _put_device(before: torch.device) -> None:
    if before.type == "cpu":
        # takes the mode away that a default device puts before every call
        torch.set_default_device(None)
    else:
        torch.set_default_device(before)


def _cudnn(flag: str) -> Watched:
    return Watched(
        f"torch.backends.cudnn.{flag}",
        lambda: getattr(torch.backends.cudnn, flag),
        lambda before: setattr(torch.backends.cudnn, flag, before),
    )


WATCHED: Final = (
    Watched("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    Watched("torch's default device", torch.get_default_device, _put_device),
    Watched("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    Watched("torch's anomaly mode", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    Watched(
        "torch's deterministic mode",
        torch.get_deterministic_debug_mode,
        torch.set_deterministic_debug_mode,
    ),
    Watched(
        "torch's matmul precision",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    _cudnn("benchmark"),
    _cudnn("deterministic"),
    Watched("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    Watched("NumPy's error handling", np.geterr, lambda before: np.seterr(**before)),
    Watched("os.environ", lambda: dict(os.environ), _put_environment),
    Watched("the working directory", os.getcwd, os.chdir),
    Watched("sys.path", lambda: list(sys.path), _put_path),
    Watched("the warnings filters", lambda: list(warnings.filters), lambda before: None),
)
"""The filters are put back by ``warnings.catch_warnings``, which knows what else to reset."""


def changes(action: Callable[[], object]) -> list[str]:
    """Return which global settings an action leaves changed, and how; put them back."""
    with warnings.catch_warnings():
        before = {watched.name: watched.read() for watched in WATCHED}
        found: list[str] = []
        try:
            action()
        finally:
            for watched in WATCHED:
                old, new = before[watched.name], watched.read()
                if new != old:
                    found.append(_describe(watched.name, old, new))
                    watched.write(old)
    return found


def _describe(name: str, old: Any, new: Any) -> str:
    if isinstance(old, dict):
        keys = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        return f"{name} ({', '.join(keys)})"
    if isinstance(old, list):
        return name
    return f"{name} (from {old} to {new})"


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of torch, NumPy and Python for a block, then put them back."""
    before = rng_state()
    try:
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        yield
    finally:
        restore_rng(before)


def seeding(action: Callable[[], object]) -> list[str]:
    """Return which global generators an action seeds: they end alike from different starts."""
    ends: list[dict[str, Any]] = []
    for seed in (1, 2):
        with seeded(seed):
            action()
            ends.append(rng_state())
    first, second = ends
    found: list[str] = []
    for name, whose in (("torch", "torch's"), ("numpy", "NumPy's"), ("python", "Python's")):
        shown = f"{whose} generator"
        if difference(first[name], second[name]) is None:
            found.append(shown)
    return found
