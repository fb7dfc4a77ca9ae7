"""What every batch transform must fulfil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from benchbed.contracts.dataset import Input, Target
from benchbed.contracts.transform import Batch, Draws, Transform, check_batch
from benchbed.discovery.loading import make_component
from benchbed.discovery.spec import Kind, Value
from benchbed.testing.comparison import copied, difference
from benchbed.testing.contract import Contract
from benchbed.testing.effects import seeded
from benchbed.testing.samples import IGNORED, generator, sample_input, sample_target

SAMPLES = (40, 7, 12, 3, 25, 18)
"""Positions in a split of the samples that are transformed."""


class TransformContract(Contract):
    """Conformance of a batch transform.

    Attributes:
        input: what it is given.
        targets: one a task; a transform for maps is tested with, for instance,
            ``{"seg": Target("class", (32, 32), classes=5), "depth": Target("value", (32, 32))}``.
        per_sample: all its random numbers come from ``draws.uniform``, so that what happens to a
            sample does not depend on the batch that it is in.
    """

    kind: ClassVar[Kind] = "transform"
    base: ClassVar[type[Any]] = Transform

    input: ClassVar[Input] = Input((3, 32, 32))
    targets: ClassVar[Mapping[str, Target]] = {
        "a": Target("class", classes=4, ignore=IGNORED),
        "b": Target("value"),
    }
    per_sample: ClassVar[bool] = False

    def construct(self, given: Mapping[str, Value]) -> Any:
        """Return a transform."""
        return make_component(self.component(given), Transform)

    def batch(self, places: Sequence[int] = range(len(SAMPLES))) -> Batch:
        """Return a batch of some of the samples, in the given order."""
        at = torch.tensor(list(places))
        count = len(SAMPLES)
        targets: dict[str, Tensor] = {}
        for seed, (name, target) in enumerate(self.targets.items(), 1):
            targets[name] = sample_target(target, count, seed)[at]
        return Batch(sample_input(self.input, count)[at], targets, described=self.targets)

    def draws(self, places: Sequence[int] = range(len(SAMPLES)), *, batch_seed: int = 5) -> Draws:
        """Return the random numbers of such a batch."""
        indices = np.array([SAMPLES[place] for place in places], dtype=np.int64)
        return Draws(2**40 + 17, indices, generator(batch_seed))

    def apply(self, transform: Transform) -> Batch:
        """Return the transformed batch of all samples."""
        before = self.batch()
        return check_batch(transform, before, transform(before, self.draws()))

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Make a transform and apply it."""
        return self.apply(self.construct(given))

    def test_it_keeps_samples_targets_and_classes(self, given: Mapping[str, Value]) -> None:
        """All are there afterwards, numbers finite, classes still classes of the same type."""
        after = self.apply(self.construct(given))
        name = f"{self.name}.forward"
        assert bool(torch.isfinite(after.input).all()), f"{name} makes inputs that are not finite."
        for mapping in (after.targets, after.mixed or {}):
            for key, values in mapping.items():
                got = len(values)
                assert got == len(SAMPLES), f"{name} returns {got} targets of '{key}', not all."
                self._fit(f"{name}: target '{key}'", values, self.targets[key])

    @staticmethod
    def _fit(name: str, values: Tensor, target: Target) -> None:
        if target.kind == "value":
            assert values.is_floating_point(), f"{name} has become {values.dtype}."
            return
        known = (values >= 0) & (values < target.classes)
        if target.ignore is not None:
            known |= values == target.ignore
        sound = values.dtype == torch.int64 and bool(known.all())
        assert sound, f"{name} no longer holds classes; resize maps of classes by nearest."

    def test_it_leaves_the_batch_that_it_is_given(self, given: Mapping[str, Value]) -> None:
        """Inputs and targets are not changed in place: they may be the data set's own memory."""
        transform, batch = self.construct(given), self.batch()
        before = copied([batch.input, batch.targets])
        transform(batch, self.draws())
        input_before, targets_before = before
        same = difference(input_before, batch.input) is None
        assert same, f"{self.name}.forward changes the input in place."
        same = difference(targets_before, batch.targets) is None
        assert same, f"{self.name}.forward changes a target in place."

    def test_the_same_draws_give_the_same_bits(self, given: Mapping[str, Value]) -> None:
        """What happens follows from ``draws`` alone, not from global generators."""
        found: list[Any] = []
        for seed in (1, 2):
            with seeded(seed):
                found.append(_plain(self.apply(self.construct(given))))
        place = difference(*found)
        assert place is None, (
            f"{self.name}.forward gives another '{place}' from the same draws; take random numbers "
            "from draws.uniform() or draws.generator."
        )

    def test_it_remembers_nothing(self, given: Mapping[str, Value]) -> None:
        """Earlier batches make no difference: a resumed run has not seen them."""
        transform = self.construct(given)
        first = copied(_plain(self.apply(transform)))
        transform(self.batch([1, 3]), self.draws([1, 3], batch_seed=6))
        place = difference(first, _plain(self.apply(transform)))
        assert place is None, f"{self.name}.forward gives another '{place}' after other batches."

    def test_a_sample_is_treated_alike_in_any_batch(self, given: Mapping[str, Value]) -> None:
        """Whatever stands beside it, and in whatever order."""
        if not self.per_sample:
            pytest.skip(f"{self.name} is not stated to draw for each sample ('per_sample').")
        transform = self.construct(given)
        whole = _plain(self.apply(transform))
        for number, places in enumerate(([3, 1, 5], [2], [5, 4, 3, 2, 1, 0])):
            draws = self.draws(places, batch_seed=20 + number)
            part = _plain(transform(self.batch(places), draws))
            at = torch.tensor(places)
            for key, values in part.items():
                same = torch.allclose(values, whole[key][at], rtol=1e-5, atol=1e-6, equal_nan=True)
                assert same, (
                    f"{self.name}.forward treats '{key}' of a sample differently in another batch; "
                    "draw from draws.uniform() only, or leave 'per_sample' out."
                )


def _plain(batch: Batch) -> dict[str, Any]:
    """Return a batch's content by name."""
    named = {"input": batch.input}
    for name, target in batch.targets.items():
        named[f"target {name}"] = target
    for name, target in (batch.mixed or {}).items():
        named[f"mixed {name}"] = target
    return named
