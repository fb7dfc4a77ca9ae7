"""What tasks' own parameters get: the engine against plain autograd."""

import numpy as np
import pytest
import torch

import benchbed
from benchbed import WeightingContext
from benchbed.discovery.method import resolve_weighting
from benchbed.engine.gradients import Backward
from benchbed.engine.strategy import build_strategy
from tests.zoo.weightings import checks
from tests.zoo.weightings.nets import FACTORS, TASKS, Net, assert_same, every_seed, strategy_of

DEFAULTS = {
    "mgda": "own",
    "mgda:normalisation=l2": "own",
    "imtl-g": "own",
    "imtl": "own",
    "nash-mtl": "weighted",
    "nash-mtl:max_norm=0.3": "weighted",
    "aligned-mtl": "own",
}
every_method = pytest.mark.parametrize("method", DEFAULTS)


def with_heads(method, heads):
    return f"{method}{',' if ':' in method else ':'}heads={heads}"


def gradients(modules):
    return np.concatenate([p.grad.ravel().numpy() for m in modules for p in m.parameters()])


def by_engine(method, seed):
    """The net with its gradients, the strategy and the weights that it returned."""
    net, strategy = Net(seed), strategy_of(method)
    weights = Backward(strategy, net)(net.losses())
    return net, strategy, weights


def by_autograd(seed, weights, change=lambda task, loss: loss):
    """The net with the gradients of Σ_t w_t·L_t, of changed losses."""
    net = Net(seed)
    terms = [change(task, loss) for task, loss in net.losses().items()]
    torch.stack([w * term for w, term in zip(weights, terms, strict=True)]).sum().backward()
    return net


@every_method
@every_seed
def test_weighted_heads_get_what_the_weighted_sum_of_the_losses_gives_them(method, seed):
    net, _, weights = by_engine(with_heads(method, "weighted"), seed)
    expected = by_autograd(seed, weights)
    assert_same(gradients([net.trunk]), gradients([expected.trunk]), rtol=1e-12)
    assert_same(gradients([net.heads]), gradients([expected.heads]), rtol=1e-12)


@every_method
@every_seed
def test_own_heads_get_what_the_plain_sum_gives_them_and_the_trunk_is_as_before(method, seed):
    net, _, weights = by_engine(with_heads(method, "own"), seed)
    expected = by_autograd(seed, [1.0] * 3)
    assert_same(gradients([net.trunk]), gradients([by_autograd(seed, weights).trunk]), rtol=1e-12)
    assert_same(gradients([net.heads]), gradients([expected.heads]), rtol=1e-12)


@every_method
def test_the_default_is_what_was_done_before_and_leaves_no_trace(method):
    (component,) = resolve_weighting(with_heads(method, DEFAULTS[method]), checks.ZOO, TASKS)
    (before,) = resolve_weighting(method, checks.ZOO, TASKS)
    assert component == before
    assert not {"heads", "clip"} & set(before.options)
    assert build_strategy([before], WeightingContext(TASKS)).last.heads == DEFAULTS[method]


def scaled_by_dwa(task, loss):
    return float(FACTORS[TASKS.index(task)]) * loss


def logarithm(task, loss):
    return loss.log()


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("dwa.mgda:heads=weighted", scaled_by_dwa),
        ("dwa.nash-mtl:max_norm=1", scaled_by_dwa),
        ("scale-invariant.imtl-g:heads=weighted", logarithm),
        ("scale-invariant.aligned-mtl:heads=weighted", logarithm),
    ],
)
@every_seed
def test_behind_a_dot_heads_get_the_weighted_sum_of_the_transformed_losses(method, change, seed):
    net, _, weights = by_engine(method, seed)
    expected = by_autograd(seed, weights, change)
    assert_same(gradients([net.trunk, net.heads]), gradients([expected.trunk, expected.heads]))


@every_seed
def test_learned_scales_have_weight_one_with_either(seed):
    """∂(e^s·L − s)/∂s = L − 1 at s = 0."""
    for heads in ("own", "weighted"):
        net, strategy, _ = by_engine(f"imtl:heads={heads}", seed)
        found = [float(p.grad) for p in strategy.parameters()]
        expected = [float(loss.detach()) - 1.0 for loss in net.losses().values()]
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", ["mgda", "imtl-g", "aligned-mtl", "dwa.mgda"])
@every_seed
def test_in_a_loop_of_ones_own_heads_get_the_same(method, seed):
    name = with_heads(method, "weighted")
    strategy = strategy_of(name) if "dwa" in method else name
    net, (expected, _, wanted) = Net(seed), by_engine(name, seed)
    weights = benchbed.backward(net.losses(), net, strategy)
    assert weights.tolist() == wanted.tolist()
    assert gradients([net.trunk]).tolist() == gradients([expected.trunk]).tolist()
    assert gradients([net.heads]).tolist() == gradients([expected.heads]).tolist()


@every_seed
def test_in_a_loop_of_ones_own_that_accumulates_heads_get_the_same(seed):
    strategy = benchbed.make_weighting("imtl-g:heads=weighted", TASKS)
    net, (expected, _, _) = Net(seed), by_engine("imtl-g:heads=weighted", seed)
    for accumulate in (True, False):
        halves = {task: loss / 2 for task, loss in net.losses().items()}
        benchbed.backward(halves, net, strategy, accumulate=accumulate)
    assert_same(gradients([net.trunk]), gradients([expected.trunk]), rtol=1e-12)
    assert_same(gradients([net.heads]), gradients([expected.heads]), rtol=1e-12)


@pytest.mark.parametrize("limit", [0.2, 1.0, 100.0])
@pytest.mark.parametrize("every", [1, 3])
def test_clip_shared_does_what_the_authors_code_does_after_its_backward_pass(limit, every):
    """clip_grad_norm_ of the shared parameters; α is that of the first of some steps."""
    options = f"update_every={every}"
    ours = strategy_of(f"nash-mtl:max_norm={limit},clip=shared,{options}")
    plain = strategy_of(f"nash-mtl:{options}")
    for seed in range(4):
        net, other = Net(seed), Net(seed)
        Backward(ours, net)(net.losses())
        alpha = Backward(plain, other)(other.losses())
        expected = by_autograd(seed, alpha)
        torch.nn.utils.clip_grad_norm_(expected.trunk.parameters(), limit)
        # PyTorch divides by the norm plus 1e-6
        assert_same(gradients([net.trunk]), gradients([expected.trunk]), rtol=1e-5)
        assert_same(gradients([net.heads]), gradients([expected.heads]), rtol=1e-12)


def test_clip_all_shortens_own_parameters_gradients_by_the_same_factor():
    net, _, weights = by_engine("nash-mtl:max_norm=0.5", 0)
    whole, _, alpha = by_engine("nash-mtl", 0)
    factor = 0.5 / 3**0.5
    assert weights.tolist() == pytest.approx((factor * alpha).tolist(), rel=1e-12)
    for part in ("trunk", "heads"):
        found, expected = (gradients([getattr(n, part)]) for n in (net, whole))
        assert_same(found, factor * expected, rtol=1e-12)


def test_where_only_the_shared_part_is_clipped_plain_heads_stay_plain():
    net, _, _ = by_engine("nash-mtl:max_norm=0.5,clip=shared,heads=own", 0)
    assert_same(gradients([net.heads]), gradients([by_autograd(0, [1.0] * 3).heads]), rtol=1e-12)
