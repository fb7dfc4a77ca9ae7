"""The last layer of a shared part, where weightings may take gradients."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn


def last_layer(module: nn.Module) -> Iterable[nn.Parameter] | None:
    """Return the parameters of a module's last convolution or linear layer, if it has one."""
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return layers[-1].parameters() if layers else None
