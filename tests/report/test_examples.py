"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = (
    "layout.shared_options",
    "statistics.comparisons",
    "statistics.gains",
    "statistics.intervals",
    "statistics.protocols",
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name):
    found = doctest.testmod(importlib.import_module(f"benchbed.report.{name}"))
    assert found.attempted
    assert not found.failed
