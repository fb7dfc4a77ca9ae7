import numpy as np
import pytest
import torch
from torchjd.aggregation import GradDrop

from benchbed.testing import WeightingContract
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind
from tests.zoo.weightings.row_checks import assert_close, assert_stays_on_device, direction, rows_of


class TestGradDrop(WeightingContract):
    id = "graddrop"
    options = {"leak": 0.25}


def uniform_numbers(jacobian, seed):
    """What the strategy draws for the two parameters, and leaves the seed as it was."""
    torch.manual_seed(seed)
    numbers = [
        torch.rand(block[0].shape, dtype=block.dtype) for block in rows_of(jacobian).values()
    ]
    torch.manual_seed(seed)
    return torch.cat([n.flatten() for n in numbers]).numpy()


def by_hand(jacobian, uniform, leak):
    result = []
    for column, u in zip(jacobian.T, uniform, strict=True):
        size = sum(abs(g) for g in column)
        purity = 0.5 * (1 + sum(column) / size) if size else 0.5
        masks = [(purity > u) * (g > 0) + (purity < u) * (g < 0) for g in column]
        result.append(sum((leak + (1 - leak) * m) * g for m, g in zip(masks, column, strict=True)))
    return np.array(result)


@every_kind
@every_count
@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
def test_it_is_the_papers_mask_for_the_same_uniform_numbers(kind, count, leak):
    jacobian = KINDS[kind](count)
    expected = by_hand(jacobian, uniform_numbers(jacobian, count), leak)
    found = direction(checks.make(f"graddrop:leak={leak}", count), jacobian)
    assert_close(found, expected, 1e-12)


@every_kind
@every_count
def test_torchjd_agrees_for_the_same_uniform_numbers(kind, count, monkeypatch):
    jacobian = KINDS[kind](count)
    uniform = uniform_numbers(jacobian, 1)
    found = direction(checks.make("graddrop:leak=0.3", count), jacobian)
    monkeypatch.setattr(torch, "rand", lambda *size, **options: torch.from_numpy(uniform))
    theirs = GradDrop(leak=torch.full((count,), 0.3))
    assert_close(found, theirs(torch.from_numpy(jacobian)).numpy(), 1e-7)


def test_a_sign_that_all_agree_on_remains_even_where_zero_is_drawn(monkeypatch):
    monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
    jacobian = np.array([[1.0, -2.0, 0.0, 3.0], [2.0, -1.0, 0.0, -1.0], [0.0, -1.0, 0.0, 0.0]])
    assert direction(checks.make("graddrop", 3), jacobian).tolist() == [3.0, -4.0, 0.0, 3.0]


def test_a_sign_remains_as_often_as_it_is_pure():
    jacobian = np.repeat([[3.0], [-1.0], [1.0]], 40_000, axis=1)
    torch.manual_seed(0)
    found = direction(checks.make("graddrop", 3), jacobian)
    assert set(found) == {4.0, -1.0}
    assert (found == 4.0).mean() == pytest.approx(0.8, abs=5 * np.sqrt(0.16 / 40_000))


@every_kind
def test_a_factor_scales_the_direction_and_an_order_leaves_it(kind):
    jacobian = KINDS[kind](5)
    found = []
    for given in (jacobian, 1e6 * jacobian, jacobian[[2, 0, 4, 3, 1]]):
        torch.manual_seed(1)
        found.append(direction(checks.make("graddrop", 5), given))
    assert_close(found[1], 1e6 * found[0], 1e-12)
    assert_close(found[2], found[0], 1e-12)


def test_the_others_are_as_without_a_task_whose_gradient_is_zero():
    jacobian = checks.zero_row(5)
    torch.manual_seed(1)
    found = direction(checks.make("graddrop", 5), jacobian)
    torch.manual_seed(1)
    assert_close(found, direction(checks.make("graddrop", 4), jacobian[[0, 1, 3, 4]]), 1e-14)


def test_it_reads_nothing_back_from_a_device():
    assert_stays_on_device(checks.make("graddrop:leak=0.5", 3))
