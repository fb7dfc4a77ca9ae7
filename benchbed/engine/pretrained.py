"""Starting from weights in a file: of another run, of timm or torchvision, of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from torch import Tensor

from benchbed.basics.errors import DataError
from benchbed.basics.texts import counted
from benchbed.engine.session import Session
from benchbed.engine.weight_files import read_weights
from benchbed.engine.weight_names import Matched, match

SHOWN: Final = 3
"""Tensors that an error names of each side."""


def load_pretrained(session: Session) -> list[str]:
    """Copy the tensors that fit by name and shape into the network; return what to note of it.

    Raises:
        DataError: the file cannot be read, or no tensor fits; the message says what is expected.
    """
    path = Path(session.job.pretrained)
    try:
        given = read_weights(path)
    except DataError as error:
        raise DataError(f"--pretrained: {error}") from error
    own = session.network.state_dict()
    matched = match(given, own)
    if not matched.tensors:
        raise DataError(
            f"--pretrained {path.name}: none of its {counted(len(given), 'tensor')} fits the "
            f"network by name and shape. It has {_listed(given)}; expected is {_listed(own)}. Give "
            "weights of the same architecture and backbone."
        )
    session.network.load_state_dict(matched.tensors, strict=False)
    note = (
        f"Started from {matched.used} of {len(given)} tensors of a file "
        f"(SHA-256 {session.job.pretrained_digest[:12]}){_where(matched)}; "
        f"{len(own) - len(matched.tensors)} tensors of the network are not in it."
    )
    return [note]


def _where(matched: Matched) -> str:
    """Return where the tensors went, where their names are not the network's."""
    if not matched.prefixes:
        return ""
    names = ", ".join(f"'{prefix}'" for prefix in matched.prefixes)
    dropped = f", without '{matched.dropped}'" if matched.dropped else ""
    return f", as {names}{dropped}"


def _listed(tensors: Mapping[str, Tensor]) -> str:
    """Return the first tensors with their shapes."""
    shown = [f"{name} {tuple(value.shape)}" for name, value in list(tensors.items())[:SHOWN]]
    more = len(tensors) - SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
