"""A check that every trainable parameter moves in the first epoch."""

from __future__ import annotations

import torch
from torch import nn

SHOWN = 5


class Movement:
    """Remembers where a network's trainable parameters were."""

    def __init__(self, network: nn.Module) -> None:
        self._before = {
            name: p.detach().clone() for name, p in network.named_parameters() if p.requires_grad
        }

    def unmoved(self, network: nn.Module) -> list[str]:
        """Return a sentence for each reason why parameters are where they were."""
        reasons: dict[str, list[str]] = {}
        for name, parameter in network.named_parameters():
            before = self._before.get(name)
            if before is None or not torch.equal(before, parameter.detach()):
                continue
            reason = (
                "no loss of the first phase reaches them"
                if parameter.grad is None
                else "their gradient was zero"
            )
            reasons.setdefault(reason, []).append(name)
        return [
            f"{len(names)} parameter tensors did not move in the first epoch, since {reason}: "
            + ", ".join(names[:SHOWN])
            + (", …" if len(names) > SHOWN else "")
            + "."
            for reason, names in reasons.items()
        ]
