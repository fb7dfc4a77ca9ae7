"""Multi-modal distillation: each task's features take messages from the other tasks' features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn


class Distillation(nn.Module):
    """x_t + Σ_s conv(x_s) · σ(conv(x_s)) over the other tasks s, with weights for each pair.

    Source: D. Xu, W. Ouyang, X. Wang, N. Sebe, PAD-Net, CVPR 2018, module C, in the form of the
    code of S. Vandenhende et al., Multi-Task Learning for Dense Prediction Tasks, TPAMI 2021:
    there the gate is made of the sender's features, in the paper of the receiver's.

    Args:
        tasks: names of the tasks.
        width: channels of the features.

    Example:
        >>> distillation = Distillation(["seg", "depth"], width=4)
        >>> features = {"seg": torch.rand(2, 4, 8, 8), "depth": torch.rand(2, 4, 8, 8)}
        >>> distillation(features, ["seg"])["seg"].shape
        torch.Size([2, 4, 8, 8])
    """

    def __init__(self, tasks: Iterable[str], width: int) -> None:
        super().__init__()
        names = list(tasks)
        self.messages = nn.ModuleDict(
            {
                task: nn.ModuleDict({s: GatedConvolution(width) for s in names if s != task})
                for task in names
            }
        )

    def forward(self, features: Mapping[str, Tensor], tasks: Iterable[str]) -> dict[str, Tensor]:
        """Return the refined features of some tasks, from those of all.

        Args:
            features: of all tasks, ``(N, width, H, W)``.
            tasks: names of those whose refined ones are wanted.

        Returns:
            By task, ``(N, width, H, W)``.
        """
        refined: dict[str, Tensor] = {}
        for task in tasks:
            refined[task] = features[task]
            for sender, message in self.messages[task].items():
                refined[task] = refined[task] + message(features[sender])
        return refined


class GatedConvolution(nn.Module):
    """A 3×3 convolution times the sigmoid of another.

    Args:
        width: channels of the input and the output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value = nn.Conv2d(width, width, 3, padding=1)
        self.gate = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(N, width, H, W)`` for an input of that shape."""
        return self.value(x) * self.gate(x).sigmoid()
