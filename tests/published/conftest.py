"""The installed printed tables, and papers of one table written into a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbed.discovery.registry import discover
from benchbed.published.library import Library
from benchbed.published.registered import read_library

PAPER = """
id = "mine"
title = "A Title"
authors = "A. Author"
edition = "CONF 2020"
year = 2020

[delta_m]
positive_is = "worse"

[columns."seg/miou"]
better = "higher"
unit = "%"
[columns."depth/rmse"]
better = "lower"
[columns.parameters]
kind = "cost"
unit = "M"

[protocol]
optimizer = "adam"

[tables.1]
number = "Table 1"
caption = "Two nets"
compares = "a multi-task net with single-task nets"
dataset = "rooms"
"""
TABLE = """key,system,baseline,seg/miou,depth/rmse,delta_m
single,single task,,50.0,0.500,0
multi,multi-task,single,51.0,0.550,4.00
"""
"""By hand: +2 % and -10 %, so Δm is -4.00, printed as a drop of 4.00."""


@pytest.fixture(scope="session")
def installed() -> Library:
    """All first-party tables, read once."""
    registry = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    found = read_library(registry)
    assert registry.broken == []
    return found


@pytest.fixture
def library(installed) -> Library:
    """All first-party tables, to be added to."""
    return Library(dict(installed.tables), list(installed.claims), dict(installed.measured))


@pytest.fixture
def write(tmp_path):
    """Write a paper's table and ``paper.toml``; return the table's path."""

    def call(table: str | bytes = TABLE, paper: str = PAPER) -> Path:
        folder = tmp_path / "mine"
        folder.mkdir(exist_ok=True)
        (folder / "paper.toml").write_text(paper, encoding="utf-8")
        path = folder / "1.csv"
        path.write_bytes(table if isinstance(table, bytes) else table.encode())
        return path

    return call
