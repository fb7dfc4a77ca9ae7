import numpy as np
import pytest
import torch

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.solver_checks import solve


class TestImtl(WeightingContract):
    id = "imtl"


@every_kind
@every_count
def test_gradients_are_balanced_as_in_imtl_g(kind, count):
    jacobian = KINDS[kind](count)
    assert solve("imtl", jacobian)[0].tolist() == solve("imtl-g", jacobian)[0].tolist()


def test_losses_are_scaled_as_in_imtl_l():
    ours, theirs = checks.make("imtl", 3), checks.make("imtl-l", 3)
    with torch.no_grad():
        for index, strategy in enumerate((ours, theirs)):
            for place, scale in enumerate(strategy.scale.values()):
                scale.fill_(0.5 - place)
            assert len(strategy.scale) == 3, index
    found, expected = (s.transform(checks.losses(3)) for s in (ours, theirs))
    assert {k: float(v.detach()) for k, v in found.items()} == {
        k: float(v.detach()) for k, v in expected.items()
    }


def test_scales_start_at_one_and_descend_on_their_own_tasks_loss():
    """∂(e^s·L − s)/∂s = e^s·L − 1, whatever the weights are."""
    strategy = checks.make("imtl", 3)
    given = checks.losses(3)
    terms = strategy.transform(given)
    assert [float(t.detach()) for t in terms.values()] == pytest.approx(
        [float(loss) for loss in given.values()]
    )
    terms["t1"].backward()
    slopes = {name: scale.grad for name, scale in strategy.scale.items()}
    assert slopes["t0"] is None
    assert slopes["t2"] is None
    assert float(slopes["t1"]) == pytest.approx(float(given["t1"]) - 1.0, rel=1e-6)


def test_training_brings_every_scaled_loss_to_one():
    strategy = checks.make("imtl", 3)
    optimizer = torch.optim.SGD(strategy.parameters(), lr=0.3)
    given = checks.losses(3)
    for _ in range(200):
        optimizer.zero_grad()
        sum(strategy.transform(given).values()).backward()
        optimizer.step()
    scales = {name: float(scale.detach()) for name, scale in strategy.scale.items()}
    assert scales == pytest.approx({k: -np.log(float(v)) for k, v in given.items()}, abs=1e-5)
