"""Horizontal flips."""

from __future__ import annotations

from torch import Tensor

from benchbed.transform import Batch, Draws, Transform


class Flip(Transform):
    """Mirrors images and their maps left to right, each sample by itself.

    Of maps of directions the x component changes its sign; targets that are no maps stay.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with some samples mirrored."""
        chosen = (draws.uniform()[:, 0] < self.p).to(batch.input.device)
        targets: dict[str, Tensor] = {}
        for name, target in batch.targets.items():
            described = batch.described[name]
            targets[name] = target
            if described.size:
                mirrored = target.flip(-1)
                if described.geometry == "direction":
                    mirrored = mirrored * mirrored.new_tensor([-1, 1, 1]).reshape(1, 3, 1, 1)
                targets[name] = _where(chosen, mirrored, target)
        return batch.replace(
            input=_where(chosen, batch.input.flip(-1), batch.input), targets=targets
        )


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return the samples of one where they are chosen, else of the other."""
    return one.where(chosen.reshape(-1, *(1 for _ in one.shape[1:])), other)
