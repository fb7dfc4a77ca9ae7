"""Comparing states and saving them as checkpoints do."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Mapping, Sequence
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
        return None if _same_tensors(one, other) else where
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return None if _same_arrays(one, other) else where
    places: Iterable[Any]
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        odd = set(one) ^ set(other)
        if odd:
            return _below(where, min(map(str, odd)))
        places = one
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return where
        places = range(len(one))
    else:
        return None if _same_values(one, other) else where
    for place in places:
        found = difference(one[place], other[place], _below(where, place))
        if found is not None:
            return found
    return None


def _same_tensors(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    same = one == other
    if one.is_floating_point():  # NaN in both is the same
        same |= one.isnan() & other.isnan()
    return bool(same.all())


def _same_arrays(one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def _same_values(one: object, other: object) -> bool:
    if type(one) is not type(other):
        return False
    return one == other or repr(one) == repr(other) == "nan"


def _below(where: str, place: object) -> str:
    return f"{where}.{place}" if where else str(place)


def some(names: Sequence[str]) -> str:
    """Return the first few of many names as text."""
    shown = [*names[:5], "…"] if len(names) > 5 else names
    return ", ".join(shown)


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
        raise AssertionError(
            f"{name}.state_dict() holds more than tensors and plain data, so that torch.load with "
            f"weights_only=True refuses the checkpoint. {_unsafe(str(error))}"
        ) from error


def _unsafe(message: str) -> str:
    """Return the line of torch's long message that names what it refuses."""
    for line in message.splitlines():
        if "Unsupported" in line or "GLOBAL" in line:
            return line.strip()
    return ""


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
