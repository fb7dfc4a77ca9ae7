"""The last layer of a shared part, where weightings may take gradients."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def last_layer(module: nn.Module) -> Iterable[nn.Parameter] | None:
    """Return the parameters of a module's last convolution or linear layer.

    Args:
        module: whose layers are meant, in the order in which they are registered.

    Returns:
        Its parameters, or ``None`` where there is no such layer.

    Example:
        >>> [p.shape for p in last_layer(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))]
        [torch.Size([3, 4]), torch.Size([3])]
    """
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return layers[-1].parameters() if layers else None
