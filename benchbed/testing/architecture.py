"""What every architecture must fulfil."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from fnmatch import fnmatch
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from benchbed.basics.errors import ContractError
from benchbed.contracts.architecture import (
    Architecture,
    BuildContext,
    check_execution,
    check_network,
    check_outputs,
    check_phases,
    constructor,
    no_backbone,
)
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Input, Target
from benchbed.contracts.task import Task
from benchbed.contracts.transform import Batch
from benchbed.contracts.weighting import WeightingContext
from benchbed.discovery.loading import call, make_component
from benchbed.discovery.method import Method, resolve_method
from benchbed.discovery.spec import Kind, Value, show_value
from benchbed.engine.cost import count_parameters
from benchbed.engine.operations import count_operations
from benchbed.engine.strategy import Strategy
from benchbed.testing.comparison import copied, difference, saved_and_loaded, some
from benchbed.testing.contract import Contract
from benchbed.testing.effects import seeded
from benchbed.testing.samples import SampleTask, sample_input, sample_target
from benchbed.testing.training import BATCH, Parts, Trained, assert_resumes, train, watched_steps
from benchbed.testing.update import (
    Ones,
    OnesAtLast,
    OnesAtRepresentation,
    Reached,
    gradients,
    plain_sum,
    update,
)


class ArchitectureContract(Contract):
    """Conformance of an architecture.

    Attributes:
        input: what it is built for.
        targets: one a task; an architecture for maps is tested with, for instance,
            ``{"seg": Target("class", (32, 32), classes=5), "depth": Target("value", (32, 32))}``.
        backbone: the backbone's name; the default of the Spec's option where it is empty.
        unused: patterns of names of parameters that may stay without a gradient, as
            ``("backbone.stages.2.*",)``.
        lacks: which of ``representation`` and ``last_shared`` it has none of for these targets.
    """

    kind: ClassVar[Kind] = "architecture"
    base: ClassVar[type[Any]] = Architecture
    leading: ClassVar[int] = 1

    input: ClassVar[Input] = Input((3, 32, 32))
    targets: ClassVar[Mapping[str, Target]] = {
        "a": Target("class", classes=4),
        "b": Target("class", classes=3),
        "c": Target("value"),
    }
    backbone: ClassVar[str] = ""
    unused: ClassVar[Sequence[str]] = ()
    lacks: ClassVar[Sequence[str]] = ()

    def make_tasks(self) -> dict[str, Task]:
        """Return the tasks to build for; override it where the architecture wants certain ones."""
        names = list(self.targets)
        if "one-run-per-task" in self.announced.traits:
            names = names[:1]
        return {name: SampleTask(name, self.targets[name]) for name in names}

    def resolve(self, given: Mapping[str, Value]) -> Method:
        """Return the plugin and its backbone as a method's name would give them."""
        text = self.announced.id
        if given:
            options = [f"{name}={show_value(value)}" for name, value in given.items()]
            text += ":" + ",".join(options)
        return resolve_method(text, self.registry(), list(self.make_tasks()), self.backbone or None)

    def constructor(self) -> Callable[..., Any]:
        """Return ``build`` where the plugin defines it, else the class."""
        return constructor(self.plugin)

    def construct(self, given: Mapping[str, Value], tasks: Mapping[str, Task] | None = None) -> Any:
        """Return a network."""
        method = self.resolve(given)
        bone = method.backbone

        def make_backbone() -> Backbone:
            assert bone is not None
            return make_component(bone, Backbone, self.input)

        make = no_backbone if bone is None else make_backbone
        context = BuildContext(tasks or self.make_tasks(), self.input, make)
        made = call(self.constructor(), self.plugin, context, **method.architecture.options)
        return check_network(made, self.name)

    def parts(self, given: Mapping[str, Value]) -> Parts:
        """Return what the trainer needs, with plain summing of the losses."""
        tasks = self.make_tasks()
        return Parts(tasks, self.input, self.construct(given, tasks), plain_sum(tasks))

    def batch(self, tasks: Mapping[str, Task], count: int = BATCH, seed: int = 0) -> Batch:
        """Return a made-up batch."""
        targets: dict[str, Tensor] = {}
        for place, (name, task) in enumerate(tasks.items()):
            targets[name] = sample_target(task.target, count, seed + place)
        return Batch(sample_input(self.input, count, seed), targets)

    def ends(self, given: Mapping[str, Value]) -> list[float]:
        """Return the shares of training at which the phases end."""
        phases = check_phases(self.construct(given), list(self.make_tasks()))
        return [phase.until for phase in phases]

    def epochs(self, given: Mapping[str, Value]) -> int:
        """Return a number of epochs, of two updates each, that is enough for the phases."""
        shortest = min(end - start for start, end in pairwise([0.0, *self.ends(given)]))
        return max(4, ceil(1.0 / max(shortest, 0.01)))

    def train(self, given: Mapping[str, Value], **options: Any) -> Trained:
        """Train through all phases."""
        return train(lambda: self.parts(given), epochs=self.epochs(given), **options)

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Make one update and one evaluation."""
        tasks = self.make_tasks()
        network = self.construct(given, tasks)
        update(network, tasks, self.batch(tasks))
        return self.evaluate(network, tasks)

    def evaluate(self, network: Architecture, tasks: Mapping[str, Task]) -> Mapping[str, Tensor]:
        """Return the outputs that are scored in evaluation."""
        network.eval()
        with torch.no_grad():
            outputs = network.combine(network(sample_input(self.input, 2, 7), list(tasks)))
        return check_outputs(network, outputs, tasks, 2)

    def test_its_traits_and_phases_fit_the_network(self, given: Mapping[str, Value]) -> None:
        """The trait ``single-tasking`` stands for the execution; the phases end at 1."""
        network = self.construct(given)
        check_execution(network, self.announced.traits)
        check_phases(network, list(self.make_tasks()))

    def test_it_returns_an_output_of_the_right_shape_for_each_task(
        self, given: Mapping[str, Value]
    ) -> None:
        """In training and, for a single sample, in evaluation; for all tasks and for each alone."""
        tasks = self.make_tasks()
        network = self.construct(given, tasks)
        choices = [tasks]
        for name, task in tasks.items():
            choices.append({name: task})
        for index in range(len(network.phases())):
            network.set_phase(index)
            for count, training in ((BATCH, True), (1, False)):
                network.train(training)
                for chosen in choices:
                    self._check(network, chosen, count)

    def _check(self, network: Architecture, tasks: Mapping[str, Task], count: int) -> None:
        x = sample_input(self.input, count)
        before = x.clone()
        outputs = check_outputs(network, network(x, list(tasks)), tasks, count)
        name = f"{self.name}.forward"
        assert torch.equal(x, before), f"{name} changes its input in place."
        mode = "training" if network.training else "evaluation"
        for key, task in tasks.items():
            wanted = (count, task.channels, *task.target.size)
            got = tuple(outputs[key].shape)
            assert got == wanted, f"{name}: in {mode} '{key}' has shape {got}, not {wanted}."
            finite = bool(torch.isfinite(outputs[key]).all())
            assert finite, f"{name}: in {mode} the output of '{key}' is not finite."

    def test_the_same_seed_gives_the_same_bits(self, given: Mapping[str, Value]) -> None:
        """Two networks of one seed start alike, and train alike."""
        states: list[dict[str, Tensor]] = []
        for _ in range(2):
            with seeded(3):
                states.append(copied(self.construct(given).state_dict()))
        place = difference(states[0], states[1])
        assert place is None, f"{self.name}.__init__: the same seed gives another '{place}'."
        place = self.train(given).difference(self.train(given))
        assert place is None, (
            f"{self.name} trains differently under the same seed: '{place}' differs."
        )

    def test_evaluation_leaves_the_network_as_it_is(self, given: Mapping[str, Value]) -> None:
        """An evaluation pass gives the same outputs again and moves no parameter and no buffer."""
        tasks = self.make_tasks()
        network = self.construct(given, tasks)
        update(network, tasks, self.batch(tasks))
        before = copied(network.state_dict())
        first = copied(self.evaluate(network, tasks))
        second = copied(self.evaluate(network, tasks))
        place = difference(first, second)
        assert place is None, f"{self.name}.forward: two evaluations differ in '{place}'."
        place = difference(before, network.state_dict())
        assert place is None, f"{self.name}.forward changes '{place}' in evaluation."

    def test_a_gradient_reaches_every_parameter(self, given: Mapping[str, Value]) -> None:
        """Every trainable parameter, auxiliary ones too, gets a gradient in some phase."""
        networks: list[Architecture] = []
        reached = Reached()

        def make() -> Parts:
            parts = self.parts(given)
            networks.append(parts.network)
            return parts

        with watched_steps(reached.see):
            train(make, epochs=self.epochs(given))
        network = networks[0]
        own = set(map(id, network.parameters()))
        assert own.issuperset(map(id, network.auxiliary_parameters())), (
            f"{self.name}.auxiliary_parameters() names a parameter that is not the network's."
        )
        self._all_are_in(reached.given, network, "no gradient reaches")
        self._all_are_in(reached.moved, network, "only zeros reach")

    def _all_are_in(self, reached: Set[int], network: Architecture, why: str) -> None:
        left = [
            key
            for key, parameter in network.named_parameters()
            if parameter.requires_grad and id(parameter) not in reached and not self._is_unused(key)
        ]
        assert not left, (
            f"{self.name}: in no phase of training {why} {some(left)}; use or remove them, "
            "freeze them by requires_grad_(False), or name them in 'unused' of the test class."
        )

    def _is_unused(self, key: str) -> bool:
        return any(fnmatch(key, pattern) for pattern in self.unused)

    def test_the_gradients_of_the_tasks_add_up(self, given: Mapping[str, Value]) -> None:
        """Gradients taken task by task, as most weightings do, sum to that of the summed losses."""
        tasks = self.make_tasks()
        with seeded(0):
            network = self.construct(given, tasks)
        if network.execution == "single-tasking" or len(tasks) < 2:
            pytest.skip(f"{self.name} updates one task at a time.")
        context = WeightingContext(tuple(tasks))
        found: list[dict[str, Tensor]] = []
        state = copied(network.state_dict())
        for strategy in (plain_sum(tasks), Strategy([Ones(context)])):
            network.load_state_dict(state)
            try:
                update(network, tasks, self.batch(tasks), strategy)
            except ContractError as error:
                if "parameter is shared" in str(error):
                    pytest.skip(f"No parameter of {self.name} is shared.")
                raise
            found.append(gradients(network))
        one, other = found
        # gradients that are 0, of biases before a batch norm, round with the largest of the others
        largest = max(float(gradient.abs().max()) for gradient in one.values())
        for key in sorted({*one, *other}):
            a = one.get(key, torch.zeros(()))
            b = other.get(key, torch.zeros(()))
            rounding = max(1e-5 * float(1 + a.abs().max()), 4e-6 * largest)
            same = torch.allclose(a, b, rtol=1e-3, atol=rounding)
            assert same, (
                f"{self.name}: the gradients of '{key}' under the tasks' losses do not add up to "
                "that under their sum; a hook or custom backward must be linear in the gradient."
            )

    @pytest.mark.parametrize("point", ["last_shared", "representation"])
    def test_the_points_to_weigh_at_are_shared(
        self, given: Mapping[str, Value], point: str
    ) -> None:
        """Where it names a last shared layer or a representation, weightings can work there."""
        if getattr(self.plugin, point) is getattr(Architecture, point):
            pytest.skip(f"{self.name} does not define {point}().")
        if point in self.lacks:
            pytest.skip(f"{self.name} is stated to have no {point}() for these targets.")
        tasks = self.make_tasks()
        if len(tasks) < 2:
            pytest.skip(f"{self.name} is for one task.")
        kind = OnesAtLast if point == "last_shared" else OnesAtRepresentation
        strategy = Strategy([kind(WeightingContext(tuple(tasks)))])
        update(self.construct(given, tasks), tasks, self.batch(tasks), strategy)

    def test_a_resumed_run_trains_on_to_the_same_bits(
        self, given: Mapping[str, Value], tmp_path: Path
    ) -> None:
        """In every phase, what the checkpoint keeps is all that training depends on."""
        saved_and_loaded(self.construct(given).state_dict(), self.name)
        epochs = self.epochs(given)
        stops: set[int] = set()
        for share in (0.5, *self.ends(given)):
            stop = int(share * epochs)
            stops.add(min(max(1, stop), epochs - 1))
        assert_resumes(
            self.name,
            partial(self.train, given),
            sorted(stops),
            tmp_path,
            "keep what forward depends on in parameters and buffers, and what follows from the "
            "phase in set_phase().",
        )

    def test_its_cost_can_be_counted(self, given: Mapping[str, Value]) -> None:
        """Parameters, and multiply-adds for all tasks in one pass and for each alone."""
        tasks = self.make_tasks()
        network = self.construct(given, tasks).eval()
        x = torch.zeros_like(sample_input(self.input, 1))
        names = list(tasks)
        parameters = count_parameters(network, x, names)
        assert parameters.total > 0, f"{self.name} has no parameters."
        together = count_operations(network, x, names).macs
        for name in names:
            alone = count_operations(network, x, [name]).macs
            assert 0 < alone <= together, (
                f"{self.name}.forward: {alone} multiply-adds are counted for '{name}' alone and "
                f"{together} for all tasks; it must be above 0 and no more than for all."
            )
