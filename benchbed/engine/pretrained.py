"""Starting from weights in a file, such as those that another run left."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError

from benchbed.basics.errors import DataError
from benchbed.engine.session import Session


def load_pretrained(session: Session) -> list[str]:
    """Copy the tensors whose names and shapes fit into the network; return what to note of it.

    Raises:
        DataError: the file cannot be read, or no tensor fits.
    """
    path = Path(session.job.pretrained)
    try:
        given = safetensors.torch.load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"Cannot read --pretrained {path.name}: {error}.") from error
    own = session.network.state_dict()
    shapes = {name: tensor.shape for name, tensor in own.items()}
    fitting = {name: tensor for name, tensor in given.items() if shapes.get(name) == tensor.shape}
    if not fitting:
        raise DataError(
            f"--pretrained {path.name}: none of its {len(given)} tensors fits the network by name "
            "and shape; give weights of the same architecture and backbone."
        )
    session.network.load_state_dict(fitting, strict=False)
    note = (
        f"Started from {len(fitting)} of {len(given)} tensors of a file "
        f"(SHA-256 {session.job.pretrained_digest[:12]}); {len(own) - len(fitting)} tensors of the "
        "network are not in it."
    )
    return [note]
