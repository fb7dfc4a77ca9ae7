"""Broken architectures and backbones."""

import random

import torch
from torch import nn

from benchbed import Architecture, Backbone, Input, Option, Phase, Target
from tests.testing.broken import breaks

VECTOR = Input((4,), (-1.0, 1.0))
IMAGE = Input((2, 8, 8))
VALUES = {"a": Target("value"), "b": Target("value")}


def refused(check, says, **more):
    return breaks("architecture", check, says, **({"input": VECTOR, "targets": VALUES} | more))


def refused_backbone(check, says, **more):
    return breaks("backbone", check, says, **({"input": IMAGE} | more))


class Net(Architecture):
    def __init__(self, context):
        super().__init__(context)
        self.trunk = nn.Linear(4, 6)
        self.heads = nn.ModuleDict({name: nn.Linear(6, 1) for name in context.tasks})

    def features(self, x):
        return self.trunk(x).tanh()

    def forward(self, x, tasks):
        features = self.features(x)
        return {task: self.heads[task](features) for task in tasks}


@refused(
    "the_options_of_its_spec_fit_the_constructor",
    "The constructor takes no 'width'",
    options={"width": Option(int, 8)},
)
@refused(
    "its_traits_and_phases_fit_the_network",
    "execution is 'joint', so its Spec must not have the trait",
    traits={"single-tasking"},
)
class Joint(Net):
    pass


@refused("its_traits_and_phases_fit_the_network", "phases\\(\\) must return phases whose 'until'")
class Unending(Net):
    def phases(self):
        return [Phase(until=0.5)]


@refused(
    "it_returns_an_output_of_the_right_shape_for_each_task",
    "Flat.forward: in training 'a' has shape \\(4, 1, 1\\), not \\(4, 1\\)",
)
class Flat(Net):
    def forward(self, x, tasks):
        return {task: output[..., None] for task, output in super().forward(x, tasks).items()}


@refused(
    "it_returns_an_output_of_the_right_shape_for_each_task",
    "returned no output for task 'b'",
)
class OnlyTheFirst(Net):
    def forward(self, x, tasks):
        return super().forward(x, ["a"])


@refused(
    "it_returns_an_output_of_the_right_shape_for_each_task", "forward changes its input in place"
)
class InPlace(Net):
    def features(self, x):
        return super().features(x.sub_(0.5))


@refused(
    "it_returns_an_output_of_the_right_shape_for_each_task",
    "in evaluation the output of 'a' is not finite",
)
class NotFinite(Net):
    def features(self, x):
        return super().features(x) if self.training else super().features(x) / 0.0


@refused("the_same_seed_gives_the_same_bits", "__init__: the same seed gives another 'scale'")
class ErraticStart(Net):
    def __init__(self, context):
        super().__init__(context)
        self.scale = nn.Parameter(torch.tensor(random.SystemRandom().random()))


@refused("the_same_seed_gives_the_same_bits", "trains differently under the same seed")
class ErraticNoise(Net):
    def features(self, x):
        return super().features(x) + random.SystemRandom().random()


@refused("evaluation_leaves_the_network_as_it_is", "two evaluations differ in 'a'")
class NoisyEvaluation(Net):
    def features(self, x):
        return super().features(x + torch.rand_like(x))


@refused("evaluation_leaves_the_network_as_it_is", "forward changes 'calls' in evaluation")
class Counter(Net):
    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("calls", torch.zeros(()))

    def features(self, x):
        self.calls += 1
        return super().features(x)


@refused("a_gradient_reaches_every_parameter", "no gradient reaches spare.weight, spare.bias; use")
class Spare(Net):
    def __init__(self, context):
        super().__init__(context)
        self.spare = nn.Linear(2, 2)


@refused("a_gradient_reaches_every_parameter", "only zeros reach scale")
class TimesZero(Net):
    def __init__(self, context):
        super().__init__(context)
        self.scale = nn.Parameter(torch.ones(()))

    def features(self, x):
        return super().features(x) + 0.0 * self.scale


@refused("a_gradient_reaches_every_parameter", "auxiliary_parameters\\(\\) names a parameter that")
class ForeignAuxiliary(Net):
    def auxiliary_parameters(self):
        return [nn.Parameter(torch.ones(()))]


@refused(
    "the_gradients_of_the_tasks_add_up", "the gradients of 'trunk.bias' under .* do not add up"
)
class NormalisesGradients(Net):
    def features(self, x):
        features = super().features(x)
        if features.requires_grad:
            features.register_hook(lambda gradient: gradient / gradient.norm())
        return features


@refused(
    "the_points_to_weigh_at_are_shared",
    "last_shared\\(\\) names none that the tasks share",
    arguments={"point": "last_shared"},
)
@refused(
    "the_points_to_weigh_at_are_shared",
    "representation\\(\\) does not depend on the shared parameter 'trunk.weight'",
    arguments={"point": "representation"},
)
class WrongPoints(Net):
    def __init__(self, context):
        super().__init__(context)
        self.bias = nn.Parameter(torch.zeros(6))

    def features(self, x):
        self.kept = self.bias * 1.0
        return super().features(x) + self.kept

    def representation(self):
        return self.kept

    def last_shared(self):
        return self.heads["a"].parameters()


@refused("a_resumed_run_trains_on_to_the_same_bits", "ends with another 'network")
class CountsCalls(Net):
    calls = 0

    def features(self, x):
        self.calls += self.training
        return super().features(x) * self.calls


@refused("a_resumed_run_trains_on_to_the_same_bits", "ends with another 'network")
class RandomProjection(Net):
    def __init__(self, context):
        super().__init__(context)
        self.projection = torch.randn(4, 4)

    def features(self, x):
        return super().features(x @ self.projection)


@refused("a_resumed_run_trains_on_to_the_same_bits", "ends with another")
class SwitchesOnEntering(Net):
    gate = 1.0

    def phases(self):
        return [Phase(until=0.5), Phase(until=1.0)]

    def enter_phase(self, index, generator):
        self.gate = 0.5
        return []

    def features(self, x):
        return self.gate * super().features(x)


@refused("a_resumed_run_trains_on_to_the_same_bits", "more than tensors and plain data")
class KeepsAnObject(Net):
    def get_extra_state(self):
        return Net

    def set_extra_state(self, state):
        pass


@refused("a_resumed_run_trains_on_to_the_same_bits", "does not load the state that it saved")
class GrowsLate(Net):
    def features(self, x):
        if "seen" not in self._buffers:
            self.register_buffer("seen", torch.ones(()))
        return super().features(x)


@refused("its_cost_can_be_counted", "0 multiply-adds are counted for 'a' alone and 0 for all")
class Elementwise(Net):
    def __init__(self, context):
        super().__init__(context)
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x, tasks):
        return {task: (x * self.scale).sum(1, keepdim=True) for task in tasks}


@refused("its_cost_can_be_counted", "multiply-adds are counted for 'a' alone and")
class DearerAlone(Net):
    def forward(self, x, tasks):
        features = sum(self.features(x + i) for i in range(3 if len(tasks) == 1 else 1))
        return {task: self.heads[task](features) for task in tasks}


class Dense(Architecture):
    """Sound: a prediction at each place."""

    def __init__(self, context):
        super().__init__(context)
        self.trunk = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.heads = nn.ModuleDict(
            {name: nn.Conv2d(6, task.channels, 1) for name, task in context.tasks.items()}
        )

    def forward(self, x, tasks):
        features = self.trunk(x)
        return {task: self.heads[task](features) for task in tasks}


class Maps(Backbone):
    """Sound: one map of half the size."""

    def __init__(self, input, width=3):
        super().__init__(input)
        self.channels, self.reductions = (width,), (2,)
        self.layer = nn.Conv2d(input.shape[0], width, 3, 2, 1)

    def forward(self, x):
        return [self.layer(x)]


@refused_backbone("it_states_channels_and_reductions", "NoNumbers.channels must be whole numbers")
class NoNumbers(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.channels = ()


@refused_backbone("it_states_channels_and_reductions", "states 1 channels and 2 reductions")
@refused_backbone("its_maps_have_the_stated_shapes", "changes its input in place")
class Uneven(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.reductions = (2, 4)

    def forward(self, x):
        return super().forward(x.relu_().mul_(0.5))


@refused_backbone("it_states_channels_and_reductions", "must name the finest map first")
@refused_backbone("its_maps_have_the_stated_shapes", "must return a list of 2 maps")
class Coarse(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.channels, self.reductions = (3, 3), (4, 2)


@refused_backbone(
    "its_maps_have_the_stated_shapes",
    "map 0 has shape \\(4, 3, 4, 4\\); by its channels and reduction it must be \\(4, 3, 2, 2\\)",
)
class SaysFour(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.reductions = (4,)


@refused_backbone("its_maps_have_the_stated_shapes", "map 0 is not finite")
class InfiniteMaps(Maps):
    def forward(self, x):
        return [item / 0.0 for item in super().forward(x)]


@refused_backbone("the_same_seed_gives_the_same_bits", "gives another '__init__.shift'")
class ErraticBackbone(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.register_buffer("shift", torch.tensor(random.SystemRandom().random()))


@refused_backbone("the_same_seed_gives_the_same_bits", "gives another 'forward.layer.weight'")
@refused_backbone("evaluation_leaves_the_backbone_as_it_is", "two evaluations differ in map 0")
class ErraticMaps(Maps):
    def forward(self, x):
        return [(1 + random.SystemRandom().random()) * item for item in super().forward(x)]


@refused_backbone("evaluation_leaves_the_backbone_as_it_is", "changes 'calls' in evaluation")
class CountingBackbone(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


@refused_backbone("a_gradient_reaches_every_parameter", "no map gives a gradient to spare.weight")
class SpareLayer(Maps):
    def __init__(self, input):
        super().__init__(input)
        self.spare = nn.Linear(1, 1)


@refused_backbone("a_loaded_state_trains_on_to_the_same_bits", "goes on differently, in 'state.")
class CountsInAnAttribute(Maps):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return [self.calls * item for item in super().forward(x)]


@refused_backbone("a_loaded_state_trains_on_to_the_same_bits", "does not load the state that it")
class GrowingBackbone(Maps):
    def forward(self, x):
        if "seen" not in self._buffers:
            self.register_buffer("seen", torch.ones(()))
        return super().forward(x)


@refused_backbone("it_changes_nothing_global", "SeedsAsItRuns seeds torch's generator")
class SeedsAsItRuns(Maps):
    def forward(self, x):
        torch.manual_seed(3)
        return super().forward(x)


@refused("it_changes_nothing_global", "OneThread changes, .* number of threads \\(from 1 to 2\\)")
class OneThread(Net):
    def features(self, x):
        torch.set_num_threads(2)
        return super().features(x)
