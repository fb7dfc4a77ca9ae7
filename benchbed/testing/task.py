"""What every task must fulfil."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric

from benchbed.contracts.dataset import Target
from benchbed.contracts.task import Task, check_loss, check_metrics
from benchbed.discovery.loading import make_component
from benchbed.discovery.spec import Kind, MetricSpec, Value
from benchbed.engine.evaluation import Scorer
from benchbed.testing.contract import Contract
from benchbed.testing.samples import IGNORED, generator, sample_target

COUNT = 12


class TaskContract(Contract):
    """Conformance of a task.

    Attributes:
        target: what it predicts; by default one of four classes a sample, some not annotated, or
            one number a sample, by the task's ``kind``.
        invalid_target: the number that marks what is invalid, such as 0 or NaN; the target's
            ``ignore`` where it is not given.
        batches_count: names of metrics that depend on the batches by definition.
    """

    kind: ClassVar[Kind] = "task"
    base: ClassVar[type[Any]] = Task
    leading: ClassVar[int] = 2

    target: ClassVar[Target | None] = None
    invalid_target: ClassVar[float | None] = None
    batches_count: ClassVar[frozenset[str]] = frozenset()

    def the_target(self) -> Target:
        """Return the target to test with."""
        if self.target is not None:
            return self.target
        classes = getattr(self.plugin, "kind", "") == "classification"
        return Target("class", classes=4, ignore=IGNORED) if classes else Target("value")

    def construct(self, given: Mapping[str, Value]) -> Any:
        """Return a task."""
        return make_component(self.component(given), Task, "a", self.the_target())

    def make_output(self, task: Task, count: int, seed: int) -> Tensor:
        """Return what a network might put out; override it where not every number will do."""
        shape = (count, task.channels, *task.target.size)
        return torch.randn(shape, generator=generator(seed))

    def make_target(self, task: Task, count: int, seed: int) -> Tensor:
        """Return valid targets; override it where not every number will do."""
        return sample_target(task.target, count, seed)

    def batch(self, task: Task, count: int = COUNT, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Return outputs, which want a gradient, and valid targets."""
        output = self.make_output(task, count, seed).requires_grad_()
        return output, self.make_target(task, count, seed + 1)

    def invalid(self, target: Tensor, where: Tensor) -> Tensor:
        """Return targets that are invalid at some places.

        Args:
            target: valid, ``(N, …)``.
            where: the places, bool, ``(N,)`` or ``(N, H, W)``.
        """
        value = self.the_target().ignore if self.invalid_target is None else self.invalid_target
        if value is None:
            pytest.skip(
                f"{self.name} is tested without invalid targets: neither 'invalid_target' nor the "
                "target's 'ignore' says what marks them."
            )
        places = where
        # channels come before places of a map, and all else after the samples
        new = 1 if where.dim() > 1 else -1
        while places.dim() < target.dim():
            places = places.unsqueeze(new)
        return target.masked_fill(places, value)

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Make a task, differentiate its loss and compute its metrics."""
        task = self.construct(given)
        output, target = self.batch(task)
        check_loss(task, task.loss(output, target))[0].backward()  # type: ignore[no-untyped-call]
        return _scores(task, output.detach(), target, [list(range(COUNT))])

    def test_it_states_its_kind_and_channels(self, given: Mapping[str, Value]) -> None:
        """``kind`` is one of two, ``channels`` a number above 0."""
        task = self.construct(given)
        known = getattr(task, "kind", None) in {"classification", "regression"}
        assert known, f"{self.name}.kind must be 'classification' or 'regression'."
        channels = task.channels
        assert type(channels) is int and channels > 0, (  # noqa: PT018
            f"{self.name}.channels must be a whole number above 0, not {channels!r}."
        )

    def test_its_metrics_are_those_of_its_spec(self, given: Mapping[str, Value]) -> None:
        """Where the Spec states metrics, all but details are there, with their directions."""
        stated = self.announced.metrics
        if not stated:
            pytest.skip(f"{self.name}'s Spec states no metrics.")
        task = self.construct(given)
        for key, metric in task.metrics().items():
            if key in task.details:
                continue
            assert key in stated, f"{self.name} has metric '{key}', which its Spec lacks."
            found = MetricSpec(bool(metric.higher_is_better), key in task.final)
            assert found == stated[key], (
                f"{self.name}: metric '{key}' is {found}, not {stated[key]}."
            )

    def test_its_loss_is_a_sum_with_a_gradient_and_a_number(
        self, given: Mapping[str, Value]
    ) -> None:
        """On valid targets, and neither outputs nor targets are changed."""
        task = self.construct(given)
        output, target = self.batch(task)
        before = output.detach().clone(), target.clone()
        name = f"{self.name}.loss"
        total, number = check_loss(task, task.loss(output, target))
        assert torch.equal(output.detach(), before[0]), f"{name} changes the output in place."
        assert torch.equal(target, before[1]), f"{name} changes the target in place."
        assert bool(torch.isfinite(total)), f"{name} returns {total.item()} on valid targets."
        assert float(number) > 0, f"{name} counts no valid element in a valid batch."
        assert total.requires_grad, f"{name} returns a sum without a gradient."
        (gradient,) = torch.autograd.grad(total, output)
        sound = bool(torch.isfinite(gradient).all()) and bool(gradient.any())
        assert sound, f"{name}: its gradient must be finite, and not zero everywhere."

    def test_the_same_batch_gives_the_same_loss(self, given: Mapping[str, Value]) -> None:
        """The loss draws no random numbers and remembers nothing."""
        task = self.construct(given)
        output, target = self.batch(task)
        first, _ = _numbers(task, output, target)
        again, _ = _numbers(task, output, target)
        fresh, _ = _numbers(self.construct(given), output, target)
        assert first == again == fresh, (
            f"{self.name}.loss returns {first}, then {again}, and {fresh} from a fresh task."
        )

    def test_its_loss_is_summed_over_samples(self, given: Mapping[str, Value]) -> None:
        """Sums and numbers of two parts of a batch add up to those of the whole."""
        task = self.construct(given)
        if task.batch_level:
            pytest.skip(f"{self.name} is stated to have a loss of the batch as a whole.")
        output, target = self.batch(task)
        whole = _numbers(task, output, target)
        first = _numbers(task, output[:5], target[:5])
        second = _numbers(task, output[5:], target[5:])
        summed = first[0] + second[0], first[1] + second[1]
        for what, one, other in zip(("sum", "number of elements"), whole, summed, strict=True):
            assert _close(one, other), (
                f"{self.name}.loss: the {what} of a batch is {one:g}, of its two parts together "
                f"{other:g}; return a sum (reduction='sum'), not a mean, or set 'batch_level'."
            )

    def test_a_batch_without_a_valid_element_counts_nothing(
        self, given: Mapping[str, Value]
    ) -> None:
        """The loss is (0, 0), its gradient finite and zero."""
        task = self.construct(given)
        output, target = self.batch(task)
        target = self.invalid(target, torch.ones(COUNT, dtype=torch.bool))
        total, number = check_loss(task, task.loss(output, target))
        assert (total.item(), float(number)) == (0.0, 0.0), (
            f"{self.name}.loss returns ({total.item()}, {float(number)}) where nothing is valid, "
            "and must return (0, 0)."
        )
        gradient: Tensor | None = None
        if total.requires_grad:
            (gradient,) = torch.autograd.grad(total, output, allow_unused=True)
        assert gradient is None or not bool(gradient.any()), (
            f"{self.name}.loss: its gradient must be zero where nothing is valid; dividing or "
            "taking logarithms before masking leaves NaN."
        )

    def test_invalid_elements_do_not_count(self, given: Mapping[str, Value]) -> None:
        """Loss and metrics are those of the valid samples; invalid places get no gradient."""
        task = self.construct(given)
        output, target = self.batch(task)
        out = torch.arange(COUNT) % 3 == 0
        mixed = self.invalid(target, out)
        whole, valid = _numbers(task, output, mixed), _numbers(task, output[~out], target[~out])
        for what, one, other in zip(("sum", "number of elements"), whole, valid, strict=True):
            assert _close(one, other), (
                f"{self.name}.loss: the {what} is {one:g} with invalid samples and {other:g} "
                "without them."
            )
        output = output.detach()
        left = (~out).nonzero().flatten().tolist()
        alone = out.nonzero().flatten().tolist()
        scores = _scores(task, output, target, [left])
        for key, score in _scores(task, output, mixed, [left, alone]).items():
            assert _close(score, scores[key]), (
                f"{self.name}.metrics(): '{key}' is {score:g} with invalid samples and "
                f"{scores[key]:g} without them."
            )
        self._no_gradient_at_invalid_places(task)

    def _no_gradient_at_invalid_places(self, task: Task) -> None:
        output, target = self.batch(task)
        out = torch.rand(COUNT, *task.target.size, generator=generator(9)) < 0.5
        total = task.loss(output, self.invalid(target, out))[0]
        (gradient,) = torch.autograd.grad(total, output)
        there = gradient.movedim(1, -1)[out]
        assert not bool(there.any()), f"{self.name}.loss has a gradient at invalid places."

    def test_its_metrics_state_directions_and_one_is_primary(
        self, given: Mapping[str, Value]
    ) -> None:
        """They are torchmetrics objects, fresh at each call; percentages are among them."""
        task = self.construct(given)
        metrics = check_metrics(task)
        for what in ("percent", "final", "details"):
            strange = sorted(set(getattr(task, what)) - set(metrics))
            assert not strange, f"{self.name}.{what} names '{strange}', no metric of its own."
        again = task.metrics()
        shared = [key for key, metric in metrics.items() if again[key] is metric]
        assert not shared, (
            f"{self.name}.metrics() must return fresh objects, and '{shared}' is not."
        )

    def test_its_metrics_do_not_depend_on_order_or_batch_size(
        self, given: Mapping[str, Value]
    ) -> None:
        """They sum up over batches, whatever the split."""
        task = self.construct(given)
        output, target = self.batch(task)
        whole = list(range(COUNT))
        splits: dict[str, Sequence[Sequence[int]]] = {
            "in reversed order": [whole[::-1]],
            "sample by sample": [[i] for i in whole],
            "in uneven batches": [whole[:5], whole[5:6], whole[6:]],
        }
        output = output.detach()
        scores = _scores(task, output, target, [whole])
        for key, score in scores.items():
            finite = math.isfinite(score)
            assert finite, f"{self.name}.metrics(): '{key}' is {score} on valid targets."
            inside = key not in task.percent or 0.0 <= score <= 1.0
            assert inside, f"{self.name}.metrics(): '{key}' is in percent, and {score:g}."
        for how, split in splits.items():
            for key, score in _scores(task, output, target, split).items():
                assert key in self.batches_count or _close(score, scores[key]), (
                    f"{self.name}.metrics(): '{key}' is {scores[key]:g} in one batch and {score:g} "
                    f"{how}; add up sums and counts, not means of batches."
                )

    def test_its_metrics_give_alone_and_merged_what_they_give_together(
        self, given: Mapping[str, Value]
    ) -> None:
        """Metrics that share a state would have the same one; those of two processes add up."""
        task = self.construct(given)
        output, target = self.batch(task)
        prediction = task.predict(output.detach())
        together = _scores(task, output.detach(), target, [list(range(COUNT))])
        metrics, others = task.metrics(), task.metrics()
        groups = _groups(task, COUNT)
        for key, metric in metrics.items():
            for one, at in ((metric, slice(0, 5)), (others[key], slice(5, None))):
                name = getattr(one, "group", None)
                further = () if name is None else (groups[name][at],)
                one.update(prediction[at], target[at], *further)
            mergeable = metric.full_state_update is False and not metric.dist_sync_on_step
            assert mergeable or type(metric).merge_state is not Metric.merge_state, (
                f"{self.name}.metrics(): '{key}' cannot be merged from two processes, since its "
                f"full_state_update is {metric.full_state_update}; set full_state_update = False "
                "in its class, or define merge_state."
            )
            metric.merge_state(others[key])
            score = float(metric.compute())
            assert key in self.batches_count or _close(score, together[key]), (
                f"{self.name}.metrics(): '{key}' is {together[key]:g}, and {score:g} from two "
                "objects merged; states must add up (dist_reduce_fx), and metrics with one "
                "'state_key' must have the same state."
            )

    def test_its_predictions_fit_outputs_or_targets(self, given: Mapping[str, Value]) -> None:
        """``predict`` keeps samples and places; one crop's average predicts what it does."""
        task = self.construct(given)
        output, target = self.batch(task)
        output = output.detach()
        before = output.clone()
        prediction = task.predict(output)
        assert torch.equal(output, before), f"{self.name}.predict changes the output in place."
        shapes = [tuple(target.shape), tuple(output.shape)]
        got = tuple(prediction.shape)
        assert got in shapes, (
            f"{self.name}.predict returns shape {got}; it must be the target's, {shapes[0]}, or "
            f"the output's, {shapes[1]}."
        )
        averaged = task.average(torch.stack([output, output], dim=1))
        assert averaged.shape == output.shape, (
            f"{self.name}.average returns shape {tuple(averaged.shape)} instead of {shapes[1]}."
        )
        close = torch.allclose(task.predict(averaged).float(), prediction.float(), atol=1e-5)
        assert close, f"{self.name}.average of two equal crops predicts something else than one."


def _numbers(task: Task, output: Tensor, target: Tensor) -> tuple[float, float]:
    total, number = check_loss(task, task.loss(output, target))
    return float(total.detach()), float(number)


def _scores(
    task: Task, output: Tensor, target: Tensor, batches: Sequence[Sequence[int]]
) -> dict[str, float]:
    scorer = Scorer(task.metrics(), output.device)
    groups = _groups(task, len(output))
    for batch in batches:
        at = torch.tensor(batch)
        of_batch = {name: group[at] for name, group in groups.items()}
        scorer.update(task.predict(output[at]), target[at], of_batch)
    return scorer.compute()


def _groups(task: Task, count: int) -> dict[str, Tensor]:
    """Return made-up groups of samples, for metrics of each group."""
    return {name: torch.arange(count) % len(groups) for name, groups in task.target.groups.items()}


def _close(one: float, other: float) -> bool:
    if math.isnan(one) and math.isnan(other):
        return True
    return abs(one - other) <= 1e-4 * max(1e-2, abs(one), abs(other))
