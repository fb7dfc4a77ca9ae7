"""What is stored of a sample: within the stated rounding, and what is wrong is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchbed import Input, Target
from benchbed.basics.errors import DataError
from benchbed.files import Colours, Directions, Labels, Values
from benchbed.files.codings import coding_of

IMAGE, PLANE, FIELD = (3, 4, 5), (4, 5), (3, 4, 5)


def decoded(coding, values):
    """Return what a column gives of one sample that was stored."""
    stored = coding.encode(values)
    assert stored.dtype == coding.dtype
    assert stored.nbytes == coding.size
    return coding.column(stored[None])[np.array([0])][0]


@given(arrays(np.float32, IMAGE, elements=st.floats(0, 1, width=32)))
def test_colours_are_exact_to_half_a_step(image):
    found = decoded(Colours(IMAGE), image)
    assert found.dtype == np.float32
    assert np.abs(found - image).max() <= 1 / 510 + 1e-7


@given(arrays(np.uint8, IMAGE))
def test_colours_of_eight_bits_are_exact(image):
    assert np.array_equal(decoded(Colours(IMAGE), image), image.astype(np.float32) / 255)


@given(arrays(np.uint8, PLANE, elements=st.sampled_from([0, 1, 2, 255])), st.booleans())
def test_labels_are_exact_also_as_floating_point(labels, floating):
    given_labels = labels.astype(np.float64 if floating else np.int32)
    assert np.array_equal(decoded(Labels(PLANE, 3), given_labels), labels)
    assert Labels(PLANE, 3).valid(labels) == np.count_nonzero(labels != 255)


@given(arrays(np.float64, PLANE, elements=st.floats(-1e3, 1e3)))
def test_values_are_single_precision(values):
    assert np.array_equal(decoded(Values(PLANE), values), values.astype(np.float32))


@given(arrays(np.uint16, PLANE))
def test_values_of_sixteen_bits_are_exact(raw):
    coding = Values(PLANE, "uint16", 256, positive=True)
    assert np.array_equal(decoded(coding, raw / 256), (raw / 256).astype(np.float32))
    assert coding.valid(raw) == np.count_nonzero(raw)


@given(arrays(np.float64, FIELD, elements=st.floats(-1, 1)))
def test_directions_have_unit_length_or_none(vectors):
    length = np.sqrt((vectors**2).sum(0))
    vectors = vectors / np.maximum(length, 1)  # shorter ones stay, as between valid pixels
    length = np.sqrt((vectors**2).sum(0))
    found = decoded(Directions(FIELD), vectors)
    valid = length >= 0.5
    assert np.abs(found * length - vectors)[:, valid].max(initial=0) < 1.7e-5
    assert not found[:, length < 0.499].any()
    count = Directions(FIELD).valid(Directions(FIELD).encode(vectors))
    assert abs(count - int(valid.sum())) <= int((np.abs(length - 0.5) < 1e-6).sum())


def test_directions_whose_components_sum_to_nothing_are_valid():
    vectors = np.zeros(FIELD)
    vectors[0, 0, 0], vectors[1, 0, 0] = 0.5**0.5, -(0.5**0.5)
    assert Directions(FIELD).valid(Directions(FIELD).encode(vectors)) == 1


def hole(values, place, value):
    values = values.copy()
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("coding", "values", "told"),
    [
        (Colours(IMAGE), np.zeros((3, 5, 5), np.uint8), "shape (3, 5, 5), and (3, 4, 5) is wanted"),
        (Colours(IMAGE), np.zeros(IMAGE, np.int64), "type int64"),
        (Colours(IMAGE), np.full(IMAGE, 255.0), "values from 255 to 255, and 0 to 1"),
        (Colours(IMAGE), np.full(IMAGE, np.nan), "nan"),
        (Labels(PLANE, 3), hole(np.zeros(PLANE, int), (2, 1), 3), "label 3 at row 2, column 1"),
        (Labels(PLANE, 3), np.full(PLANE, -1), "label -1"),
        (Labels(PLANE, 3), np.full(PLANE, 0.5), "type float64, and whole numbers"),
        (Labels(PLANE, 3), np.full(PLANE, np.inf), "whole numbers"),
        (Values(PLANE), hole(np.ones(PLANE), (3, 4), np.inf), "inf at row 3, column 4, and finite"),
        (Values(()), np.array(np.inf), "inf, and finite numbers (or NaN, for what is not"),
        (Values((3,)), np.array([1, np.inf, 1]), "inf at position 1, and finite numbers"),
        (
            Values(PLANE, positive=True),
            np.full(PLANE, np.nan),
            "nan at row 0, column 0, and finite",
        ),
        (
            Values(PLANE, "uint16", 256),
            np.full(PLANE, np.nan),
            "nan at row 0, column 0, and finite",
        ),
        (Labels((), 3), np.array(3), "label 3, and there are 3 classes"),
        (Values(PLANE), np.full(PLANE, "a"), "numbers are wanted"),
        (Values(PLANE, "uint16", 256), np.full(PLANE, 256.0), "0 to 255.996 can be stored"),
        (Directions(FIELD), np.full(FIELD, 2.0), "component of size 2"),
        (Directions(FIELD), hole(np.zeros(FIELD), (0, 0, 0), np.nan), "size nan"),
        (Directions(FIELD), np.zeros(FIELD, np.uint8), "floating point is wanted"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(coding, values, told):
    with pytest.raises(DataError) as caught:
        coding.encode(values)
    assert told in str(caught.value)


def test_nan_marks_numbers_that_are_not_annotated():
    coding, values = Values((3,)), np.array([1.5, np.nan, 2.5])
    stored = coding.encode(values)
    np.testing.assert_array_equal(decoded(coding, values), values.astype(np.float32))
    assert coding.valid(stored) == 2
    assert Values(()).valid(Values(()).encode(np.array(np.nan))) == 0


def test_codings_follow_from_what_a_column_is():
    assert coding_of(Input(IMAGE)) == Colours(IMAGE)
    assert coding_of(Target("class", PLANE, classes=3)) == Labels(PLANE, 3)
    assert coding_of(Target("value", FIELD, geometry="direction")) == Directions(FIELD)
    assert coding_of(Target("value", PLANE, geometry="distance")) == Values(PLANE, positive=True)
    assert coding_of(Target("value", FIELD)) == Values(FIELD)


@pytest.mark.parametrize(
    "target", [Target("class", PLANE, classes=256), Target("class", PLANE, classes=3, ignore=9)]
)
def test_labels_that_a_byte_cannot_hold_are_refused(target):
    with pytest.raises(ValueError, match="uint8"):
        coding_of(target)
