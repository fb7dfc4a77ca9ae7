"""What every backbone must fulfil."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any, ClassVar

import torch
from torch import Tensor

from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input
from benchbed.discovery.loading import make_component
from benchbed.discovery.spec import Kind, Value
from benchbed.testing.comparison import copied, difference, saved_and_loaded, some
from benchbed.testing.contract import Contract
from benchbed.testing.effects import seeded
from benchbed.testing.samples import generator, sample_input

BATCH = 4


class BackboneContract(Contract):
    """Conformance of a backbone.

    Attributes:
        input: what it is made for.
    """

    kind: ClassVar[Kind] = "backbone"
    base: ClassVar[type[Any]] = Backbone
    leading: ClassVar[int] = 1

    input: ClassVar[Input] = Input((3, 64, 64))

    def construct(self, given: Mapping[str, Value]) -> Any:
        """Return a backbone."""
        return make_component(self.component(given), Backbone, self.input)

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Make one update and one evaluation."""
        backbone = self.construct(given)
        _train(backbone, self.input, 1)
        return self.evaluate(backbone)

    def evaluate(self, backbone: Backbone, count: int = 2) -> list[Tensor]:
        """Return the feature maps in evaluation mode."""
        backbone.eval()
        with torch.no_grad():
            return [item.clone() for item in backbone(sample_input(self.input, count, 7))]

    def test_it_states_channels_and_reductions(self, given: Mapping[str, Value]) -> None:
        """One number above 0 of each for every feature map, finest first."""
        backbone = self.construct(given)
        channels, reductions = list(backbone.channels), list(backbone.reductions)
        for what, numbers in (("channels", channels), ("reductions", reductions)):
            sound = numbers and all(type(number) is int and number > 0 for number in numbers)
            assert sound, f"{self.name}.{what} must be whole numbers above 0, not {numbers}."
        assert len(channels) == len(reductions), (
            f"{self.name} states {len(channels)} channels and {len(reductions)} reductions."
        )
        assert reductions == sorted(reductions), (
            f"{self.name}.reductions must name the finest map first, not {reductions}."
        )

    def test_its_maps_have_the_stated_shapes(self, given: Mapping[str, Value]) -> None:
        """In training and, for a single sample, in evaluation."""
        backbone = self.construct(given)
        name = f"{self.name}.forward"
        for count, training in ((BATCH, True), (1, False)):
            backbone.train(training)
            x = sample_input(self.input, count)
            before = x.clone()
            maps = backbone(x)
            assert torch.equal(x, before), f"{name} changes its input in place."
            assert isinstance(maps, list) and len(maps) == len(backbone.channels), (  # noqa: PT018
                f"{name} must return a list of {len(backbone.channels)} maps."
            )
            for place, item in enumerate(maps):
                channels, reduction = backbone.channels[place], backbone.reductions[place]
                shape = tuple(item.shape)
                height, width = self._size()
                sizes = product(_sizes(height, reduction), _sizes(width, reduction))
                allowed = [(count, channels, *size) for size in sizes]
                assert shape in allowed, (
                    f"{name}: map {place} has shape {shape}; by its channels and reduction it must "
                    f"be {' or '.join(map(str, allowed))}."
                )
                assert bool(torch.isfinite(item).all()), f"{name}: map {place} is not finite."

    def _size(self) -> tuple[int, int]:
        """Return height and width of the input; those of a vector are 1."""
        shape = self.input.shape
        if len(shape) != 3:
            return 1, 1
        return shape[-2], shape[-1]

    def test_the_same_seed_gives_the_same_bits(self, given: Mapping[str, Value]) -> None:
        """Two backbones of one seed start alike, and train alike."""
        found: list[Any] = []
        for _ in range(2):
            with seeded(3):
                backbone = self.construct(given)
                start = copied(backbone.state_dict())
                _train(backbone, self.input, 2)
                found.append({"__init__": start, "forward": copied(backbone.state_dict())})
        place = difference(*found)
        assert place is None, f"{self.name}: the same seed gives another '{place}'."

    def test_evaluation_leaves_the_backbone_as_it_is(self, given: Mapping[str, Value]) -> None:
        """An evaluation pass gives the same maps again and moves no parameter and no buffer."""
        backbone = self.construct(given)
        _train(backbone, self.input, 1)
        before = copied(backbone.state_dict())
        place = difference(self.evaluate(backbone), self.evaluate(backbone))
        assert place is None, f"{self.name}.forward: two evaluations differ in map {place}."
        place = difference(before, backbone.state_dict())
        assert place is None, f"{self.name}.forward changes '{place}' in evaluation."

    def test_a_gradient_reaches_every_parameter(self, given: Mapping[str, Value]) -> None:
        """Every trainable parameter gets a gradient from one of the maps."""
        backbone = self.construct(given)
        reached = _train(backbone, self.input, 5)
        named = backbone.named_parameters()
        left = [key for key, p in named if p.requires_grad and key not in reached]
        assert not left, (
            f"{self.name}: no map gives a gradient to {some(left)}; remove what no map depends on."
        )

    def test_a_loaded_state_trains_on_to_the_same_bits(self, given: Mapping[str, Value]) -> None:
        """A fresh backbone with the saved state goes on as the one that saved it."""
        with seeded(1):
            backbone = self.construct(given)
        with seeded(2):
            fresh = self.construct(given)
        _train(backbone, self.input, 3)
        try:
            fresh.load_state_dict(saved_and_loaded(backbone.state_dict(), self.name))
        except RuntimeError as error:
            text = f"{self.name} does not load the state that it saved after training"
            raise AssertionError(f"{text}: {error}") from error
        found: list[Any] = []
        for item in (backbone, fresh):
            with seeded(4):
                _train(item, self.input, 1)
            found.append({"state": copied(item.state_dict()), "maps": self.evaluate(item)})
        place = difference(*found)
        assert place is None, (
            f"{self.name}: a fresh one with the saved state goes on differently, in '{place}'; "
            "keep what forward depends on in parameters and buffers."
        )


def _train(backbone: Backbone, input: Input, steps: int) -> set[str]:
    """Make some updates; return the names of the parameters that got a gradient in one of them."""
    backbone.train()
    trainable = [parameter for parameter in backbone.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trainable, lr=1e-3) if trainable else None
    reached: set[str] = set()
    for step in range(steps):
        backbone.zero_grad()
        terms: list[Tensor] = []
        for place, item in enumerate(backbone(sample_input(input, BATCH, step))):
            factors = torch.randn(item.shape, generator=generator(place))
            terms.append((item * factors).mean())
        loss = sum(terms)
        if optimizer is None or not isinstance(loss, Tensor) or not loss.requires_grad:
            continue
        loss.backward()  # type: ignore[no-untyped-call]
        reached |= {
            key
            for key, parameter in backbone.named_parameters()
            if parameter.grad is not None and bool(parameter.grad.any())
        }
        optimizer.step()
    return reached


def _sizes(size: int, reduction: int) -> list[int]:
    """Return a map's possible sizes: rounded down or up, at least 1."""
    down, up = size // reduction, -(-size // reduction)
    return sorted({max(1, down), up})
