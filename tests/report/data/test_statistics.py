"""What is counted in a split, against plain loops over whole arrays."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from benchbed import Target
from benchbed.report.data import statistics as data_statistics
from benchbed.report.data.statistics import describe

SHAPES = st.sampled_from([(), (3,), (2, 3), (2, 2, 3)])
NUMBERS = st.sampled_from([-1.5, -0.25, 0.0, 0.5, 2.0, math.nan, math.inf])


def one(values, target):
    return describe({"t": values}, {"t": target})["t"]


@st.composite
def class_maps(draw):
    shape = draw(SHAPES)
    dtype = draw(st.sampled_from(["uint8", "int64"]))
    ignore = draw(st.sampled_from([None, 255] if dtype == "uint8" else [None, 255, -1]))
    elements = st.sampled_from([0, 1, 2, 2 if ignore is None else ignore])
    values = draw(arrays.arrays(dtype, (draw(st.integers(1, 5)), *shape), elements=elements))
    return values, Target("class", shape, classes=4, ignore=ignore)


@pytest.fixture(params=[1, 7, 2**21], autouse=True, scope="module")
def pieces(request):
    """Read samples one by one, a few at a time, and all at once."""
    patch = pytest.MonkeyPatch()
    patch.setattr(data_statistics, "ELEMENTS", request.param)
    yield
    patch.undo()


@given(class_maps())
def test_presence_and_area_are_those_of_plain_loops(case):
    values, target = case
    found = one(values, target)
    counted = [v for v in values.ravel().tolist() if v != target.ignore]
    for number in range(4):
        holding = [sample for sample in values if (sample == number).any()]
        assert found.presence[number] == pytest.approx(len(holding) / len(values))
        share = counted.count(number) / len(counted) if counted else 0.0
        assert found.area[number] == pytest.approx(share)
    assert found.ignored == pytest.approx(1 - len(counted) / values.size)
    assert found.names == ("0", "1", "2", "3")


def test_classes_keep_their_names():
    target = Target("class", classes=2, names=("cat", "dog"))
    found = one(np.array([0, 1, 1, 1]), target)
    assert found.names == ("cat", "dog")
    assert found.presence == found.area == (0.25, 0.75)


@st.composite
def number_maps(draw):
    shape = draw(st.sampled_from([(), (4,), (2, 3), (3, 2, 2)]))
    size = (draw(st.integers(1, 5)), *shape)
    return draw(arrays.arrays("float32", size, elements=NUMBERS)), Target("value", shape)


def is_valid(values, shape):
    """Plain loops over the conventions of dense targets."""
    finite = [v for v in values.ravel().tolist() if math.isfinite(v)]
    negative = bool(finite) and min(finite) < 0
    mask = np.zeros(values.shape, bool)
    for at in np.ndindex(values.shape):
        if len(shape) == 3:
            pixel = values[at[0], :, at[2], at[3]].tolist()
            mask[at] = all(map(math.isfinite, pixel)) and (not negative or any(pixel))
        else:
            value = float(values[at])
            mask[at] = math.isfinite(value) and (len(shape) != 2 or negative or value > 0)
    return mask


@given(number_maps())
def test_histograms_count_the_valid_numbers_and_no_others(case):
    values, target = case
    found = one(values, target)
    mask = is_valid(values, target.shape)
    assert found.invalid == pytest.approx(1 - mask.sum() / mask.size)
    channels = len(found.channels)
    assert channels == (3 if len(target.shape) == 3 else 1)
    for channel, shares in enumerate(found.shares):
        chosen = values[:, channel] if channels == 3 else values
        good = mask[:, channel] if channels == 3 else mask
        wanted, _ = np.histogram(chosen[good], found.edges)
        assert np.allclose(shares, wanted / max(good.sum(), 1))


@given(number_maps())
def test_bins_span_all_finite_numbers(case):
    values, target = case
    edges = np.array(one(values, target).edges)
    assert (np.diff(edges) > 0).all()
    finite = values[np.isfinite(values)]
    if finite.size:
        assert edges[0] <= finite.min() <= finite.max() <= edges[-1]


@pytest.mark.parametrize(
    ("low", "channels"), [(-1.0, ("x", "y", "z")), (0.0, ("red", "green", "blue"))]
)
def test_three_channels_are_named_as_what_they_are(low, channels):
    values = np.full((1, 3, 2, 2), 0.5, np.float32)
    values[0, 2] = low
    assert one(values, Target("value", (3, 2, 2))).channels == channels


def test_every_target_is_counted_and_all_reading_is_reported():
    told = []
    columns = {"a": np.zeros(10, np.int64), "b": np.ones(10, np.float32)}
    targets = {"a": Target("class", classes=2), "b": Target("value")}
    found = describe(columns, targets, lambda done, total: told.append((done, total)))
    assert list(found) == ["a", "b"]
    assert [total for _, total in told] == [30] * len(told)
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert done[-1] == 30


class Endless:
    """A column that is made as it is read, larger than what may be in memory."""

    def __init__(self, length, shape, dtype):
        self.length, self.shape, self.dtype = length, shape, dtype

    def __len__(self):
        return self.length

    def __getitem__(self, indices):
        return np.ones((len(indices), *self.shape), self.dtype)


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((), Target("class", classes=200)),
        ((64, 64), Target("class", (64, 64), classes=3)),
        ((64, 64), Target("value", (64, 64))),
    ],
)
def test_memory_does_not_grow_with_the_split(monkeypatch, shape, target):
    monkeypatch.setattr(data_statistics, "ELEMENTS", 2**15)
    dtype = np.uint8 if target.kind == "class" else np.float32

    def peak(length):
        tracemalloc.start()
        one(Endless(length, shape, dtype), target)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    short = 2**15 // max(int(np.prod(shape)), target.classes + 1)
    assert peak(12 * short) < 1.5 * peak(2 * short)
