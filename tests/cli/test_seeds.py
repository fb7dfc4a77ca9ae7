"""``--seeds``: how many, or which."""

import pytest

from benchbed.basics.errors import BenchbedError
from benchbed.cli.common import parse_seeds


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        (None, None),
        ("1", [0]),
        ("5", [0, 1, 2, 3, 4]),
        ("0,3,7", [0, 3, 7]),
        ("2,", [2]),
        ("0,", [0]),
        ("0,3,", [0, 3]),
    ],
)
def test_seeds_are_a_number_of_them_or_a_list(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "0", "-1", "2,,", ",2", "a", "1,-2", "1.5"])
def test_anything_else_is_refused_with_examples(text):
    with pytest.raises(BenchbedError, match="such as 5, or a list such as 0,3,7"):
        parse_seeds(text)
