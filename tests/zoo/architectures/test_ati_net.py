"""ATI-Net on SegNet: its phases; the forward pass is compared elsewhere."""

from dataclasses import replace

import pytest
import torch

from benchbed import Target
from benchbed.basics.errors import ProtocolError
from benchbed.contracts.transform import Batch
from benchbed.contracts.weighting import WeightingContext
from benchbed.engine.cost import count_parameters
from benchbed.engine.losses import LossComputer
from benchbed.engine.strategy import build_strategy
from benchbed.testing.samples import SampleTask, sample_target
from benchbed.testing.training import Parts, train
from benchbed_zoo.architectures.ati_net import AtiNet
from benchbed_zoo.architectures.mtan import Mtan
from tests.zoo.architectures.small import NarrowContract, built, context, images

TASKS = ["seg", "depth", "normals"]
DISTILLING = ("reducers.", "distillation.", "wideners.")


class TestAtiNet(NarrowContract):
    id = "ati-net"


class TestAtiNetAsReleased(NarrowContract):
    id = "ati-net"
    unused = tuple(f"{name}*" for name in DISTILLING)

    def resolve(self, given):
        return super().resolve({"variant": "as-released", **given})


def as_mtan(net):
    """Return MTAN with the same weights."""
    mtan = built(Mtan, seed=9)
    state = {k: v for k, v in net.state_dict().items() if not k.startswith(DISTILLING)}
    mtan.load_state_dict(state)
    return mtan


def equal_outputs(net, training=False):
    """Tell for each task whether its output equals MTAN's with the same weights, to the bit."""
    x = images()
    one, other = net.train(training)(x, TASKS), as_mtan(net).train(training)(x, TASKS)
    return [torch.equal(one[task], other[task]) for task in TASKS]


@pytest.mark.parametrize("training", [True, False])
def test_as_described_it_is_mtan_in_the_first_half_of_training_only(training):
    net = built(AtiNet)
    net.set_phase(0)
    assert equal_outputs(net, training) == [True] * 3
    net.set_phase(1)
    assert equal_outputs(net, training) == [False] * 3
    assert equal_outputs(built(AtiNet), training) == [False] * 3  # as a trained one that is loaded


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("training", [True, False])
def test_as_released_it_is_always_mtan(phase, training):
    net = built(AtiNet, variant="as-released")
    net.set_phase(phase)
    assert equal_outputs(net, training) == [True] * 3


@pytest.mark.parametrize(("variant", "unused"), [("as-described", 0), ("as-released", 1_487_424)])
def test_as_released_a_million_and_a_half_parameters_get_no_gradient(variant, unused):
    with torch.device("meta"):
        net = AtiNet(context(288, 384, 1.0), variant=variant)
        counted = count_parameters(net, torch.zeros(1, 3, 288, 384), TASKS)
    assert counted.unused == unused
    assert counted.total == 45_716_497


def entered(variant, seed=5):
    """Return the weights before the second phase, the network in it, and what is reset."""
    net = built(AtiNet, variant=variant)
    net(images(4), TASKS)  # which moves the statistics of batch norm
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net.set_phase(1)
    reset = list(net.enter_phase(1, torch.Generator().manual_seed(seed)))
    return before, net, reset


@pytest.mark.parametrize(
    ("variant", "anew"),
    [("as-described", {"attention"}), ("as-released", {"attention", "heads"})],
)
def test_modules_are_drawn_anew_at_half_of_training(variant, anew):
    before, net, reset = entered(variant)
    after = net.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert {key.partition(".")[0] for key in changed} == anew
    weights = {k for k, v in before.items() if k.partition(".")[0] in anew and v.dim() == 4}
    assert weights <= changed
    assert {id(module) for module in reset} == {id(getattr(net, name)) for name in anew}
    fresh = built(AtiNet, seed=3).attention.state_dict()
    for key, value in net.attention.state_dict().items():
        if value.dim() < 4:  # biases, norms and their statistics are those of a new network
            assert torch.equal(value, fresh[key])
        elif value.numel() > 400:
            assert float(value.std()) == pytest.approx(float(fresh[key].std()), rel=0.2)


def test_what_is_drawn_anew_follows_from_the_generator_alone():
    states = []
    for global_seed, seed in ((0, 5), (1, 5), (0, 6)):
        torch.manual_seed(global_seed)
        states.append(entered("as-described", seed)[1].attention.state_dict())
    key = "encoder_shared.2.0.weight"
    assert torch.equal(states[0][key], states[1][key])
    assert not torch.equal(states[0][key], states[2][key])


@pytest.mark.parametrize(("variant", "fresh"), [("as-described", False), ("as-released", True)])
def test_both_halves_have_the_protocols_learning_rate(variant, fresh):
    first, second = built(AtiNet, variant=variant).phases()
    assert (first.until, second.until) == (0.5, 1.0)
    assert (first.lr, second.lr) == (1.0, 1.0)
    assert (first.fresh_optimizer, second.fresh_optimizer) == (False, fresh)


def test_a_run_that_is_taken_up_in_the_second_half_distils(tmp_path, monkeypatch):
    distilled = AtiNet._distilled
    seen = []

    def forward(net, x, tasks, plain=AtiNet.forward):
        if net.training:
            seen.append(False)
        return plain(net, x, tasks)

    def noted(net, x):
        if net.training:
            seen[-1] = True
        return distilled(net, x)

    monkeypatch.setattr(AtiNet, "forward", forward)
    monkeypatch.setattr(AtiNet, "_distilled", noted)

    def run(**options):
        seen.clear()
        train(parts, epochs=4, batches=1, checkpoint=tmp_path / "checkpoint", **options)
        return list(seen)

    def parts():
        net = AtiNet(context())
        strategy = build_strategy([], WeightingContext(tuple(TASKS)))
        return Parts(net.context.tasks, net.context.input, net, strategy)

    assert run(stop=3) == [False, False, True]
    assert run() == [True]


def test_a_single_sample_too_many_is_refused_with_the_remedy():
    net = built(AtiNet).train()
    net.set_phase(1)
    tasks = net.context.tasks
    losses = LossComputer(net, tasks)

    def score(count):
        targets = {k: sample_target(task.target, count) for k, task in tasks.items()}
        return losses(Batch(images(count), targets), TASKS, 0.5)

    score(2)
    with pytest.raises(
        ProtocolError, match=r"mini-batch of 1 sample .* AtiNet: .*drop_last = true"
    ):
        score(1)


def test_as_released_pooled_heads_are_drawn_anew_too():
    given = context(tasks=("depth",))
    scene = SampleTask("scene", Target("class", classes=4))
    net = AtiNet(replace(given, tasks={**given.tasks, "scene": scene}), variant="as-released")
    linear = net.heads["scene"][-1]
    states = []
    for _ in range(2):
        torch.nn.init.ones_(linear.bias)
        net.enter_phase(1, torch.Generator().manual_seed(5))
        states.append(linear.weight.detach().clone())
        torch.nn.init.zeros_(linear.weight)
        assert not linear.bias.any()
    assert states[0].all()
    assert torch.equal(states[0], states[1])
