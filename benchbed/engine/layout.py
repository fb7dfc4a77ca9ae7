"""The memory format of networks that read images."""

from __future__ import annotations

import torch
from torch import nn

from benchbed.contracts.architecture import Architecture
from benchbed.contracts.dataset import Input


def in_layout(network: Architecture, given: Input) -> Architecture:
    """Bring a network on a CPU that reads images to channels_last, unless it declines.

    On the CPUs measured, a training step then takes 0.68 to 1.02 times as long as in the contiguous
    format (benchmarks/layout.py); on a GPU nothing was measured, and nothing is changed. Weights
    alone decide: convolutions bring their inputs to the format of their weights.
    """
    on_cpu = all(parameter.device.type == "cpu" for parameter in network.parameters())
    if network.channels_last and on_cpu and len(given.shape) == 3:
        network.to(memory_format=torch.channels_last)
    return network


def memory_format(network: nn.Module) -> str:
    """Return the memory format of a network's convolutions, as records say it."""
    if any(map(_channels_last_alone, network.parameters())):
        return "channels_last"
    return "contiguous"


def _channels_last_alone(weight: nn.Parameter) -> bool:
    """Tell whether a convolution's weight is in that format, as one of 1×1 is in both."""
    in_format = weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last)
    return in_format and not weight.is_contiguous()
