import itertools

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from benchbed.basics.errors import ProtocolError
from benchbed.contracts.protocol import Optimizer, Schedule, parse_protocol
from benchbed.engine.optim import build_optimizer, schedule_factor, set_learning_rate
from tests import toys

STEPS, EPOCHS = 5, 12


def by_torch(scheduler, count):
    """The factors that a scheduler of torch gives in its first ``count`` periods."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = scheduler(optimizer)
    factors = []
    for _ in range(count):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return factors


def ours(spec, count=STEPS * EPOCHS):
    return [schedule_factor(spec, step, STEPS, EPOCHS) for step in range(count)]


def each_held_for_an_epoch(factors):
    return [factor for factor in factors for _ in range(STEPS)]


@pytest.mark.parametrize(("every", "gamma"), [(1, 0.1), (4, 0.5), (5, 0.3), (20, 0.1)])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_step_is_torchs_step_lr_over_epochs(every, gamma, per):
    spec = Schedule("step", per=per, step_epochs=every, gamma=gamma)
    expected = by_torch(lambda o: lr_scheduler.StepLR(o, every, gamma), EPOCHS)
    assert ours(spec) == pytest.approx(each_held_for_an_epoch(expected), rel=1e-9)


@pytest.mark.parametrize("power", [0.9, 1.0, 2.0])
def test_poly_is_torchs_polynomial_lr(power):
    per_epoch = by_torch(lambda o: lr_scheduler.PolynomialLR(o, EPOCHS, power), EPOCHS)
    assert ours(Schedule("poly", power=power)) == pytest.approx(
        each_held_for_an_epoch(per_epoch), rel=1e-9
    )
    total = STEPS * EPOCHS
    per_step = by_torch(lambda o: lr_scheduler.PolynomialLR(o, total, power), total)
    assert ours(Schedule("poly", per="step", power=power)) == pytest.approx(per_step, rel=1e-9)


def test_cosine_is_torchs_cosine_annealing_lr():
    per_epoch = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS), EPOCHS)
    assert ours(Schedule("cosine")) == pytest.approx(each_held_for_an_epoch(per_epoch), rel=1e-9)
    total = STEPS * EPOCHS
    per_step = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, total), total)
    assert ours(Schedule("cosine", per="step")) == pytest.approx(per_step, rel=1e-9)


@pytest.mark.parametrize("name", ["step", "poly", "cosine", "constant"])
@pytest.mark.parametrize("per", ["epoch", "step"])
def test_every_schedule_starts_at_the_full_rate_and_never_rises(name, per):
    factors = ours(Schedule(name, per=per))
    assert factors[0] == 1.0
    assert all(later <= earlier for earlier, later in itertools.pairwise(factors))
    assert all(factor > 0 for factor in factors)


def test_a_constant_schedule_stays_at_one():
    assert set(ours(Schedule())) == {1.0}


OPTIMIZERS = [
    Optimizer("sgd", lr=0.1, weight_decay=0.5, momentum=0.9, nesterov=True),
    Optimizer("sgd", lr=0.1, weight_decay=0.5),
    Optimizer("adam", lr=0.1, weight_decay=0.5),
    Optimizer("adamw", lr=0.1, weight_decay=0.5),
]


def named(spec):
    return f"{spec.name}{'-nesterov' if spec.nesterov else ''}"


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=named)
def test_a_weightings_parameters_do_not_decay_while_the_networks_do(spec):
    network, weighting = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizer = build_optimizer(spec, [network], [weighting])
    for _ in range(3):
        network.grad, weighting.grad = torch.zeros(3), torch.zeros(3)
        optimizer.step()
    assert torch.equal(weighting.detach(), torch.ones(3))
    assert (network.detach() < 0.99).all()


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=named)
def test_steps_are_those_of_torchs_optimizer_with_the_protocols_numbers(spec):
    plain = {
        "sgd": lambda p: torch.optim.SGD(
            p, lr=0.1, weight_decay=0.5, momentum=spec.momentum, nesterov=spec.nesterov
        ),
        "adam": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.5),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.5),
    }[spec.name]
    one, other = (nn.Parameter(torch.linspace(-1, 1, 5)) for _ in range(2))
    ours, theirs = build_optimizer(spec, [one], []), plain([other])
    for step in range(5):
        one.grad = torch.linspace(0, 1, 5) + step
        other.grad = one.grad.clone()
        ours.step()
        theirs.step()
    assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spec", OPTIMIZERS, ids=named)
def test_frozen_parameters_stay_where_they_are_until_they_are_thawed(spec):
    frozen, trained = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    optimizer = build_optimizer(spec, [frozen, trained], [])
    trained.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(frozen, torch.ones(2))
    frozen.requires_grad_(True)
    frozen.grad = torch.ones(2)
    optimizer.step()
    assert (frozen.detach() < 1).all()


def test_the_learning_rate_is_set_for_network_and_weighting_alike():
    optimizer = build_optimizer(
        OPTIMIZERS[0], [nn.Parameter(torch.ones(1))], [nn.Parameter(torch.ones(1))]
    )
    set_learning_rate(optimizer, 0.025)
    assert [group["lr"] for group in optimizer.param_groups] == [0.025, 0.025]


def test_cosine_restarts_are_torchs():
    spec = Schedule("cosine-restarts", per="step", restart_epochs=3, floor=0.01)
    theirs = by_torch(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 15, eta_min=0.01), 50)
    assert [schedule_factor(spec, step, 5, 10) for step in range(50)] == pytest.approx(theirs)


def test_a_warm_up_overrides_the_schedule_until_its_last_point():
    """The rate of AMFM's released code: 0.0001 to 0.001 in epoch 0, to 0.01 through epoch 10, then
    0.000954 at epoch 11, on a cosine of base 0.001 that restarts every 80 epochs."""
    spec = Schedule(
        "cosine-restarts",
        per="step",
        restart_epochs=80,
        floor=1e-3,
        warmup=[(0, 0.1), (1, 1.0), (11, 10.0)],
    )
    rate = [0.001 * schedule_factor(spec, step, 581, 800) for step in range(581 * 81)]
    assert rate[0] == pytest.approx(0.0001)
    assert rate[290] == pytest.approx(0.0001 + 0.0009 * 290 / 581)
    assert rate[581] == pytest.approx(0.001)
    assert rate[581 * 6] == pytest.approx(0.0055)
    assert rate[581 * 11 - 1] == pytest.approx(0.01, rel=1e-3)
    assert rate[581 * 11] == pytest.approx(0.000954, abs=5e-7)
    assert rate[581 * 80] == pytest.approx(0.001)


@pytest.mark.parametrize("warmup", [[[1, 0.1], [2, 1]], [[0, 0.1]], [[0, 0.1], [0, 1]]])
def test_a_warm_up_must_begin_at_zero_and_rise(warmup):
    lines = toys.PROTOCOL + f"\n[schedule]\nwarmup = {warmup}\n"
    with pytest.raises(ProtocolError, match="'schedule.warmup' must be points"):
        parse_protocol(lines, "toy")
