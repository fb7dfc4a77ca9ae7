"""Refusing a target that a task cannot predict."""

from __future__ import annotations

from typing import Literal

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Target


def check_target(
    task: str, target: Target, kind: Literal["class", "value"], shape: tuple[int | str, ...] = ()
) -> None:
    """Refuse a target of another kind or shape.

    Args:
        task: the task's name, for the message.
        target: what it shall predict.
        kind: what it can predict.
        shape: of one sample; a letter stands for any size.

    Raises:
        DataError: it does not fit.
    """
    sizes = zip(shape, target.shape, strict=False)
    fits = len(shape) == len(target.shape) and all(
        isinstance(wanted, str) or wanted == size for wanted, size in sizes
    )
    if target.kind != kind or not fits:
        raise DataError(
            f"Task '{task}' needs a target of kind '{kind}' and shape {_show(shape)}, not of kind "
            f"'{target.kind}' and shape {_show(target.shape)}; name another target or plugin for "
            "it in the protocol."
        )


def _show(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))})"
