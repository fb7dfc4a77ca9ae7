"""Random numbers: every stream follows from the run's seed and a name."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np
import torch
from torch import Tensor


def derive(seed: int, *names: object) -> int:
    """Return a seed below 2⁶³ for a named stream, independent of any other stream."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch, NumPy and Python, and ask for deterministic kernels."""
    torch.manual_seed(derive(seed, "torch"))
    np.random.seed(derive(seed, "numpy") % 2**32)
    random.seed(derive(seed, "python"))
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False


def rng_state() -> dict[str, Any]:
    """Return the state of all global generators as tensors and plain data."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": _numpy_state(),
        "python": random.getstate(),
    }


def _numpy_state() -> list[Any]:
    """Return NumPy's state without arrays, which a checkpoint could not be loaded with."""
    state = np.random.get_state(legacy=False)
    assert isinstance(state, dict)
    twister = state["state"]
    keys, position = twister["key"].tolist(), int(twister["pos"])
    return [keys, position, int(state["has_gauss"]), float(state["gauss"])]


def restore_rng(state: dict[str, Any]) -> None:
    """Put the global generators back as :func:`rng_state` found them."""
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    keys, *rest = state["numpy"]
    np.random.set_state(("MT19937", np.array(keys, dtype=np.uint32), *rest))
    random.setstate(state["python"])


def forward_rng(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return the state of the generators that a forward pass on a device may draw from."""
    if device.type == "cuda":
        return torch.get_rng_state(), torch.cuda.get_rng_state(device)
    return torch.get_rng_state(), None


def restore_forward_rng(state: tuple[Tensor, Tensor | None], device: torch.device) -> None:
    """Put these generators back as :func:`forward_rng` found them."""
    cpu, gpu = state
    torch.set_rng_state(cpu)
    if gpu is not None:
        torch.cuda.set_rng_state(gpu, device)
