import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from benchbed.contracts.dataset import check_columns
from benchbed_zoo.datasets.digits import HOLES, SHARES, Digits

DIGEST = "fc515a47cfcae914acfdee0c4fff91d32709f203c0fd089fac4000bedda74189"


@pytest.fixture(scope="module")
def splits():
    dataset = Digits()
    return {name: dataset.load(name, None) for name in dataset.splits}


def as_rows(columns):
    return [tuple(image.ravel().tolist()) for image in columns["input"]]


def test_the_splits_hold_1797_images_in_the_stated_shares(splits):
    sizes = {name: len(columns["input"]) for name, columns in splits.items()}
    assert sum(sizes.values()) == 1797
    for name, share in {"train": 0.6, "validation": 0.15, "test": 0.25}.items():
        assert sizes[name] == pytest.approx(1797 * share, abs=10)


def test_every_digit_is_split_in_the_same_shares(splits):
    total = np.bincount(load_digits().target)
    for name, columns in splits.items():
        counts = np.bincount(columns["digit"], minlength=10)
        assert len(counts) == 10
        assert np.abs(counts - total * SHARES[name]).max() <= 1


def test_splits_are_disjoint_and_together_all_of_scikit_learns_images(splits):
    bunch = load_digits()
    expected = sorted(
        zip(map(tuple, (bunch.data / 16).tolist()), bunch.target.tolist(), strict=True)
    )
    found = sorted(
        (row, digit)
        for columns in splits.values()
        for row, digit in zip(as_rows(columns), columns["digit"].tolist(), strict=True)
    )
    assert found == expected  # as many times each: nothing is in two splits
    assert len({row for row, _ in expected}) == 1797


def test_within_a_split_the_images_keep_scikit_learns_order(splits):
    bunch = load_digits()
    position = {tuple(row): i for i, row in enumerate((bunch.data / 16).tolist())}
    for columns in splits.values():
        positions = [position[row] for row in as_rows(columns)]
        assert positions == sorted(positions)
        assert columns["digit"].tolist() == bunch.target[positions].tolist()


def test_images_are_8_by_8_float32_between_0_and_1(splits):
    for columns in splits.values():
        images = columns["input"]
        assert images.shape[1:] == Digits.input.shape == (1, 8, 8)
        assert images.dtype == np.float32
        assert images.min() == Digits.input.range[0] == 0.0
        assert images.max() == Digits.input.range[1] == 1.0


def test_images_are_upright_as_scikit_learn_shows_them(splits):
    bunch = load_digits()
    flat = {
        tuple(row): image
        for row, image in zip((bunch.data / 16).tolist(), bunch.images, strict=True)
    }
    images = splits["test"]["input"]
    for row, image in zip(as_rows(splits["test"]), images, strict=True):
        assert (image[0] * 16 == flat[row]).all()


def test_holes_and_parity_follow_from_the_digit(splits):
    loops = {0: 1, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 1, 7: 0, 8: 2, 9: 1}
    assert dict(enumerate(HOLES)) == loops
    for columns in splits.values():
        digits = columns["digit"].tolist()
        assert columns["holes"].tolist() == [loops[digit] for digit in digits]
        assert columns["parity"].tolist() == [digit % 2 for digit in digits]


def test_targets_are_whole_numbers_below_their_number_of_classes(splits):
    for columns in splits.values():
        for name, target in Digits.targets.items():
            assert columns[name].dtype == np.int64
            assert sorted(set(columns[name].tolist())) == list(range(target.classes))
            assert len(target.names) == target.classes


def test_every_split_keeps_the_data_set_contract(splits):
    for name, columns in splits.items():
        check_columns(Digits(), name, columns)


def test_loading_twice_gives_the_same_data_and_what_one_run_changes_is_its_own():
    first = Digits().load("train", None)
    before = first["input"].copy()
    first["input"][:] = 7
    first["digit"][:] = 7
    again = Digits().load("train", None)
    assert (again["input"] == before).all()
    assert again["digit"].max() == 9


def test_the_digest_is_the_one_that_earlier_records_hold():
    """Other data or another split would make records incomparable: then raise the version."""
    assert Digits().digest(None) == DIGEST


def test_data_and_digest_come_without_importing_scikit_learn_or_torch():
    script = """
import sys
from benchbed_zoo.datasets.digits import Digits
Digits().digest(None)
assert "numpy" not in sys.modules, "digesting imports NumPy"
assert len(Digits().load("train", None)["digit"]) > 1000
print(sorted({"sklearn", "torch", "scipy", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr
