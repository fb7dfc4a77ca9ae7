"""What every weighting strategy must fulfil."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
import torch
from torch import Tensor

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.dataset import Input, Target
from benchbed.contracts.task import Task
from benchbed.contracts.weighting import (
    EpochInfo,
    Weighting,
    WeightingContext,
    check_weighting,
)
from benchbed.discovery.loading import make_component
from benchbed.discovery.spec import Kind, Value
from benchbed.engine.strategy import Strategy, build_strategy
from benchbed.testing.comparison import copied, difference, saved_and_loaded
from benchbed.testing.contract import Contract
from benchbed.testing.effects import seeded
from benchbed.testing.problem import Problem, decision, falling, random_problem
from benchbed.testing.samples import IGNORED, SampleNet, SampleTask, generator
from benchbed.testing.training import Parts, Trained, assert_resumes, train, whole_state

COUNTS: Final = (2, 3, 5)
"""Numbers of tasks to work for."""
LEVELS: Final = frozenset({"loss", "gramian", "jacobian"})
_EPOCHS: Final = 4
_MEMBER: Final = "members.0."
_INPUT: Final = Input((6,), (-1.0, 1.0))
_AT_FEATURES: Final = {"representation": (4, 6)}
_SHAPES: Final = {"trunk.weight": (6, 4), "trunk.bias": (6,), "last.weight": (2, 6)}


class WeightingContract(Contract):
    """Conformance of a weighting strategy.

    Attributes:
        tasks: names of the tasks; the first two, three and five are used. Options that are per task
            name some of them.
    """

    kind: ClassVar[Kind] = "weighting"
    base: ClassVar[type[Any]] = Weighting
    leading: ClassVar[int] = 1

    tasks: ClassVar[Sequence[str]] = ("a", "b", "c", "d", "e")

    def context(self, count: int) -> WeightingContext:
        """Return a context of some tasks, every other one a regression."""
        names = tuple(self.tasks[:count])
        return WeightingContext(names, frozenset(names[1::2]))

    def construct(self, given: Mapping[str, Value], count: int = 3) -> Any:
        """Return a strategy for some tasks; options that are per task are kept for these."""
        spec = self.announced
        names = list(self.tasks[:count])
        left_out = set(self.tasks[count:]) - set(spec.options)
        kept = {name: value for name, value in given.items() if name not in left_out}
        return make_component(self.component(kept, names), Weighting, self.context(count))

    def problem(self, names: Sequence[str], seed: int = 0, zero: str = "") -> Problem:
        """Return random losses in [0.1, 2.1) and gradients, one task's being zero if named."""
        shapes = _AT_FEATURES if self.plugin.at == "representation" else _SHAPES
        problem = random_problem(names, shapes, self.plugin.batches, generator(seed))
        if zero:
            task = list(names).index(zero)
            for batch in problem.batches:
                for gradients in batch.values():
                    gradients[task] = 0.0
        return problem

    def respond(self, weighting: Weighting, problem: Problem) -> dict[str, Tensor]:
        """Ask a strategy for its decision at one step, as the engine does, and check its form.

        Returns:
            The weights of the tasks (at loss level, the derivatives by their losses), or the
            direction at Jacobian level, by name.
        """
        return decision(weighting, problem)

    def responses(
        self, weighting: Weighting, sets: Sequence[Sequence[str]]
    ) -> Iterator[dict[str, Tensor]]:
        """Yield a strategy's decisions over four epochs of one step for each set of tasks."""
        names = list(weighting.context.tasks)
        for epoch in range(_EPOCHS):
            curves = {name: falling(2.0 + k, epoch) for k, name in enumerate(names)}
            weighting.epoch(EpochInfo(epoch, _EPOCHS, curves, curves))
            for number, present in enumerate(sets):
                problem = self.problem(present, 10 * epoch + number)
                yield self.respond(weighting, problem)
                if type(weighting).after_step is not Weighting.after_step:
                    after = {name: 0.9 * loss for name, loss in problem.losses.items()}
                    weighting.after_step(after)

    def parts(self, given: Mapping[str, Value], count: int) -> Parts:
        """Return what the trainer needs: a small net for tasks that are absent at times."""
        context = self.context(count)
        # what is ignored makes a task absent from a batch, and only classes have such a mark
        classes, number = Target("class", classes=3, ignore=IGNORED), Target("value")
        tasks: dict[str, Task] = {}
        for name in context.tasks:
            target = number if name in context.regression else classes
            tasks[name] = SampleTask(name, target)
        network = SampleNet(BuildContext(tasks, _INPUT))
        return Parts(tasks, _INPUT, network, Strategy([self.construct(given, count)]))

    def train(self, given: Mapping[str, Value], count: int = 3, **options: Any) -> Trained:
        """Train the small net for four epochs of six mini-batches."""
        return train(lambda: self.parts(given, count), epochs=_EPOCHS, batches=6, **options)

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Make a strategy and let it decide a few times."""
        weighting = self.construct(given)
        return list(self.responses(weighting, [weighting.context.tasks]))

    def test_its_level_is_sound_and_its_traits_agree(self) -> None:
        """The class defines its level's method; level and additivity are those of the Spec."""
        cls, traits = self.plugin, self.announced.traits
        check_weighting(cls)
        stated = sorted(traits & LEVELS)
        assert stated in ([], [cls.level]), (
            f"{self.name}.level is '{cls.level}', and its Spec has the trait '{stated[0]}'."
        )
        additive = "additive" in traits
        if cls.level == "loss" and cls.transform is not Weighting.transform:
            assert additive, (
                f"{self.name} defines transform() at loss level, so its Spec must have the trait "
                "'additive'."
            )
        else:
            assert not additive, (
                f"{self.name} does not define transform() at loss level, so its Spec must not "
                "have the trait 'additive'."
            )

    def test_an_additive_loss_is_the_sum_of_its_terms(self, given: Mapping[str, Value]) -> None:
        """combine({a}) + combine({b}) = combine({a, b}), and a term depends on its loss alone."""
        if "additive" not in self.announced.traits:
            pytest.skip(f"{self.name} is not additive.")
        weighting = self.construct(given)
        names = list(weighting.context.tasks)
        for _ in self.responses(weighting, [names]):
            losses = self.problem(names).losses
            terms = weighting.transform(losses)
            assert list(terms) == names, (
                f"{self.name}.transform must return one term for each task, got {list(terms)}."
            )
            alone = {name: weighting.combine({name: losses[name]}) for name in names}
            for name in names:
                assert torch.allclose(terms[name], alone[name], rtol=1e-5), (
                    f"{self.name}.transform: the term of '{name}' depends on the other tasks' "
                    "losses, so its Spec must not have the trait 'additive'."
                )
            whole = weighting.combine(losses)
            summed = torch.stack(list(alone.values())).sum()
            assert torch.allclose(whole, summed, rtol=1e-5), (
                f"{self.name}.combine: {whole.item():g} for all tasks, and {summed.item():g} as "
                "the sum over single ones; its Spec must not have the trait 'additive'."
            )

    @pytest.mark.parametrize("count", COUNTS)
    def test_it_decides_for_any_number_of_tasks(
        self, given: Mapping[str, Value], count: int
    ) -> None:
        """Of the right form and finite, for two, three and five tasks, over several epochs."""
        weighting = self.construct(given, count)
        found = list(self.responses(weighting, [weighting.context.tasks] * 2))
        assert len(found) == 2 * _EPOCHS

    @pytest.mark.parametrize("count", COUNTS)
    def test_a_task_may_leave_a_step(self, given: Mapping[str, Value], count: int) -> None:
        """A task without a valid element is in neither losses nor gradients, and comes back."""
        weighting = self.construct(given, count)
        names = list(weighting.context.tasks)
        fewest = 1 if weighting.level == "loss" else 2
        sets = [part for part in (names, names[1:], names, names[:-1]) if len(part) >= fewest]
        try:
            list(self.responses(weighting, sets))
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            text = f"{self.name} does not work when a task leaves a step"
            raise AssertionError(f"{text}: {type(error).__name__}: {error}") from error

    def test_an_epoch_may_lack_a_loss(self, given: Mapping[str, Value]) -> None:
        """A task that a phase of training leaves out has NaN in its curves, and breaks nothing."""
        weighting = self.construct(given)
        first, *names = weighting.context.tasks
        for epoch in range(_EPOCHS):
            curves = {name: falling(1.0, epoch) for name in names}
            curves[first] = [math.nan] * epoch
            weighting.epoch(EpochInfo(epoch, _EPOCHS, curves, curves))
            try:
                self.respond(weighting, self.problem([first, *names], epoch))
            except (AssertionError, BenchbedError) as error:
                text = f"{self.name}.epoch does not bear NaN in the curve of a task"
                raise AssertionError(f"{text}: {error}") from error

    @pytest.mark.parametrize("count", COUNTS)
    def test_it_trains_a_net(self, given: Mapping[str, Value], count: int) -> None:
        """With the real trainer, on data in which tasks are absent from some batches."""
        try:
            trained = self.train(given, count)
        except BenchbedError as error:
            raise AssertionError(f"{self.name} does not train {count} tasks: {error}") from error
        for key, value in trained.network.items():
            finite = bool(torch.isfinite(value).all())
            assert finite, f"{self.name}: '{key}' of the trained net is not finite."

    def test_a_zero_gradient_gives_finite_weights(self, given: Mapping[str, Value]) -> None:
        """A task whose gradient is zero, as at its minimum, breaks nothing."""
        if self.plugin.level == "loss":
            pytest.skip(f"{self.name} looks at losses, not at gradients.")
        for count in COUNTS:
            names = list(self.tasks[:count])
            for zero in (names[0], names[-1]):
                try:
                    self.respond(self.construct(given, count), self.problem(names, 1, zero))
                except Exception as error:
                    text = f"{self.name} does not bear a task's gradient that is zero"
                    raise AssertionError(f"{text}: {error}") from error

    def test_its_weights_sum_to_what_it_states(self, given: Mapping[str, Value]) -> None:
        """At Jacobian level: what a gradient that all tasks have in common is multiplied by."""
        if self.plugin.sums_to == "free":
            pytest.skip(f"{self.name} does not state what its weights sum to.")
        for count in COUNTS:
            names = list(self.tasks[:count])
            wanted = float(count if self.plugin.sums_to == "T" else 1)
            for got in self._sums(given, names):
                assert abs(got - wanted) <= 1e-4 * wanted, (
                    f"{self.name}.sums_to is '{self.plugin.sums_to}', and its weights of {count} "
                    f"tasks sum to {got:g}."
                )

    def _sums(self, given: Mapping[str, Value], names: Sequence[str]) -> Iterator[float]:
        weighting = self.construct(given, len(names))
        if weighting.level != "jacobian":
            for found in self.responses(weighting, [names]):
                yield float(found["weights"].sum())
            return
        problem = self.problem(names)
        for rows in problem.batches[-1].values():
            rows[:] = rows[:1].clone()
        for key, direction in self.respond(weighting, problem).items():
            common = problem.batches[-1][key][0]
            yield float((direction * common).sum() / (common * common).sum())

    def test_it_leaves_its_inputs_as_they_are(self, given: Mapping[str, Value]) -> None:
        """Losses, Gramian and gradients are the engine's, which goes on using them."""
        weighting = self.construct(given)
        names = list(weighting.context.tasks)
        problem = self.problem(names)
        losses, rows = problem.losses, problem.batches[-1]
        products = problem.gramian()
        taken = {"losses": losses, "gramian": products, "rows": rows}
        before = copied(taken)
        with torch.no_grad():
            if weighting.level == "loss":
                weighting.combine(losses)
            elif weighting.level == "gramian":
                weighting.weights(products, losses)
            else:
                weighting.direction(rows, losses)
        place = difference(before, taken)
        assert place is None, f"{self.name} changes its input '{place}' in place."

    def test_the_same_seed_gives_the_same_bits(self, given: Mapping[str, Value]) -> None:
        """Two strategies of one seed decide alike at every step."""
        found: list[Any] = []
        for _ in range(2):
            with seeded(3):
                weighting = self.construct(given)
                found.append(list(self.responses(weighting, [weighting.context.tasks])))
        place = difference(found[0], found[1], "step")
        assert place is None, f"{self.name} decides differently under the same seed, at '{place}'."

    def test_its_parameters_are_trained(self, given: Mapping[str, Value]) -> None:
        """What it learns gets a gradient from the loss, or moves by an optimiser of its own."""
        with seeded(0):
            start = self.construct(given)
        learned = {key: value for key, value in start.named_parameters() if value.requires_grad}
        before = copied(learned)
        if not before:
            pytest.skip(f"{self.name} has no trainable parameter.")
        after = self.train(given).strategy
        still = [key for key, value in before.items() if torch.equal(value, after[_MEMBER + key])]
        assert not still, (
            f"{self.name}: {', '.join(still)} did not move in {_EPOCHS} epochs; at loss level the "
            "scalar must depend on it, elsewhere it needs an optimiser of its own."
        )

    def test_a_resumed_run_trains_on_to_the_same_bits(
        self, given: Mapping[str, Value], tmp_path: Path
    ) -> None:
        """What the checkpoint keeps of a strategy is all that its decisions depend on."""
        strategy = build_strategy([], self.context(3))
        strategy.members[0] = weighting = self.construct(given)
        list(self.responses(weighting, [weighting.context.tasks]))
        saved_and_loaded(whole_state(strategy), self.name)
        assert_resumes(
            self.name,
            partial(self.train, given),
            range(1, _EPOCHS),
            tmp_path,
            "keep its state in buffers, parameters, optimisers that are attributes, or "
            "get_extra_state() and set_extra_state().",
        )
