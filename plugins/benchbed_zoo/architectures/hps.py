"""Hard parameter sharing."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from benchbed.architecture import Architecture, BuildContext
from benchbed_zoo.architectures.heads import pooled_head


class HardParameterSharing(Architecture):
    """One backbone for all tasks, and a linear head on its pooled last features for each.

    Source: R. Caruana, Multitask Learning, Machine Learning 28, 1997.
    """

    def __init__(self, context: BuildContext, backbone: str = "") -> None:
        super().__init__(context)
        self.backbone = context.backbone()
        channels = self.backbone.channels[-1]
        self.heads = nn.ModuleDict(
            {name: pooled_head(task, channels) for name, task in context.tasks.items()}
        )

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the logits or values of the tasks, ``(N, channels)`` each."""
        features = self.backbone(x)[-1]
        return {task: self.heads[task](features) for task in tasks}
