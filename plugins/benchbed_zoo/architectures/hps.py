"""Hard parameter sharing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
        self._features: Tensor | None = None
        channels = self.backbone.channels[-1]
        self.heads = nn.ModuleDict(
            {name: pooled_head(task, channels) for name, task in context.tasks.items()}
        )

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the logits or values of the tasks, ``(N, channels)`` each."""
        features = self.backbone(x)[-1]
        self._features = features if self.training else None
        return {task: self.heads[task](features) for task in tasks}

    def representation(self) -> Tensor | None:
        """Return the last training pass's features, before they are pooled."""
        return self._features

    def last_shared(self) -> Iterable[nn.Parameter] | None:
        """Return the parameters of the backbone's last convolution or linear layer."""
        layers = [m for m in self.backbone.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        return layers[-1].parameters() if layers else None
