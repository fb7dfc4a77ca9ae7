"""Cross-stitch networks: a network for each task, whose features are mixed at every stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture, BuildContext
from benchbed_zoo.architectures.parts.heads import make_heads
from benchbed_zoo.architectures.parts.segnet_blocks import new_segnet
from benchbed_zoo.backbones.segnet import WIDTHS, Encoded, initialise

OWN = 0.9
"""Weight of a task's own features at the start; the other tasks share the rest."""


class CrossStitch(Architecture):
    """A SegNet for each task, stitched after every pooling and before every further decoder stage.

    A stitch makes of the tasks' maps x_s the maps x̃_t = Σ_s α_ts·x_s (eq. 1), with a weight a map
    instead of a channel. Each branch unpools with its own indices. Weights of convolutions are
    Xavier uniform.

    Args:
        context: the tasks, T of them, images of at least 32×32, and SegNet.
        backbone: its name, which the context has resolved.
        type: with ``matrix`` each stitch has α ``(T, T)``, 0.9 on the diagonal at the start and
            0.1 / (T − 1) elsewhere; with ``vector``, as in the code of S. Liu et al. (CVPR 2019),
            it has α ``(T,)``, 1 at the start, and the one sum feeds all branches.

    Raises:
        MethodError: the backbone is not SegNet, or a map has not the input's size.

    Example:
        As a method: ``cross-stitch:type=vector+equal``; as a command:

            benchbed run nyuv2-mtan cross-stitch+dwa

    Source: I. Misra, A. Shrivastava, A. Gupta, M. Hebert: Cross-stitch Networks for Multi-task
    Learning, CVPR 2016, eq. 1; on SegNet as in the code of S. Liu, E. Johns, A. Davison: End-to-End
    Multi-Task Learning with Attention, CVPR 2019.
    """

    def __init__(self, context: BuildContext, backbone: str = "", type: str = "matrix") -> None:
        super().__init__(context)
        branches = {task: new_segnet(context, "cross-stitch") for task in context.tasks}
        self.branches = nn.ModuleDict(branches)
        stitch = MatrixStitch if type == "matrix" else VectorStitch
        self.stitches = nn.ModuleList(stitch(len(branches)) for _ in range(2 * len(WIDTHS) - 1))
        self.heads = make_heads(context.tasks, next(iter(branches.values())))
        initialise(self, nn.init.xavier_uniform_)

    def forward(self, x: Tensor, tasks: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of the tasks.

        Args:
            x: images, ``(N, C, H, W)``.
            tasks: names of those wanted.

        Returns:
            By task ``(N, K)``, or ``(N, K, H, W)`` of a map.
        """
        stages = len(WIDTHS)
        maps = dict.fromkeys(self.branches, x)
        encoded: list[dict[str, Encoded]] = []
        for level, stitch in zip(range(stages), self.stitches, strict=False):
            encoded.append({k: net.encoder[level](maps[k]) for k, net in self.branches.items()})
            maps = stitch({k: found.pooled for k, found in encoded[-1].items()})
        for level, stitch in zip(range(stages - 1), self.stitches[stages:], strict=True):
            maps = stitch(self._decode(level, maps, encoded[-1 - level], self.branches))
        last = self._decode(stages - 1, maps, encoded[0], tasks)
        return {task: self.heads[task]([found]) for task, found in last.items()}

    def _decode(
        self, level: int, maps: dict[str, Tensor], skips: dict[str, Encoded], tasks: Iterable[str]
    ) -> dict[str, Tensor]:
        """Return what a stage of some branches' decoders makes of their maps."""
        return {k: self.branches[k].decoder[level](maps[k], skips[k]).last for k in tasks}


class MatrixStitch(nn.Module):
    """A weighted sum of all tasks' maps for each task.

    Args:
        tasks: their number T.

    Attributes:
        weights: α, ``(T, T)``; a row for each task that gets a sum.

    Example:
        >>> MatrixStitch(3).weights.detach()[0]
        tensor([0.9000, 0.0500, 0.0500])
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        others = (1 - OWN) / max(tasks - 1, 1)
        start = torch.full((tasks, tasks), others).fill_diagonal_(OWN if tasks > 1 else 1.0)
        self.weights = nn.Parameter(start)

    def forward(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a mixture for each task.

        Args:
            maps: by task, ``(N, C, H, W)``, all of one shape.

        Returns:
            By task, of that shape.
        """
        return {
            task: _weighted(row, maps.values())
            for task, row in zip(maps, self.weights, strict=True)
        }


class VectorStitch(nn.Module):
    """One weighted sum of the tasks' maps for all tasks.

    Args:
        tasks: their number T.

    Attributes:
        weights: α, ``(T,)``.

    Example:
        >>> maps = {"seg": torch.tensor(1.0), "depth": torch.tensor(2.0)}
        >>> VectorStitch(2)(maps)["depth"].detach()
        tensor(3.)
    """

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(tasks))

    def forward(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the one mixture under each task's name.

        Args:
            maps: by task, ``(N, C, H, W)``, all of one shape.

        Returns:
            By task, of that shape.
        """
        return dict.fromkeys(maps, _weighted(self.weights, maps.values()))


def _weighted(weights: Tensor, maps: Iterable[Tensor]) -> Tensor:
    first, *rest = (weight * x for weight, x in zip(weights, maps, strict=True))
    for other in rest:
        first = first + other
    return first
