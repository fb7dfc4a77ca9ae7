"""A check that every trainable parameter moves in the first epoch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SHOWN = 5
"""Names that a note tells."""


class Movement:
    """Remembers where a network's trainable parameters were."""

    def __init__(self, network: nn.Module) -> None:
        self._before: dict[str, Tensor] = {}
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                self._before[name] = parameter.detach().clone()

    def unmoved(self, network: nn.Module) -> list[str]:
        """Return a sentence for each reason why parameters are where they were."""
        reasons: dict[str, list[str]] = {}
        for name, parameter in network.named_parameters():
            before = self._before.get(name)  # None where it was frozen
            if before is None or not torch.equal(before, parameter.detach()):
                continue
            reason = "their gradient was zero"
            if parameter.grad is None:
                reason = "no loss of the first phase reaches them"
            reasons.setdefault(reason, []).append(name)
        return [_sentence(reason, names) for reason, names in reasons.items()]


def _sentence(reason: str, names: list[str]) -> str:
    shown = names[:SHOWN]
    if len(names) > SHOWN:
        shown = [*shown, "…"]
    return (
        f"{len(names)} parameter tensors did not move in the first epoch, since {reason}: "
        f"{', '.join(shown)}."
    )
