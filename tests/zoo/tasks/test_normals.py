import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed import Target
from benchbed.basics.errors import DataError
from benchbed.contracts.drawing import new_figure
from benchbed.testing import TaskContract
from benchbed_zoo.metrics.normals import angles, has_normal
from benchbed_zoo.tasks.normals import Normals
from tests.zoo.tasks import feeding, scoring

TARGET = Target("value", (3, 6, 8))
LOSSES = ["cosine", "l1"]
few = settings(max_examples=30, deadline=None)


def unit(vectors):
    return torch.nn.functional.normalize(vectors, dim=1)


class TestNormals(TaskContract):
    id = "normals"
    target = TARGET
    invalid_target = 0.0
    options = {"loss": "l1", "median_of_batches": True}
    batches_count = frozenset({"median_of_batches"})

    def make_target(self, task, count, seed):
        return unit(torch.randn(count, 3, 6, 8, generator=torch.Generator().manual_seed(seed)))


def make(loss="cosine", **options):
    return Normals("n", TARGET, loss=loss, **options)


def maps(seed, count=4, invalid=0.3):
    generator = torch.Generator().manual_seed(seed)
    output, target = torch.randn(2, count, 3, 6, 8, generator=generator)
    unknown = torch.rand(count, 1, 6, 8, generator=generator) < invalid
    unknown[-1] = count > 1
    return output + target, unit(target).masked_fill(unknown, 0.0)


def angles_by_numpy(output, target):
    """Angles in degrees at the known pixels, in double precision."""
    known = (target.numpy() != 0).any(axis=1)
    one, other = (np.moveaxis(x.double().numpy(), 1, -1)[known] for x in (output, target))
    sine = np.linalg.norm(np.cross(one, other), axis=1)
    return np.degrees(np.arctan2(sine, (one * other).sum(axis=1)))


def by_numpy(degrees):
    return {
        "mean": degrees.mean(),
        "median": np.median(degrees),
        "rmse": np.sqrt((degrees**2).mean()),
        **{f"within_{x:g}": (degrees < x).mean() for x in (11.25, 22.5, 30)},
    }


@few
@given(seed=scoring.SEEDS, invalid=st.sampled_from([0.0, 0.4]), processes=feeding.splits(4))
def test_metrics_are_those_of_all_pixels_whatever_the_batches_and_processes(
    seed, invalid, processes
):
    output, target = maps(seed, invalid=invalid)
    expected = by_numpy(angles_by_numpy(output, target))
    assert feeding.scores(make(), output, target, processes) == pytest.approx(expected, abs=1e-4)


def test_metrics_that_share_their_angles_are_the_same_as_alone():
    output, target = maps(1)
    alone = feeding.scores(make(), output, target)
    assert scoring.shared_scores(make(), output, target) == alone


@pytest.mark.parametrize(("degrees", "expected"), [((10, 30), 20), ((10, 20, 90), 20)])
def test_the_median_of_an_even_number_is_the_mean_of_the_middle_two(degrees, expected):
    turn = torch.tensor([math.radians(x) for x in degrees])
    output = torch.stack([turn.sin(), 0 * turn, turn.cos()]).view(1, 3, 1, -1)
    target = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand_as(output)
    assert feeding.scores(make(), output, target)["median"] == pytest.approx(expected, rel=1e-6)


@given(
    seed=scoring.SEEDS,
    exponent=st.floats(-7, 0),
    about=st.sampled_from([0.0, 90.0, 180.0]),
)
@few
def test_angles_are_exact_to_single_precision_even_at_0_and_180_degrees(seed, exponent, about):
    generator = np.random.default_rng(seed)
    one, other = generator.normal(size=(2, 50, 3))
    one /= np.linalg.norm(one, axis=1, keepdims=True)
    other -= (one * other).sum(axis=1, keepdims=True) * one
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    turn = np.radians(about + 10**exponent)
    pair = np.float32([one, np.cos(turn) * one + np.sin(turn) * other])
    found = angles(*map(torch.from_numpy, pair)).numpy()
    a, b = pair.astype(np.float64)
    sine = np.linalg.norm(np.cross(a, b), axis=1)
    assert found == pytest.approx(np.degrees(np.arctan2(sine, (a * b).sum(axis=1))), abs=3e-5)


def test_parallel_vectors_are_at_0_and_opposite_ones_at_180_degrees():
    vector = torch.tensor([[0.6, -0.48, 0.64]])
    assert angles(vector, vector).item() == pytest.approx(0, abs=1e-5)
    assert angles(vector, -vector).item() == pytest.approx(180, abs=2e-5)


def test_a_vector_of_length_0_is_at_90_degrees():
    output, target = torch.zeros(1, 3, 6, 8), maps(2, count=1)[1]
    found = feeding.scores(make(), output, target)
    assert (found["mean"], found["median"], found["within_30"]) == (90, 90, 0)
    assert scoring.loss_of(make(), output, target)[0] == scoring.loss_of(make(), output, target)[1]


@given(limit=st.sampled_from([11.25, 22.5, 30.0]), above=st.booleans())
def test_an_angle_counts_strictly_below_a_limit(limit, above):
    metric = make().metrics()[f"within_{limit:g}"]
    metric.update(*maps(3, count=1))
    near = math.nextafter(limit, 180 if above else 0)
    metric.degrees = [torch.tensor([limit, np.float32(near) if above else limit - 1e-5])]
    assert float(metric.compute()) == (0 if above else 0.5)


def test_a_normal_whose_components_sum_to_0_is_known_and_only_the_zero_vector_is_not():
    vectors = torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.0, 0.0], [math.nan, 0, 0], [0, 0, 1e-3]])
    assert has_normal(vectors.T.reshape(1, 3, 1, 4)).tolist() == [[[True, False, False, True]]]


@few
@given(seed=scoring.SEEDS, processes=feeding.splits(4))
def test_the_median_of_batches_is_the_mean_of_their_medians(seed, processes):
    output, target = maps(seed)
    medians = []
    for batch in (batch for batches in processes for batch in batches):
        degrees = angles_by_numpy(output[list(batch)], target[list(batch)])
        medians += [np.median(degrees)] if degrees.size else []
    found = feeding.scores(make(median_of_batches=True), output, target, processes)
    assert found["median_of_batches"] == pytest.approx(np.mean(medians), abs=1e-4)


@few
@given(seed=scoring.SEEDS)
def test_the_cosine_loss_is_that_of_whole_arrays(seed):
    output, target = maps(seed)
    degrees = angles_by_numpy(output, target)
    expected = (1 - np.cos(np.radians(degrees))).sum(), degrees.size
    assert scoring.loss_of(make(), output, target) == pytest.approx(expected, rel=1e-5)


@few
@given(seed=scoring.SEEDS)
def test_the_l1_loss_is_that_of_whole_arrays(seed):
    output, target = (x.double().numpy() for x in maps(seed))
    known = (target != 0).any(axis=1, keepdims=True)
    unit_output = output / np.linalg.norm(output, axis=1, keepdims=True)
    expected = (np.abs(unit_output - target) * known).sum(), 3 * known.sum()
    assert scoring.loss_of(make("l1"), *maps(seed)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss):
    assert scoring.has_right_gradient(make(loss), *maps(4, count=2))


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_never_look_at_values(loss):
    assert scoring.never_looks_at_values(make(loss), *maps(5))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(loss, dtype):
    output, target = maps(6)
    output = output.to(dtype)
    assert make(loss).loss(output, target)[0].dtype == torch.float32
    assert scoring.loss_of(make(loss), output, target) == scoring.loss_of(
        make(loss), output.float(), target
    )
    assert feeding.scores(make(), output, target) == feeding.scores(make(), output.float(), target)


@pytest.mark.parametrize("loss", LOSSES)
def test_what_is_put_out_at_invalid_pixels_does_not_matter(loss):
    output, target = maps(7)
    spoilt = torch.where(has_normal(target).unsqueeze(1), output, torch.nan)
    assert scoring.loss_of(make(loss), spoilt, target) == scoring.loss_of(
        make(loss), output, target
    )
    assert scoring.gradient(make(loss), spoilt, target).isfinite().all()
    assert feeding.scores(make(), spoilt, target) == feeding.scores(make(), output, target)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("length", [0.0, 1e-30, 1e-7, 1e-3])
def test_gradients_stay_finite_and_bounded_as_outputs_vanish(loss, length):
    output, target = maps(8, count=1)
    found = scoring.gradient(make(loss), length * output, target)
    assert found.abs().max() <= 3e6


def test_predictions_are_unit_vectors():
    lengths = make().predict(maps(9)[0]).norm(dim=1)
    assert torch.allclose(lengths, torch.ones(()))


def test_where_no_normal_is_known_every_metric_is_nan():
    task = make(median_of_batches=True)
    found = feeding.scores(task, torch.ones(2, 3, 6, 8), torch.zeros(2, 3, 6, 8))
    assert all(math.isnan(score) for score in found.values())


def test_a_diverged_network_has_a_mean_and_a_median_of_nan():
    output, target = maps(10, count=1)
    output[0, 0, 0, 0] = math.nan
    target[0, :, 0, 0] = torch.tensor([0.0, 0.0, -1.0])
    found = feeding.scores(make(), output, target)
    assert math.isnan(found["mean"])
    assert math.isnan(found["median"])


def test_directions_and_percentages():
    metrics = make().metrics()
    assert next(iter(metrics)) == make().primary == "mean"
    rising = {name for name, metric in metrics.items() if metric.higher_is_better}
    assert rising == make().percent == {"within_11.25", "within_22.5", "within_30"}


def test_normals_are_drawn_as_rgb_even_where_none_is_negative():
    axes = new_figure(2, 2).subplots()
    make().draw(axes, torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]).T.reshape(3, 1, 2))
    (image,) = axes.images
    assert image.get_array().tolist() == [[[0.5, 0.5, 1.0], [0.65, 0.65, 0.65]]]


@pytest.mark.parametrize("target", [Target("value", (6, 8)), Target("value", (4, 6, 8))])
def test_other_targets_are_refused(target):
    with pytest.raises(DataError, match=r"'value' and shape \(3, H, W\), not"):
        Normals("n", target)
