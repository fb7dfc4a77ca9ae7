"""What strategies need to know of past epochs."""

from __future__ import annotations

from collections.abc import Sequence

from benchbed.basics.errors import RunError
from benchbed.contracts.weighting import EpochInfo


def require_losses(info: EpochInfo, tasks: Sequence[str], name: str) -> None:
    """Refuse to go on without the training losses of past epochs.

    Args:
        info: what the strategy was told of them.
        tasks: whose losses are wanted.
        name: of the strategy, as in a method.

    Raises:
        RunError: a task has none.
    """
    missing = [task for task in tasks if not info.train_losses.get(task)]
    if missing:
        raise RunError(
            f"{name} follows the training losses of past epochs, and got none of '{missing[0]}': "
            "give them as EpochInfo(epoch, epochs, train_losses={task: [...]})."
        )
