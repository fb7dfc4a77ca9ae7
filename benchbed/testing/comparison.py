"""Comparing states and saving them as checkpoints do."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def difference(one: Any, other: Any, where: str = "") -> str | None:
    """Return the place at which two nested states first differ; ``None`` if they agree to the bit.

    Args:
        one: tensors, arrays, plain data, or mappings and sequences of them.
        other: what it is compared with.
        where: name of the place that both stand for.
    """
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape
        return None if same and bool(_equal(one, other).all()) else where
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape
        return (
            None if same and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc") else where
        )
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        odd = set(one) ^ set(other)
        if odd:
            return _below(where, min(map(str, odd)))
        return _first(difference(one[key], other[key], _below(where, key)) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return where
        pairs = zip(one, other, strict=True)
        return _first(difference(a, b, _below(where, i)) for i, (a, b) in enumerate(pairs))
    same = type(one) is type(other) and (one == other or repr(one) == repr(other) == "nan")
    return None if same else where


def _equal(one: Tensor, other: Tensor) -> Tensor:
    same = one == other
    return same | (one.isnan() & other.isnan()) if one.is_floating_point() else same


def _below(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _first(found: Any) -> str | None:
    return next((place for place in found if place is not None), None)


def some(names: Sequence[str]) -> str:
    """Return the first few of many names as text."""
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def saved_and_loaded(state: Any, name: str) -> Any:
    """Return a state as a checkpoint gives it back.

    Args:
        state: what ``state_dict`` returned.
        name: whose it is, for the message.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    try:
        return torch.load(buffer, weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()
        unsafe = next((line for line in reason if "Unsupported" in line or "GLOBAL" in line), "")
        raise AssertionError(
            f"{name}.state_dict() holds more than tensors and plain data, so that torch.load with "
            f"weights_only=True refuses the checkpoint. {unsafe.strip()}"
        ) from error


def copied(state: Any) -> Any:
    """Return a deep copy of nested tensors and arrays, detached."""
    if isinstance(state, Tensor):
        return state.detach().clone()
    if isinstance(state, np.ndarray):
        return state.copy()
    if isinstance(state, Mapping):
        return {key: copied(value) for key, value in state.items()}
    if isinstance(state, Sequence) and not isinstance(state, str):
        return [copied(value) for value in state]
    return state
