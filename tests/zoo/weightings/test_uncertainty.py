import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchbed import WeightingContext
from benchbed.basics.errors import MethodError
from benchbed.testing import WeightingContract
from benchbed_zoo.weightings.uncertainty import Uncertainty
from tests.zoo.weightings import checks
from tests.zoo.weightings.at_loss_level import named, positive, settle
from tests.zoo.weightings.small import ABC


class TestUncertaintyOfLiebel(WeightingContract):
    id = "uncertainty"
    options = {"form": "liebel", "init": 0.3}


def terms(method, loss):
    """The terms of a regression and a classification task of one loss."""
    strategy = checks.make(method, 2, regression=["t0"])
    return [float(x.detach()) for x in strategy.transform(named([loss, loss])).values()]


@given(positive, st.floats(-6, 6))
def test_the_form_of_liebel_is_one_for_both_kinds_of_task(loss, s):
    variance = math.exp(s)
    expected = loss / (2 * variance) + math.log(1 + variance)
    found = terms(f"uncertainty:form=liebel,init={s!r}", loss)
    assert found == pytest.approx([expected] * 2, rel=1e-5, abs=1e-6)


@given(st.floats(-6, 6).filter(lambda s: abs(s) > 1e-3))
def test_its_second_term_is_not_negative_where_kendalls_is(s):
    liebel = terms(f"uncertainty:form=liebel,init={s!r}", 0.0)[0]
    kendall = terms(f"uncertainty:init={s!r}", 0.0)[0]
    assert liebel > 0
    assert (kendall < 0) == (s < 0)


@pytest.mark.parametrize(("s", "expected"), [(100.0, 100.0), (-40.0, math.exp(-40))])
def test_its_second_term_neither_overflows_nor_vanishes(s, expected):
    found = terms(f"uncertainty:form=liebel,init={s}", 0.0)[0]
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", [0.05, 1.0, 8.0])
def test_the_variance_of_liebel_settles_where_the_derivative_is_zero(loss):
    """L/(2v) + log(1 + v) is least where 2·v² = L·(1 + v)."""
    strategy = checks.make("uncertainty:form=liebel", 1)
    settle(strategy, named([loss]), lr=0.5)
    variance = math.exp(float(strategy.log_variance["t0"].detach()))
    assert variance == pytest.approx((loss + math.sqrt(loss**2 + 8 * loss)) / 4, rel=1e-4)


@given(st.floats(0.015625, 1000, width=32), st.floats(-6, 6, width=32))
def test_the_default_is_kendalls_form_to_the_bit(value, s):
    strategy = checks.make(f"uncertainty:init={s!r}", 2, regression=["t0"])
    found = strategy.transform(named([value, value], torch.float32))
    loss, log_variance = torch.tensor(value), torch.tensor(float(s))
    for name, factor in (("t0", 0.5), ("t1", 1.0)):
        expected = factor * torch.exp(-log_variance) * loss + log_variance / 2
        assert torch.equal(found[name].detach(), expected)


def test_another_form_is_refused_with_the_nearest():
    with pytest.raises(MethodError, match="option 'form' cannot be 'kendal'.*'kendall'"):
        checks.make("uncertainty:form=kendal", 2)


# The form of MTAN's code.


class TestUncertaintyOfMtan(WeightingContract):
    id = "uncertainty"
    options = {"form": "mtan", "init": -0.5}


@given(positive, st.floats(-6, 6))
def test_the_form_of_mtan_halves_the_losses_of_both_kinds(loss, s):
    expected = loss / (2 * math.exp(s)) + math.log(math.exp(s / 2))
    found = terms(f"uncertainty:form=mtan,init={s!r}", loss)
    assert found == pytest.approx([expected] * 2, rel=1e-5, abs=1e-6)


@given(positive, st.floats(-6, 6))
def test_it_is_kendalls_where_all_tasks_are_of_regression(loss, s):
    mtan, kendall = (
        checks.make(f"uncertainty:form={form},init={s!r}", 3, regression=["t0", "t1", "t2"])
        for form in ("mtan", "kendall")
    )
    given = named([loss, 2 * loss, 3 * loss])
    assert [float(x.detach()) for x in mtan.transform(given).values()] == [
        float(x.detach()) for x in kendall.transform(given).values()
    ]


@pytest.mark.parametrize("losses", [[0.3, 1.0, 0.02], [8.0, 0.5, 2.0]])
def test_training_goes_as_in_a_loop_of_plain_autograd(losses):
    """A weight, the tasks' log σ² from −0.5 on, and Adam on both, in float64 by hand."""
    targets = torch.tensor(losses, dtype=torch.float64)
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    logs = torch.full((3,), -0.5, dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([weight, logs], lr=0.05)
    strategy = checks.make("uncertainty:form=mtan,init=-0.5", 3, regression=["t1"]).double()
    ours = torch.ones((), dtype=torch.float64, requires_grad=True)
    other = torch.optim.Adam([ours, *strategy.parameters()], lr=0.05)
    for _ in range(50):
        adam.zero_grad()
        scaled = targets * (1 + (weight - targets) ** 2)
        (scaled / (2 * logs.exp()) + logs / 2).sum().backward()
        adam.step()
        other.zero_grad()
        given = dict(zip(checks.names(3), targets * (1 + (ours - targets) ** 2), strict=True))
        strategy.combine(given).backward()
        other.step()
    assert float(ours.detach()) == pytest.approx(float(weight.detach()), rel=1e-12)
    learned = [float(p.detach()) for p in strategy.parameters()]
    assert learned == pytest.approx(logs.tolist(), rel=1e-12)


@pytest.mark.parametrize("regression", [[], ["t0"]])
def test_its_variance_settles_at_the_loss_for_both_kinds(regression):
    strategy = checks.make("uncertainty:form=mtan,init=-0.5", 1, regression=regression)
    settle(strategy, named([0.3]), lr=0.5)
    variance = math.exp(float(strategy.log_variance["t0"].detach()))
    assert variance == pytest.approx(0.3, rel=1e-4)


# The form of Kendall.


class TestUncertainty(WeightingContract):
    id = "uncertainty"
    options = {"init": -0.5}


@given(loss=positive, s=st.floats(-3, 3))
def test_uncertainty_follows_kendalls_formulas_of_both_kinds(loss, s):
    strategy = Uncertainty(WeightingContext(("depth", "seg"), frozenset({"depth"})), init=s)
    sigma = math.exp(s / 2)
    terms = strategy.transform({"depth": torch.tensor(loss), "seg": torch.tensor(loss)})
    regression = loss / (2 * sigma**2) + math.log(sigma)
    classification = loss / sigma**2 + math.log(sigma)
    assert float(terms["depth"].detach()) == pytest.approx(regression, rel=1e-5, abs=1e-5)
    assert float(terms["seg"].detach()) == pytest.approx(classification, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("task", "loss"), [("depth", 0.3), ("seg", 0.3), ("depth", 8.0)])
def test_uncertainty_settles_where_its_formula_is_least(task, loss):
    """σ² = L for regression and 2·L for classification, where the derivative is 0."""
    strategy = Uncertainty(WeightingContext((task,), frozenset({"depth"})))
    settle(strategy, {task: torch.tensor(loss)}, lr=0.5)
    variance = math.exp(float(strategy.log_variance[task].detach()))
    assert variance == pytest.approx(loss if task == "depth" else 2 * loss, rel=1e-4)


def test_uncertainty_learns_one_number_a_task_starting_at_the_option():
    strategy = Uncertainty(ABC, init=-1.5)
    found = {name: float(p.detach()) for name, p in strategy.named_parameters()}
    assert found == {f"log_variance.{t}": -1.5 for t in "abc"}
