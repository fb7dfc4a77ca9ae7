"""Headings of columns in lines that fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.report.layout.headings import HEADING_DENSITY, break_heading, heading_characters


@pytest.mark.parametrize(
    ("heading", "lines"),
    [
        ("hps+dwa\nseed 0", ["hps+dwa", "seed 0"]),
        ("hps+uncertainty\nseed 0", ["hps+", "uncertainty", "seed 0"]),
        (
            "ati-net:backbone=segnet,backbone.width=0.25+dwa",
            ["ati-net:", "backbone=segnet,", "backbone.width=0.25+", "dwa"],
        ),
        ("hps:" + "x" * 24 + ",y=1+dwa", ["hps:xxxxxxxxxxxxx", "xxxxxxxxxxx,y=1+dwa"]),
    ],
)
def test_headings_are_cut_after_punctuation_in_columns_as_wide_as_their_words(heading, lines):
    characters = heading_characters([heading], 1.0)
    assert characters >= HEADING_DENSITY
    assert break_heading(heading, characters).split("\n") == lines


@given(st.text("ab,:+\n.=", max_size=80), st.integers(1, 30))
def test_a_heading_loses_nothing_and_fits(heading, characters):
    lines = break_heading(heading, characters).split("\n")
    assert max(map(len, lines)) <= characters
    assert "".join(lines) == heading.replace("\n", "")
