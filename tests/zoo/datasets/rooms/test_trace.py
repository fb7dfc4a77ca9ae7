"""Ray casting against closed forms, implicit surfaces and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed_zoo.datasets.rooms import trace as rooms_trace
from benchbed_zoo.datasets.rooms.model import rotation
from benchbed_zoo.datasets.rooms.trace import BOX, CYLINDER, SPHERE, Solids

KINDS = (BOX, CYLINDER, SPHERE)


def solid(kind, centre=(0, 0, 0), half=(1, 1, 1), axes=None):
    axes = np.eye(3) if axes is None else axes
    return Solids(
        np.array([kind]), np.array([centre], float), np.array([axes]), np.array([half], float)
    )


def random_solids(rng, count, kinds=KINDS):
    axes = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    return Solids(
        rng.choice(kinds, count),
        rng.uniform(-3, 3, (count, 3)),
        axes,
        rng.uniform(0.1, 1.2, (count, 3)),
    )


def implicit(solids, k, points):
    """A function of points (3, P) that is below 1 inside the k-th solid and 1 on its surface."""
    local = solids.axes[k] @ (points - solids.centre[k][:, None]) / solids.half[k][:, None]
    if solids.kind[k] == BOX:
        return np.abs(local).max(axis=0)
    if solids.kind[k] == CYLINDER:
        return np.maximum(np.hypot(local[0], local[1]), np.abs(local[2]))
    return np.linalg.norm(local, axis=0)


def rays(rng, count, origin, towards):
    """Directions of any length about at one of some points."""
    aim = towards[rng.integers(len(towards), size=count)].T + rng.normal(0, 0.6, (3, count))
    return (aim - origin[:, None]) * rng.uniform(0.2, 3, count)


@pytest.mark.parametrize(
    ("target", "origin", "direction", "distance"),
    [
        (solid(BOX, (5, 0, 0)), (0, 0.5, 0.5), (1, 0, 0), 4),
        (solid(BOX, (5, 0, 0), (1, 2, 3)), (0, 0, 0), (2, 0, 0), 2),
        (solid(BOX, (5, 0, 0), axes=rotation(math.pi / 4)), (0, 0, 0), (1, 0, 0), 5 - math.sqrt(2)),
        (solid(SPHERE, (5, 0, 0)), (0, 0.6, 0), (1, 0, 0), 5 - 0.8),
        (solid(SPHERE, (0, 0, 5), (1, 1, 2)), (0, 0, 0), (0, 0, 1), 3),
        (solid(CYLINDER, (5, 0, 0)), (0, 0.6, 0.9), (1, 0, 0), 5 - 0.8),
        (solid(CYLINDER, (0, 0, 5), (1, 1, 2)), (0.5, 0.5, 0), (0, 0, 1), 3),
        (solid(CYLINDER, (5, 0, 0)), (0, 0, 1.1), (1, 0, 0), math.inf),
        (solid(CYLINDER, (0, 0, 5)), (0.8, 0.8, 0), (0, 0, 1), math.inf),
        (solid(SPHERE, (5, 0, 0)), (0, 1.01, 0), (1, 0, 0), math.inf),
        (solid(BOX, (-5, 0, 0)), (0, 0, 0), (1, 0, 0), math.inf),
    ],
)
def test_rays_meet_solids_where_geometry_says(target, origin, direction, distance):
    where, _ = target.nearest(np.array(origin, float), np.array([direction], float).T)
    assert where[0] == pytest.approx(distance, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_a_ray_enters_at_the_first_point_that_is_inside_a_solid(seed):
    rng = np.random.default_rng(seed)
    solids, origin = random_solids(rng, 6), rng.uniform(6, 9, 3)
    directions = rays(rng, 40, origin, solids.centre)
    where, which = solids.nearest(origin, directions)
    hit = np.isfinite(where)
    points = origin[:, None] + np.where(hit, where, 0) * directions
    for k in range(6):
        on = hit & (which == k)
        np.testing.assert_allclose(implicit(solids, k, points[:, on]), 1, atol=1e-9)
        for share in np.linspace(0, 1, 60)[:-1]:
            length = np.where(hit, where, 100 / np.linalg.norm(directions, axis=0)) * share
            assert (implicit(solids, k, origin[:, None] + length * directions) > 1 - 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_normals_are_the_unit_gradients_of_the_surface(seed):
    rng = np.random.default_rng(seed)
    solids, origin = random_solids(rng, 5), rng.uniform(6, 9, 3)
    directions = rays(rng, 60, origin, solids.centre)
    where, which = solids.nearest(origin, directions)
    hit = np.isfinite(where)
    points, which = (origin[:, None] + where * directions)[:, hit], which[hit]
    normals = solids.normals(which, points)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=0), 1, rtol=1e-12)
    assert ((normals * directions[:, hit]).sum(axis=0) < 0).all()
    step = 1e-6
    for column, k in enumerate(which):
        sides = points[:, column, None] + step * np.concatenate([np.eye(3), -np.eye(3)], axis=1)
        values = implicit(solids, k, sides)
        gradient = values[:3] - values[3:]
        smooth = abs(values[:3] + values[3:] - 2).max() < 1e-9
        if smooth:  # no edge of a box or a cylinder between the points
            gradient /= np.linalg.norm(gradient)
            np.testing.assert_allclose(normals[:, column], gradient, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_spheres_around_solids_leave_no_hit_out(seed):
    rng = np.random.default_rng(seed)
    solids, origin = random_solids(rng, 8), rng.uniform(4, 8, 3)
    directions = rays(rng, 100, origin, solids.centre)
    found = solids.nearest(origin, directions)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Solids, "_maybe", lambda self, o, d, limit: np.ones((8, 100), bool))
        brute = solids.nearest(origin, directions)
    np.testing.assert_array_equal(found, brute)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_a_point_is_hidden_if_the_ray_to_it_meets_something_before(seed):
    rng = np.random.default_rng(seed)
    solids, origin = random_solids(rng, 8), rng.uniform(3, 6, 3)
    points = rng.uniform(-4, 4, (3, 100))
    where, _ = solids.nearest(origin, points - origin[:, None])
    np.testing.assert_array_equal(solids.hidden(origin, points), where < 1 - 1e-4)


def test_a_surface_does_not_hide_itself():
    target, origin = solid(SPHERE, (0, 0, 0)), np.array([4.0, 1.0, 0.5])
    directions = rays(np.random.default_rng(0), 200, origin, np.zeros((1, 3)))
    where, _ = target.nearest(origin, directions)
    points = (origin[:, None] + where * directions)[:, np.isfinite(where)]
    assert points.shape[1] > 50
    assert not target.hidden(origin, points).any()
    assert target.hidden(origin, -points).all()


def test_rays_are_independent_of_those_cast_with_them(monkeypatch):
    rng = np.random.default_rng(1)
    solids, origin = random_solids(rng, 8), np.array([6.0, 5.0, 4.0])
    directions = rays(rng, 50, origin, solids.centre)
    points = rng.uniform(-4, 4, (3, 50))
    whole = *solids.nearest(origin, directions), solids.hidden(origin, points)
    monkeypatch.setattr(rooms_trace, "CHUNK", 7)
    parts = *solids.nearest(origin, directions), solids.hidden(origin, points)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_solids_contain_the_points_inside_them(seed):
    rng = np.random.default_rng(seed)
    solids, point = random_solids(rng, 4), rng.uniform(-3, 3, 3)
    inside = any(implicit(solids, k, point[:, None])[0] < 1 for k in range(4))
    assert solids.contain(point) == inside
