"""The projection on a dual cone that several strategies share."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchbed.basics.errors import RunError
from benchbed_zoo.weightings.solvers.dual_cone import dual_cone_projections, unit_gramian
from tests.zoo.weightings import checks
from tests.zoo.weightings.checks import KINDS, every_count, every_kind, opposed
from tests.zoo.weightings.solver_checks import harmless, seeds, units


def conditions(c, targets, found):
    """What is missing of y ≥ 0, z ≥ 0 and y·z = 0, beside the sizes of the terms."""
    z = (targets + found) @ c
    sizes = np.abs(targets + found).sum(axis=1, keepdims=True)
    return max(0.0, -found.min(), (-z / sizes).max(), np.abs(found * z / sizes**2).max())


def project(jacobian, tolerance=1e-12):
    """The projections of the unit gradients, whose conditions hold."""
    _, _, c = unit_gramian(jacobian @ jacobian.T)
    targets = np.eye(len(c))
    found = dual_cone_projections(c, targets)
    assert conditions(c, targets, found) <= tolerance
    return found


@every_kind
@every_count
@seeds
def test_the_conditions_of_the_optimum_hold(kind, count, seed):
    project(KINDS[kind](count, seed))


@pytest.mark.parametrize("kind", [*KINDS, "opposed"])
@pytest.mark.parametrize("count", [2, 3, 5, 11])
def test_the_projections_are_scipys_on_the_vectors(kind, count):
    """To 1e-6 for gradients of condition 3e4, where products of 1e-16 tell that much apart."""
    jacobian = {**KINDS, "opposed": opposed}[kind](count)
    rows, _ = units(jacobian)
    found = (np.eye(len(rows)) + project(jacobian)) @ rows
    expected = [harmless(rows, row) for row in rows]
    assert found == pytest.approx(np.array(expected), abs=1e-6 if kind == "conditioned" else 1e-9)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 9).flatmap(lambda t: arrays(np.int64, (t, 3), elements=st.integers(-3, 3))))
def test_small_whole_numbers_with_all_their_coincidences(jacobian):
    jacobian = jacobian.astype(float)
    rows, _ = units(jacobian)
    if len(rows):
        found = (np.eye(len(rows)) + project(jacobian)) @ rows
        assert found == pytest.approx(np.array([harmless(rows, row) for row in rows]), abs=1e-7)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(-12, -1))
def test_nearly_equal_gradients(seed, count, power):
    """Below 2e-7 they count as one: the square of their difference is lost in their products."""
    jacobian = KINDS["random"](count, seed)
    jacobian[0] = jacobian[-1] + 10.0**power * jacobian[0]
    project(jacobian, 1e-12 if power > -7 else 1e-7)


def test_what_is_in_the_cone_stays_where_it_is():
    targets = np.abs(KINDS["random"](4))
    c = np.eye(targets.shape[1])
    assert (dual_cone_projections(c, targets) == 0.0).all()


def test_nothing_is_projected_on_nothing():
    assert dual_cone_projections(np.zeros((0, 0)), np.zeros((0, 0))).shape == (0, 0)


SOLVERS = ("mgda", "cagrad", "nash-mtl", "fairgrad", "imtl-g", "aligned-mtl", "upgrad", "dualproj")


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_ends_the_run_with_a_sentence(name, value):
    jacobian = KINDS["random"](4)
    gramian = torch.from_numpy(jacobian @ jacobian.T)
    gramian[1] = gramian[:, 1] = value
    with pytest.raises(RunError, match="infinite or NaN"):
        checks.make(name, 4).weights(gramian, checks.losses(4))
