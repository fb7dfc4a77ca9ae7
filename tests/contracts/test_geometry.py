"""Moved images and maps against scenes known in closed form and against plain NumPy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed import Batch, Draws, Geometric, Placement, Target, Transform
from benchbed.basics.errors import ContractError, DataError
from benchbed.contracts import resampling as geometry
from benchbed.contracts import sampling
from benchbed.contracts.geometry import joins
from benchbed.contracts.resampling import resample
from benchbed.engine.data import Split

CPU = torch.device("cpu")
HEIGHT, WIDTH = 30, 40


def described(height=HEIGHT, width=WIDTH):
    return {
        "seg": Target("class", (height, width), classes=9, ignore=255),
        "parts": Target("class", (height, width), classes=9),
        "edges": Target("class", (2, height, width), classes=2, ignore=255),
        "depth": Target("value", (height, width), geometry="distance"),
        "normals": Target("value", (3, height, width), geometry="direction"),
        "albedo": Target("value", (3, height, width)),
        "coarse": Target("class", (height // 2, width // 4), classes=9, ignore=255),
        "scene": Target("class", classes=3),
        "pose": Target("value", (6,)),
    }


def random_targets(targets, count, generator):
    return {
        name: torch.randint(2, (count, *target.shape), generator=generator, dtype=torch.uint8)
        if target.kind == "class"
        else torch.randn(count, *target.shape, generator=generator)
        for name, target in targets.items()
    }


def random_batch(count, height=HEIGHT, width=WIDTH, seed=0):
    generator = torch.Generator().manual_seed(seed)
    targets = described(height, width)
    return Batch(
        torch.rand(count, 3, height, width, generator=generator),
        random_targets(targets, count, generator),
        described=targets,
    )


def similarity(angles, zooms, mirrors=None, shifts=None, **more):
    """What turns by angles (degrees, from x to y) and zooms images, mirrored first."""
    linear = [
        np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]]) / zoom
        for t, zoom in zip(np.deg2rad(angles), zooms, strict=True)
    ]
    signs = np.ones(len(linear)) if mirrors is None else np.asarray(mirrors)
    linear = [np.diag([sign, 1.0]) @ matrix for sign, matrix in zip(signs, linear, strict=True)]
    shift = None if shifts is None else torch.tensor(shifts, dtype=torch.float64)
    return Placement.of(torch.tensor(np.stack(linear)), shift, **more)


def draws(count):
    return Draws(7, np.arange(count), torch.Generator())


# --- scenes known in closed form -----------------------------------------------------------------


def centred(height=HEIGHT, width=WIDTH):
    """x and y of pixels from the centre."""
    y, x = np.mgrid[:height, :width]
    return x - (width - 1) / 2, y - (height - 1) / 2


def plane(normal, focal, offset=-2.0, height=HEIGHT, width=WIDTH):
    """Depth and normals of the plane n·X = offset, seen by a pinhole camera."""
    x, y = centred(height, width)
    depth = offset / (normal[0] * x / focal + normal[1] * y / focal + normal[2])
    normals = np.broadcast_to(np.reshape(normal, (3, 1, 1)), (3, height, width))
    targets = {"depth": depth, "normals": normals}
    tensors = {k: torch.tensor(v.copy(), dtype=torch.float32)[None] for k, v in targets.items()}
    known = {name: described(height, width)[name] for name in tensors}
    return Batch(torch.zeros(1, 3, height, width), tensors, described=known)


def unit(*vector):
    return np.array(vector) / np.linalg.norm(vector)


def one_pixel(depth):
    """The largest change of depth from a pixel to the next, in x plus in y."""
    return sum(float(depth.diff(dim=axis).abs().max()) for axis in (-1, -2))


@pytest.mark.parametrize("normal", [unit(0.4, -0.3, -1), unit(-0.7, 0.1, -1), unit(0, 0, -1)])
@pytest.mark.parametrize("degrees", [20.0, -20.0, 90.0, 161.0])
def test_a_turned_plane_has_the_turned_planes_depth_and_normals(normal, degrees):
    before = plane(normal, focal=60)
    after = resample(before, similarity([degrees], [1.0]))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ normal
    expected = plane(turned, focal=60).targets
    seen = after.targets["depth"][0] > 0
    assert seen.sum() > 0.6 * HEIGHT * WIDTH
    wanted = expected["depth"][0][seen]
    torch.testing.assert_close(
        after.targets["depth"][0][seen],
        wanted,
        rtol=1e-6,
        atol=one_pixel(before.targets["depth"]) / 2 + one_pixel(expected["depth"]) / 2,
    )
    torch.testing.assert_close(
        after.targets["normals"][0][:, seen], expected["normals"][0][:, seen], rtol=0, atol=2e-7
    )
    assert not after.targets["normals"][0][:, ~seen].any()


@pytest.mark.parametrize("zoom", [1.2, 1.5, 3.0])
def test_a_zoomed_plane_is_the_plane_seen_with_a_longer_focal_length(zoom):
    before = plane(unit(0.4, -0.3, -1), focal=60)
    expected = plane(unit(0.4, -0.3, -1), focal=60 * zoom).targets
    bound = one_pixel(before.targets["depth"]) / 2
    kept = resample(before, similarity([0], [zoom])).targets
    torch.testing.assert_close(kept["depth"], expected["depth"], rtol=1e-6, atol=bound)
    assert torch.equal(kept["normals"], expected["normals"])
    divisor = torch.tensor([zoom], dtype=torch.float64)
    divided = resample(before, similarity([0], [zoom], divisor=divisor)).targets
    assert torch.equal(divided["depth"], kept["depth"] / zoom)
    assert torch.equal(divided["normals"], kept["normals"])


def test_a_plane_mirrored_upside_down_has_the_mirrored_planes_depth_and_normals():
    linear = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))[None]
    after = resample(plane(unit(0.4, -0.3, -1), focal=60), Placement.of(linear)).targets
    expected = plane(unit(0.4, 0.3, -1), focal=60).targets
    torch.testing.assert_close(after["depth"], expected["depth"], rtol=1e-6, atol=0)
    assert torch.equal(after["normals"], expected["normals"])


def test_mirroring_and_turning_acts_on_normals_in_that_order():
    normal = unit(0.4, -0.3, -1)
    after = resample(plane(normal, 60), similarity([20], [1], mirrors=[-1])).targets["normals"]
    cos, sin = math.cos(math.radians(20)), math.sin(math.radians(20))
    turned = np.array([[cos, -sin], [sin, cos]]) @ (normal[:2] * [-1, 1])
    centre = after[0, :, HEIGHT // 2, WIDTH // 2]
    np.testing.assert_allclose(centre, [*turned, normal[2]], atol=2e-7)


@settings(max_examples=30)
@given(
    angle=st.floats(-180, 180),
    zoom=st.floats(0.6, 2),
    mirror=st.sampled_from([1, -1]),
    shift=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    slope=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_an_image_that_is_a_linear_function_is_moved_without_error(
    angle, zoom, mirror, shift, slope
):
    """Bilinear interpolation is exact on it, away from the border."""
    placement = similarity([angle], [zoom], [mirror], [shift])
    x, y = centred()
    image = torch.tensor(slope[0] * x + slope[1] * y, dtype=torch.float64)[None, None]
    after = resample(Batch(image, {}), placement).input[0, 0].numpy()
    (a, b), (c, d) = placement.linear[0].tolist()
    u, v = a * x + b * y + shift[0], c * x + d * y + shift[1]
    inner = (abs(u) < (WIDTH - 1) / 2 - 0.01) & (abs(v) < (HEIGHT - 1) / 2 - 0.01)
    np.testing.assert_allclose(after[inner], (slope[0] * u + slope[1] * v)[inner], atol=1e-4)


def wave(x, y):
    return np.sin(0.3 * x + 0.1) * np.cos(0.2 * y)


def test_a_smooth_image_is_interpolated_to_second_order():
    x, y = centred()
    after = resample(Batch(torch.tensor(wave(x, y))[None, None], {}), similarity([20], [1.3]))
    (a, b), (c, d) = similarity([20], [1.3]).linear[0].tolist()
    u, v = a * x + b * y, c * x + d * y
    inner = (abs(u) < (WIDTH - 1) / 2) & (abs(v) < (HEIGHT - 1) / 2)
    error = abs(after.input[0, 0].numpy() - wave(u, v))[inner].max()
    assert 1e-3 < error < (0.3**2 + 0.2**2) / 8


# --- against plain NumPy -------------------------------------------------------------------------


def by_numpy(array, linear, shift, beyond, canvas):
    """A map (C, h, w) moved by nearest pixel; and where rounding leaves no doubt of the pixel."""
    height, width = array.shape[-2:]
    x, y = centred(height, width)
    x, y = x * canvas[1] / width, y * canvas[0] / height
    u = (linear[0, 0] * x + linear[0, 1] * y + shift[0]) * width / canvas[1] + (width - 1) / 2
    v = (linear[1, 0] * x + linear[1, 1] * y + shift[1]) * height / canvas[0] + (height - 1) / 2
    clear = (abs(u % 1 - 0.5) > 1e-3) & (abs(v % 1 - 0.5) > 1e-3)
    i, j = np.rint(v).astype(int), np.rint(u).astype(int)
    exists = (i >= 0) & (i < height) & (j >= 0) & (j < width)
    moved = np.full(array.shape, beyond, array.dtype)
    moved[:, exists] = array[:, i[exists], j[exists]]
    return moved, clear


BEYOND = {"seg": 255, "parts": 0, "edges": 255, "depth": 0, "albedo": np.nan, "coarse": 255}


@settings(max_examples=40)
@given(
    angle=st.one_of(st.just(0.0), st.floats(-180, 180)),
    zoom=st.floats(0.4, 3),
    mirror=st.sampled_from([1, -1]),
    shift=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    size=st.tuples(st.integers(4, 24), st.integers(4, 24)),
    background=st.booleans(),
)
def test_maps_are_moved_by_nearest_pixel(angle, zoom, mirror, shift, size, background):
    divisor = torch.tensor([1.0, 1.7], dtype=torch.float64)
    placement = similarity(
        [0, angle],
        [1, zoom],
        [1, mirror],
        [[0, 0], shift],
        divisor=divisor,
        background=background,
    )
    before = random_batch(2, *size)
    after = resample(before, placement)
    for name, beyond in BEYOND.items():
        given_map, moved = before.targets[name].numpy(), after.targets[name].numpy()
        assert moved.dtype == given_map.dtype
        assert np.array_equal(moved[0], given_map[0])
        if before.described[name].kind == "class" and background:
            beyond = 0  # noqa: PLW2901
        channels = given_map[1].reshape(-1, *given_map.shape[-2:])
        linear, there = placement.linear[1].numpy(), placement.shift[1].numpy()
        expected, clear = by_numpy(channels, linear, there, beyond, size)
        if name == "depth":
            expected = expected / np.float32(1.7)
        found = moved[1].reshape(expected.shape)
        np.testing.assert_array_equal(found[:, clear], expected[:, clear], err_msg=name)
    for name in ("scene", "pose"):
        assert torch.equal(after.targets[name], before.targets[name])


@settings(max_examples=20)
@given(angle=st.floats(-180, 180), zoom=st.floats(0.4, 1.5))
def test_images_are_black_exactly_where_no_nearest_pixel_exists(angle, zoom):
    placement = similarity([angle], [zoom])
    image = torch.ones(1, 2, HEIGHT, WIDTH)
    after = resample(Batch(image, {}), placement).input[0].numpy()
    linear = placement.linear[0].numpy()
    expected, clear = by_numpy(image[0].numpy(), linear, (0, 0), 0, (HEIGHT, WIDTH))
    np.testing.assert_allclose(after[:, clear], expected[:, clear], rtol=1e-6)


# --- what keeps its bits -------------------------------------------------------------------------


def bits(tensor):
    return tensor.numpy().tobytes()


def mirrored_as_released(batch, chosen):
    """What the transform ``flip`` 1.0 did before placements were joined."""

    def where(one, other):
        return one.where(chosen.reshape(-1, *(1 for _ in one.shape[1:])), other)

    targets = {}
    for name, target in batch.targets.items():
        targets[name] = target
        if batch.described[name].size:
            flipped = target.flip(-1)
            if batch.described[name].geometry == "direction":
                flipped = flipped * flipped.new_tensor([-1, 1, 1]).reshape(1, 3, 1, 1)
            targets[name] = where(flipped, target)
    return where(batch.input.flip(-1), batch.input), targets


def test_mirror_images_have_the_bits_of_the_released_flip():
    batch = random_batch(6)
    batch.targets["normals"][:, :, :9] = 0  # holes, whose zeros get a sign
    chosen = torch.tensor([True, False, True, True, False, False])
    after = resample(batch, similarity([0] * 6, [1] * 6, torch.where(chosen, -1, 1).tolist()))
    image, targets = mirrored_as_released(batch, chosen)
    assert bits(after.input) == bits(image)
    for name, target in targets.items():
        assert bits(after.targets[name]) == bits(target), name


def test_a_sample_that_stays_keeps_its_bits_beside_one_that_is_moved():
    batch = random_batch(2)
    after = resample(batch, similarity([0, 20], [1, 1]))
    assert bits(after.input[0]) == bits(batch.input[0])
    for name, target in batch.targets.items():
        assert bits(after.targets[name][0]) == bits(target[0]), name
    assert not torch.equal(after.input[1], batch.input[1])


# --- composition ---------------------------------------------------------------------------------


def test_joined_mirrors_and_quarter_turns_of_squares_are_those_one_after_the_other():
    batch = random_batch(3, 24, 24)
    first = similarity([90, 180, 90], [1] * 3, [-1, 1, 1])
    later = similarity([0, 90, 270], [1] * 3, [-1, -1, 1])
    apart = resample(resample(batch, first), later)
    joined = resample(batch, first.then(later))
    for name in ("seg", "parts", "edges", "depth", "albedo", "scene"):
        assert torch.equal(joined.targets[name], apart.targets[name]), name
    torch.testing.assert_close(joined.input, apart.input, rtol=0, atol=1e-4)
    torch.testing.assert_close(
        joined.targets["normals"], apart.targets["normals"], rtol=0, atol=1e-6
    )


def test_joined_placements_move_a_smooth_image_as_one_after_the_other():
    x, y = centred()
    batch = Batch(torch.tensor(wave(x, y))[None, None], {})
    first = similarity([15], [1.3], [-1], [[2.0, -1.0]])
    later = similarity([-25], [1.2], shifts=[[-1.5, 0.5]])
    joined = resample(batch, first.then(later)).input[0, 0]
    apart = resample(resample(batch, first), later).input[0, 0]
    inner = slice(6, -6), slice(6, -6)
    assert float((joined - apart)[inner].abs().max()) < 3 * (0.3**2 + 0.2**2) / 8
    assert float(joined[inner].std()) > 0.2


def test_divisors_multiply_and_the_background_stays():
    two, three = torch.tensor([2.0], dtype=torch.float64), torch.tensor([3.0], dtype=torch.float64)
    both = similarity([0], [1], divisor=two, background=True).then(
        similarity([0], [1], divisor=three)
    )
    assert both.divisor.tolist() == [6.0]
    assert both.background


def test_mixed_targets_are_moved_as_the_first():
    batch = random_batch(2)
    mixed = random_batch(2, seed=1).targets
    placement = similarity([10, 0], [1.1, 1.4], [1, -1])
    after = resample(batch.replace(mixed=mixed, share=0.3), placement)
    expected = resample(batch.replace(targets=mixed), placement).targets
    assert after.share == 0.3
    for name, target in expected.items():
        torch.testing.assert_close(after.mixed[name], target, rtol=0, atol=0, equal_nan=True)


def test_several_crops_of_an_image_are_moved_alike():
    batch = random_batch(2)
    crops = torch.stack([batch.input, 1 - batch.input], dim=1)
    placement = similarity([10, 0], [1.1, 1.4])
    after = resample(Batch(crops, {}), placement).input
    for k in range(2):
        torch.testing.assert_close(
            after[:, k], resample(Batch(crops[:, k], {}), placement).input, rtol=0, atol=0
        )


# --- whole batches, devices ----------------------------------------------------------------------

MANY = similarity(
    [0, 0, 20, 0, -7, 0],
    [1, 1, 0.8, 1.5, 1.2, 1],
    [1, -1, 1, -1, 1, -1],
    [[0, 0], [0, 0], [1, 2], [3, 0], [0, 0], [0, 0]],
    divisor=torch.tensor([1.0, 1, 1, 1.5, 1.2, 2], dtype=torch.float64),
)


def test_samples_moved_together_are_moved_as_one_by_one():
    """A GPU moves all samples of a kind at once, by one formula; here a CPU does."""
    batch = random_batch(len(MANY))
    expected = resample(batch, MANY)
    assert len(geometry._Mover(MANY, (HEIGHT, WIDTH), CPU).alike()) == 3
    after = geometry._resample_alike(batch, MANY)
    torch.testing.assert_close(after.input, expected.input, rtol=0, atol=2e-5)
    for name, target in expected.targets.items():
        torch.testing.assert_close(after.targets[name], target, rtol=0, atol=1e-6, equal_nan=True)


def moved(move, maps):
    out = torch.full_like(maps, -1)
    move(maps, out)
    return out


@settings(max_examples=30)
@given(
    zoom=st.floats(0.4, 4),
    mirror=st.sampled_from([1, -1]),
    shift=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    size=st.tuples(st.integers(3, 20), st.integers(3, 20)),
)
def test_what_is_not_turned_is_moved_as_what_is(zoom, mirror, shift, size):
    """By columns and rows, or pixel by pixel."""
    batch = random_batch(1, *size)
    placement = similarity([0], [zoom], [mirror], [shift])
    sources = sampling.Sources(placement, size, CPU)
    straight, beyond = sources.moves([0], slice(0, 1))
    sources._straight = [False]
    turned, same = sources.moves([0], slice(0, 1))
    assert (type(straight), type(turned)) == (sampling.Straight, sampling.Turned)
    assert torch.equal(beyond.expand_as(same), same)
    for maps in (batch.targets["seg"][None], batch.targets["albedo"]):
        assert torch.equal(moved(straight.nearest, maps), moved(turned.nearest, maps))
    torch.testing.assert_close(
        moved(straight.bilinear, batch.input),
        moved(turned.bilinear, batch.input),
        rtol=0,
        atol=2e-5,
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_moves_as_a_cpu():
    batch = random_batch(len(MANY))
    expected = resample(batch, MANY)
    there = {name: target.cuda() for name, target in batch.targets.items()}
    after = resample(batch.replace(input=batch.input.cuda(), targets=there), MANY)
    torch.testing.assert_close(after.input.cpu(), expected.input, rtol=0, atol=1e-4)
    for name, target in expected.targets.items():
        torch.testing.assert_close(
            after.targets[name].cpu(), target, rtol=0, atol=1e-6, equal_nan=True
        )


# --- in the engine -------------------------------------------------------------------------------


class Turn(Geometric):
    """Turns each sample by up to some degrees."""

    def __init__(self, degrees):
        super().__init__()
        self.degrees = degrees

    def placement(self, size, draws):
        angles = (self.degrees * draws.uniform()[:, 0]).tolist()
        return similarity(angles, [1.0] * len(draws))


class Darken(Transform):
    def forward(self, batch, draws):
        return batch.replace(input=batch.input / 2)


class Alone(Turn):
    def forward(self, batch, draws):
        return super().forward(batch, draws)


@pytest.fixture
def resamplings(monkeypatch):
    """The placements that batches are resampled by."""
    made = []
    plain = geometry._Mover.__init__

    def counted(self, placement, *others):
        made.append(placement)
        plain(self, placement, *others)

    monkeypatch.setattr(geometry._Mover, "__init__", counted)
    return made


def split(*transforms):
    batch = random_batch(9)
    columns = {"input": batch.input.numpy(), **{k: v.numpy() for k, v in batch.targets.items()}}
    return Split(columns, {name: name for name in batch.targets}, CPU, transforms, described())


@pytest.mark.parametrize(
    ("transforms", "count"),
    [
        ([Turn(20), Turn(-30), Turn(5)], 1),
        ([Turn(20), Darken(), Turn(5), Turn(5)], 2),
        ([Darken()], 0),
        ([Darken(), Turn(20), Turn(5)], 1),
        ([Turn(20), Alone(5), Turn(5)], 3),
    ],
    ids=["neighbours", "apart", "none", "later", "own-forward"],
)
def test_neighbours_are_joined_to_one_resampling(transforms, count, resamplings):
    split(*transforms).batch(np.array([3, 1]))
    assert len(resamplings) == count


def test_joined_transforms_do_what_each_draws_in_its_place(resamplings):
    split(Turn(20), Turn(-30)).batch(np.array([3, 1]), seed=4, epoch=2)
    together = resamplings.pop()
    split(Turn(20), Darken(), Turn(0)).batch(np.array([3, 1]), seed=4, epoch=2)
    first = resamplings[0]
    split(Turn(0), Turn(-30)).batch(np.array([3, 1]), seed=4, epoch=2)
    later = resamplings[-1]
    torch.testing.assert_close(together.linear, first.linear @ later.linear)
    assert not torch.equal(first.linear[0], first.linear[1])


def test_what_happens_to_a_sample_does_not_depend_on_its_batch():
    data = split(Turn(40), Darken(), Turn(-30))
    whole = data.batch(np.arange(9), seed=1, epoch=3)
    part = data.batch(np.array([7, 2]), seed=1, epoch=3, number=4)
    assert torch.equal(part.input, whole.input[[7, 2]])
    for name, target in part.targets.items():
        torch.testing.assert_close(
            target, whole.targets[name][[7, 2]], rtol=0, atol=0, equal_nan=True
        )
    other = data.batch(np.array([7, 2]), seed=1, epoch=4)
    assert not torch.equal(part.input, other.input)


def test_a_transform_alone_is_what_its_forward_does():
    batch = random_batch(4)
    turn = Turn(30)
    assert joins(turn)
    assert not joins(Alone(30))
    assert not joins(Darken())
    expected = resample(batch, turn.placement((HEIGHT, WIDTH), draws(4)))
    assert torch.equal(turn(batch, draws(4)).input, expected.input)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [torch.rand(3, 5), torch.zeros(3, 1, 4, 4, dtype=torch.uint8)], ids=["vector", "int"]
)
def test_inputs_that_are_no_images_of_real_numbers_are_refused(values):
    with pytest.raises(DataError, match=r"want images of real numbers, \(N, …, H, W\), and got"):
        resample(Batch(values, {}), similarity([0] * 3, [1] * 3))


EYES = torch.eye(2, dtype=torch.float64).repeat(4, 1, 1)


@pytest.mark.parametrize(
    ("placement", "says"),
    [
        (EYES, "Fixed.placement must return a benchbed.Placement, not Tensor"),
        (Placement.of(EYES[:3]), r"'linear' must be \(4, 2, 2\) in float64 on the CPU, not \(3,"),
        (Placement.of(EYES.float()), "'linear' must be .* not .* in torch.float32"),
        (Placement.of(EYES, torch.zeros(4, 2)), "'shift' must be .* not .* in torch.float32"),
        (Placement.of(EYES, divisor=EYES[:, 0]), r"'divisor' must be \(4,\) .* not \(4, 2\)"),
        (Placement.of(EYES.to("meta")), "not .* on meta"),
    ],
)
def test_placements_that_are_none_are_refused(placement, says):
    class Fixed(Geometric):
        def placement(self, size, draws):
            return placement

    with pytest.raises(ContractError, match=says):
        Fixed()(random_batch(4), draws(4))


def test_a_geometric_transform_must_say_where_it_places():
    with pytest.raises(NotImplementedError, match=r"Geometric must define placement\(size"):
        Geometric()(random_batch(1), draws(1))


def test_a_batch_of_no_sample_cannot_be_moved():
    with pytest.raises(ValueError, match="without a sample"):
        geometry.resample_each([], Placement.of(EYES[:0]))


def test_maps_of_any_strides_are_moved_alike():
    batch = random_batch(len(MANY))
    odd = batch.replace(
        targets={
            name: x.transpose(-1, -2).contiguous().transpose(-1, -2) if x.dim() > 2 else x
            for name, x in batch.targets.items()
        }
    )
    for way in (resample, geometry._resample_alike):
        for name, expected in way(batch, MANY).targets.items():
            found = way(odd, MANY).targets[name]
            torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_images_of_half_precision_are_moved_as_exactly_as_they_can_be(kind):
    images = torch.rand(2, 3, 288, 384, generator=torch.Generator().manual_seed(0)).to(kind)
    placement = similarity([20, -7], [0.8, 1.2], [1, 1], [[0, 0], [3, 1]])
    exact = resample(Batch(images.float(), {}), placement).input
    found = resample(Batch(images, {}), placement).input
    assert found.dtype == kind
    torch.testing.assert_close(found.float(), exact, rtol=0, atol=torch.finfo(kind).eps)


def test_types_that_cannot_mark_what_lies_beyond_are_refused():
    value, few = Target("value", (4, 4)), Target("class", (4, 4), classes=3, ignore=-1)
    placement = similarity([0], [0.5], [1], [[0, 0]])
    for target, maps, told in (
        (value, torch.zeros(1, 4, 4, dtype=torch.int64), "must be floating point"),
        (few, torch.zeros(1, 4, 4, dtype=torch.uint8), "cannot hold their ignore index -1"),
    ):
        batch = Batch(torch.zeros(1, 3, 4, 4), {"a": maps}, described={"a": target})
        with pytest.raises(DataError, match=told):
            resample(batch, placement)


@pytest.mark.parametrize(
    "broken",
    [
        Placement.of(torch.zeros(1, 2, 2, dtype=torch.float64)),
        Placement.of(torch.full((1, 2, 2), math.nan, dtype=torch.float64)),
        Placement.of(EYES[:1], divisor=torch.zeros(1, dtype=torch.float64)),
    ],
)
def test_a_placement_that_moves_nowhere_is_refused(broken):
    class Broken(Geometric):
        def placement(self, size, draws):
            return broken

    with pytest.raises(ContractError, match="must be finite, with 'linear' regular"):
        Broken().placed((4, 4), [0])


@pytest.mark.parametrize(
    ("kind", "shape", "geometry_"),
    [
        ("value", (2, 3, 4, 4), "direction"),
        ("value", (4, 4), "direction"),
        ("class", (4, 4), "distance"),
    ],
)
def test_a_geometry_that_a_target_cannot_have_is_refused(kind, shape, geometry_):
    with pytest.raises(ContractError, match="cannot have the geometry"):
        Target(kind, shape, classes=3, geometry=geometry_)
