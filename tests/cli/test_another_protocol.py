"""A protocol that has the name and version of another one: refused, before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import benchbed
from benchbed.basics.errors import ProtocolError
from benchbed.cli import main
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.store import Store
from tests import fakes
from tests.conftest import ROOT

DIGITS = ROOT / "plugins" / "benchbed_zoo" / "protocols" / "digits-1.toml"


@pytest.fixture
def edited(tmp_path) -> Path:
    """A copy of an installed protocol with other epochs, under its old name and version."""
    path = tmp_path / "edited.toml"
    text = DIGITS.read_text()
    assert "epochs = " in text
    lines = ["epochs = 1" if line.startswith("epochs = ") else line for line in text.splitlines()]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def call(capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_an_edited_copy_of_an_installed_protocol_is_not_run(edited, tmp_path, call, registry):
    results = tmp_path / "results"
    for verb in ("run", "plan"):
        status, out, err = call(verb, edited, "hps+dwa", "--results", results)
        assert (status, out) == (2, "")
        digest = find_protocol("digits", registry).digest[:12]
        assert f"installed digits@1 of benchbed is another one (digest {digest}, where" in err
        assert "give it another name, or raise its version." in err
    assert not results.exists()
    with pytest.raises(ProtocolError, match="give it another name, or raise its version"):
        benchbed.run(str(edited), ["hps+dwa"], results=results)
    assert not results.exists()


def test_an_exact_copy_and_one_of_a_higher_version_are_planned(edited, tmp_path, call):
    copy = tmp_path / "copy.toml"
    copy.write_text(DIGITS.read_text())
    raised = tmp_path / "raised.toml"
    raised.write_text(edited.read_text().replace("version = 1", "version = 77"))
    for path in (copy, raised):
        assert call("plan", path, "hps+dwa", "--results", tmp_path / "results")[0] == 0


def test_an_edited_copy_can_be_looked_at(edited, call):
    assert call("protocol", "show", edited)[0] == 0
    assert "epochs" in call("protocol", "diff", "digits", edited)[1]


def test_no_table_of_another_protocol_is_overwritten(tmp_path, call):
    """Neither by a run, which then trains nothing, nor by a report."""
    results = tmp_path / "results"
    board = results / "leaderboards" / "mini@1.json"
    board.parent.mkdir(parents=True)
    board.write_text(json.dumps({"digest": "d" * 64}))
    before = board.read_bytes()
    protocol = fakes.write_mini(tmp_path)
    status, _, err = call("run", protocol, "hps+equal", "--results", results)
    assert status == 2
    assert f"{board} is a leaderboard of another mini@1 (digest dddddddddddd, where this has" in err
    assert [path.name for path in results.iterdir()] == ["leaderboards"]
    assert board.read_bytes() == before


def test_a_report_is_not_written_over_the_table_of_another_protocol(
    edited, tmp_path, call, registry
):
    results = tmp_path / "results"
    digits = find_protocol("digits", registry)
    fakes.fill(make_plan(digits, ["hps+dwa"], registry, Settings(results), [0]), results)
    assert call("report", "digits", "--write", "--results", results)[0] == 0
    board = results / "leaderboards" / "digits@1.json"
    before = board.read_bytes()
    other = find_protocol(str(edited), registry)
    for run in make_plan(other, ["hps+dwa"], registry, Settings(results), [0]).runs:
        Store(results).write("runs", run.job.place, fakes.record_of_job(run.job))
    status, _, err = call("report", edited, "--write", "--results", results)
    assert status == 2
    assert "the installed digits@1 of benchbed is another one (digest" in err
    assert board.read_bytes() == before
    # to look at it is no harm
    assert call("report", edited, "--results", results)[0] == 0
