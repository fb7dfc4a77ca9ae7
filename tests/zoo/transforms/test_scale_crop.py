"""Crops brought back to the full size, against F.interpolate and index arithmetic."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchbed import Batch, Draws, Input, Target
from benchbed.basics.errors import MethodError
from benchbed.contracts import resampling as geometry
from benchbed.engine.data import Split
from benchbed.testing import TransformContract
from benchbed_zoo.transforms.flip import Flip
from benchbed_zoo.transforms.scale_crop import ScaleCrop

SIZE = (24, 36)
DESCRIBED = {
    "seg": Target("class", SIZE, classes=5, ignore=255),
    "depth": Target("value", SIZE, geometry="distance"),
    "normals": Target("value", (3, *SIZE), geometry="direction"),
}


class TestScaleCrop(TransformContract):
    id = "scale-crop"
    input = Input((3, *SIZE))
    targets = DESCRIBED
    options = {"scales": "1.3", "distance": "keep"}
    per_sample = True


def batch(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    targets = {
        "seg": torch.randint(5, (count, *SIZE), generator=generator, dtype=torch.uint8),
        "depth": 1 + torch.rand(count, *SIZE, generator=generator),
        "normals": torch.randn(count, 3, *SIZE, generator=generator),
    }
    return Batch(torch.rand(count, 3, *SIZE, generator=generator), targets, described=DESCRIBED)


class Given:
    """Draws of which all numbers are one number."""

    def __init__(self, number, count):
        self.number, self.samples = number, count

    def __len__(self):
        return self.samples

    def uniform(self, count=1):
        return torch.full((self.samples, count), self.number, dtype=torch.float64)


@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0])
def test_the_upper_left_crop_is_that_of_interpolate(scale):
    before = batch(2)
    after = ScaleCrop(str(scale))(before, Given(0.0, 2))
    height, width = (round(n / scale) for n in SIZE)

    def enlarged(maps, **how):
        return F.interpolate(maps[..., :height, :width].float(), SIZE, **how)

    wanted = enlarged(before.input, mode="bilinear", align_corners=False)
    rows, columns = (slice(0, round(n - scale)) for n in SIZE)
    torch.testing.assert_close(  # at the crop's inner border interpolate does not look beyond it
        after.input[..., rows, columns], wanted[..., rows, columns], rtol=0, atol=1e-5
    )
    nearest = {
        name: enlarged(maps.reshape(2, -1, *SIZE), mode="nearest-exact").reshape(maps.shape)
        for name, maps in before.targets.items()
    }
    assert torch.equal(after.targets["seg"].float(), nearest["seg"])
    assert torch.equal(after.targets["normals"], nearest["normals"])
    torch.testing.assert_close(after.targets["depth"], nearest["depth"] / scale)


@pytest.mark.parametrize("number", [0.0, 1 - 2**-53])
def test_crops_touch_the_border_and_never_cross_it(number):
    """The extreme corners stay inside, so nothing is ever invalid."""
    before = batch(1)
    before.targets["depth"][:] = 1
    after = ScaleCrop("1.2", distance="keep")(before, Given(number, 1))
    assert bool((after.targets["depth"] == 1).all())
    placement = ScaleCrop("1.2").placement(SIZE, Given(number, 1))
    half = torch.tensor([SIZE[1], SIZE[0]], dtype=torch.float64) / 2
    reach = placement.linear[0].diagonal() * half + placement.shift[0].abs()
    torch.testing.assert_close(reach, half)


def test_scales_are_equally_likely_and_positions_uniform():
    many = 3000
    draws = Draws(11, np.arange(many), torch.Generator())
    placement = ScaleCrop("1 1.25 2").placement((4, 8), draws)
    for scale in (1.0, 1.25, 2.0):
        chosen = placement.divisor == scale
        assert float(chosen.double().mean()) == pytest.approx(1 / 3, abs=0.03)
        room = np.array([8, 4]) * (1 - 1 / scale) / 2
        for axis in (0, 1):
            there = np.sort(placement.shift[chosen, axis].numpy())
            expected = np.linspace(-room[axis], room[axis], len(there))
            assert abs(there - expected).max() <= 0.06 * room[axis]
    assert abs(np.corrcoef(placement.shift[placement.divisor == 2].T)[0, 1]) < 0.1


def test_samples_of_scale_one_keep_their_bits():
    before = batch(5)
    after = ScaleCrop("1")(before, Draws(3, np.arange(5), torch.Generator()))
    assert torch.equal(after.input, before.input)
    assert all(torch.equal(after.targets[name], maps) for name, maps in before.targets.items())


def test_distances_are_kept_where_that_is_asked():
    before = batch(4)
    draws = Draws(3, np.arange(4), torch.Generator())
    divided = ScaleCrop("1.5 2")(before, draws).targets
    kept = ScaleCrop("1.5 2", distance="keep")(before, draws).targets
    scale = kept["depth"] / divided["depth"]
    found = {round(float(x), 4) for x in scale.flatten()}
    assert found <= {1.5, 2.0}
    assert torch.equal(kept["normals"], divided["normals"])


def test_flip_and_crop_in_a_protocol_are_one_resampling(monkeypatch):
    made = []
    plain = geometry._Mover.__init__
    monkeypatch.setattr(
        geometry._Mover, "__init__", lambda *given: made.append(given) or plain(*given)
    )
    before = batch(6)
    columns = {"input": before.input.numpy(), **{k: v.numpy() for k, v in before.targets.items()}}
    flip, crop = Flip(), ScaleCrop("1 2")
    device = torch.device("cpu")
    data = Split(columns, {k: k for k in DESCRIBED}, device, [flip, crop], DESCRIBED)
    indices = np.array([4, 0, 5, 1])
    joined = data.batch(indices, seed=2, epoch=1)
    assert len(made) == 1
    given = Split(columns, {k: k for k in DESCRIBED}, device, [], DESCRIBED).batch(indices)
    apart = flip(given, data._draws(0, indices, 2, 1, 0))
    apart = crop(apart, data._draws(1, indices, 2, 1, 0))
    torch.testing.assert_close(joined.input, apart.input, rtol=0, atol=1e-5)
    for name, maps in apart.targets.items():
        assert torch.equal(joined.targets[name], maps), name


@pytest.mark.parametrize("text", ["", "1 0.9", "1, 2", "nan", "inf", "two"])
def test_scales_that_are_none_are_refused(text):
    with pytest.raises(MethodError, match="'scales' must be numbers of at least 1, separated by"):
        ScaleCrop(text)
