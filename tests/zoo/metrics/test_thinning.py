from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import gaussian_filter, label

from benchbed_zoo.metrics.thinning import thin
from tests.zoo.metrics import naive

REFERENCE = Path(__file__).parents[2] / "reference" / "thinning.txt"
few = settings(max_examples=60, deadline=None)


@st.composite
def masks(draw):
    """Noise, or blobs, which take several passes."""
    shape = draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    values = np.random.default_rng(draw(st.integers(0, 10**6))).normal(size=shape)
    values = gaussian_filter(values, draw(st.sampled_from([0, 0.7, 1.5])))
    return values <= np.quantile(values, draw(st.sampled_from([0.3, 0.5, 0.8, 1.0])))


@few
@given(mask=masks() | arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=6)))
def test_it_follows_the_published_rules(mask):
    before = mask.copy()
    thinned = thin(mask)
    assert thinned.dtype == bool
    assert np.array_equal(thinned, naive.thin(mask))
    assert np.array_equal(mask, before)


@few
@given(mask=masks())
def test_connected_regions_stay_so_and_what_is_thin_stays_as_it_is(mask):
    eight = np.ones((3, 3))
    regions, number = label(mask, eight)
    thinned = thin(mask)
    assert not (thinned & ~mask).any()
    assert label(thinned, eight)[1] == number
    assert set(regions[thinned]) == set(regions[mask])
    assert np.array_equal(thin(thinned), thinned)


def reference():
    """Pairs of masks as scikit-image saw and returned them."""
    blocks = REFERENCE.read_text(encoding="utf-8").split("\n\n")[1:]
    for block in blocks:
        signs = np.array([list(line) for line in block.split()])
        yield signs != ".", signs == "#"


def test_it_agrees_with_scikit_image():
    pairs = list(reference())
    assert len(pairs) == 4
    for mask, expected in pairs:
        assert np.array_equal(thin(mask), expected)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (3, 4)])
def test_nothing_stays_nothing(shape):
    assert not thin(np.zeros(shape, dtype=bool)).any()


def test_a_full_image_becomes_a_line_in_its_middle():
    thinned = thin(np.ones((9, 21), dtype=bool))
    assert thinned.any()
    assert set(np.nonzero(thinned)[0]) == {4}
