"""A weighting as written in a method's name: one strategy, or several composed with dots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from benchbed.contracts.weighting import (
    EpochInfo,
    Level,
    Weighting,
    WeightingContext,
    check_weighting,
)
from benchbed.discovery.component import Component
from benchbed.discovery.loading import make_component
from benchbed.engine.combination import detached


class Strategy(nn.Module):
    """Weightings in a row: all but the last transform the losses, the last one decides."""

    def __init__(self, members: Sequence[Weighting]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.owed = False
        """In a loop of one's own: whether :meth:`after_step` is still to be called."""

    @property
    def last(self) -> Weighting:
        """The member that turns losses or gradients into the update."""
        last = self.members[-1]
        assert isinstance(last, Weighting)
        return last

    @property
    def tasks(self) -> Sequence[str]:
        """The tasks that it was made for."""
        return self.last.context.tasks

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimisers that members keep for themselves, in a fixed order."""
        found: list[torch.optim.Optimizer] = []
        for module in self.modules():
            attributes = sorted(vars(module).items())
            found += [value for _, value in attributes if isinstance(value, torch.optim.Optimizer)]
        return found

    def learned(self) -> list[nn.Parameter]:
        """Return the parameters that the run's optimiser steps: those without one of their own."""
        own: set[int] = set()
        for optimizer in self.optimizers():
            for group in optimizer.param_groups:
                own.update(map(id, group["params"]))
        return [p for p in self.parameters() if p.requires_grad and id(p) not in own]

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses that the last member combines, or whose gradients it looks at."""
        last = self.last
        result = dict(losses)
        for member in self.members:
            assert isinstance(member, Weighting)
            if member is not last:
                result = member.transform(result)
        # a last member of the loss level transforms in combine(); at others it may, or may not
        if last.level != "loss" and type(last).transform is not Weighting.transform:
            result = last.transform(result)
        return result

    def place(self, device: torch.device) -> Strategy:
        """Move members to the network's device.

        Those of the Gramian level stay on the CPU, but for parameters with which they transform
        losses.
        """
        for member in self.members:
            assert isinstance(member, Weighting)
            if member.level != "gramian":
                member.to(device)
            elif type(member).transform is not Weighting.transform:
                for parameter in member.parameters():
                    parameter.data = parameter.data.to(device)
        return self

    @property
    def looks_back(self) -> bool:
        """Whether the last member wants to be told the losses after the update."""
        return type(self.last).after_step is not Weighting.after_step

    @torch.no_grad()
    def after_step(self, losses: Mapping[str, Tensor]) -> None:
        """Tell the last member the losses of the same batch after the update, as they come."""
        transformed = self.transform(detached(losses))
        with torch.enable_grad():
            self.last.after_step(transformed)
        self.owed = False

    def epoch(self, info: EpochInfo) -> None:
        """Tell every member that an epoch begins."""
        for member in self.members:
            assert isinstance(member, Weighting)
            member.epoch(info)


class Plain(Weighting):
    """No weighting: the sum of the losses, which for single-task nets is the one loss."""

    level: ClassVar[Level] = "loss"

    def transform(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses."""
        return dict(losses)


def build_strategy(components: Sequence[Component], context: WeightingContext) -> Strategy:
    """Build a strategy from its components; none mean plain training.

    Raises:
        PluginError: a class cannot be loaded, or breaks the contract.
    """
    members: list[Weighting] = []
    for component in components:
        member = make_component(component, Weighting, context)
        check_weighting(member)
        members.append(member)
    return Strategy(members or [Plain(context)])
