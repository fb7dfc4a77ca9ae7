"""Flips against a scene whose mirror image is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchbed.contracts.dataset import Target
from benchbed.contracts.transform import Batch, Draws
from benchbed_zoo.transforms.flip import Flip

DESCRIBED = {
    "seg": Target("class", (4, 6), classes=9),
    "depth": Target("value", (4, 6), geometry="distance"),
    "normals": Target("value", (3, 4, 6), geometry="direction"),
    "albedo": Target("value", (3, 4, 6)),
    "edges": Target("class", (2, 4, 6), classes=2),
    "scene": Target("class", classes=3),
    "vector": Target("value", (6,)),
}


def scene(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    targets = {
        name: torch.randint(2, (count, *target.shape), generator=generator, dtype=torch.uint8)
        if target.kind == "class"
        else torch.randn(count, *target.shape, generator=generator)
        for name, target in DESCRIBED.items()
    }
    return Batch(torch.rand(count, 3, 4, 6, generator=generator), targets, described=DESCRIBED)


def draws(count, key=3):
    return Draws(key, np.arange(count), torch.Generator())


def by_numpy(batch, mirrored):
    """The batch with the given samples mirrored, by index arithmetic."""
    x = batch.input.numpy().copy()
    targets = {name: target.numpy().copy() for name, target in batch.targets.items()}
    for i in np.flatnonzero(mirrored):
        x[i] = x[i][..., ::-1]
        for name in ("seg", "depth", "albedo", "edges", "normals"):
            targets[name][i] = targets[name][i][..., ::-1]
        targets["normals"][i][0] *= -1
    return x, targets


@given(count=st.integers(1, 9), key=st.integers(0, 2**60), p=st.sampled_from([0.0, 0.3, 1.0]))
def test_chosen_samples_are_mirrored_with_their_maps(count, key, p):
    batch = scene(count)
    after = Flip(p)(batch, draws(count, key))
    mirrored = draws(count, key).uniform()[:, 0].numpy() < p
    x, targets = by_numpy(batch, mirrored)
    assert np.array_equal(after.input, x)
    for name, target in targets.items():
        assert np.array_equal(after.targets[name], target), name
        assert after.targets[name].dtype == batch.targets[name].dtype


def test_about_the_stated_share_is_mirrored():
    batch = scene(2000)
    after = Flip(0.25)(batch, draws(2000))
    share = (after.input != batch.input).flatten(1).any(1).double().mean()
    assert float(share) == pytest.approx(0.25, abs=0.04)


def test_a_mirrored_plane_has_the_mirrored_planes_normals():
    """Depth of a slanted plane, by formula; normals from its depth, by differences."""
    slope, focal, width = 0.4, 3.0, 6
    u = (torch.arange(width) - (width - 1) / 2) / focal
    normal = torch.tensor([slope, 0.0, -1.0]) / (1 + slope**2) ** 0.5
    depth = (2.0 / (1 - slope * u)).expand(1, 4, width)  # z = 2 + slope x, with x = z u
    normals = normal.reshape(1, 3, 1, 1).expand(1, 3, 4, width)
    batch = Batch(
        torch.rand(1, 3, 4, width),
        {"depth": depth, "normals": normals},
        described={name: DESCRIBED[name] for name in ("depth", "normals")},
    )
    after = Flip(1.0)(batch, draws(1))
    z = after.targets["depth"][0, 0]
    x = z * u
    found = (z[1:] - z[:-1]) / (x[1:] - x[:-1])  # dz/dx, of the mirrored plane
    expected = -after.targets["normals"][0, 0, 0, 0] / after.targets["normals"][0, 2, 0, 0]
    torch.testing.assert_close(found, expected.expand(width - 1))
    assert float(expected) == pytest.approx(-slope)
