"""Pairs of programs that mean the same, and pairs that look alike and do not."""

import pytest

from tests.discovery.source.different import DIFFERENT
from tests.discovery.source.packages import digest
from tests.discovery.source.same import SAME


@pytest.mark.parametrize("name", SAME)
def test_what_means_the_same_has_the_same_digest(name):
    first, second = SAME[name]
    assert digest(first) == digest(second)


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_means_something_else_has_another_digest(name):
    first, second = DIFFERENT[name]
    assert digest(first) != digest(second)


@pytest.mark.parametrize("name", [*SAME, *DIFFERENT])
def test_a_digest_is_the_same_each_time(name):
    first, _ = {**SAME, **DIFFERENT}[name]
    assert digest(first) == digest(first)
