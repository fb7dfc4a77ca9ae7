"""Texts in lines."""

from __future__ import annotations

import pytest

from benchbed.basics.texts import wrap


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("hps+dwa", 20, ["hps+dwa"]),
        ("hps:backbone=mlp+dwa:T=3", 18, ["hps:backbone=mlp+", "dwa:T=3"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("living room with sofa", 12, ["living room", "with sofa"]),
    ],
)
def test_wrap_cuts_after_separators_and_loses_nothing(text, width, lines):
    assert wrap(text, width).split("\n") == lines
