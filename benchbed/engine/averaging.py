"""The moving average of a network's parameters and buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def moving_average(network: nn.Module, decay: float) -> AveragedModel | None:
    """Return the exponential moving average of a network, if there is to be one.

    Args:
        network: what is averaged, as it is now.
        decay: share of the average that an update keeps; 0 for no average.
    """
    if not decay:
        return None
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=average, use_buffers=True)


def take_over(modules: Iterable[nn.Module], network: nn.Module, average: nn.Module) -> None:
    """Copy the parameters and buffers of some of a network's modules into its moving average."""
    wanted: set[int] = set()
    for module in modules:
        wanted.update(map(id, _tensors(module)))
    for own, averaged in zip(_tensors(network), _tensors(average), strict=True):
        if id(own) in wanted:
            averaged.detach().copy_(own.detach())


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    return chain(module.parameters(), module.buffers())
