"""Written leaderboards: whether they are still what their records give."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from benchbed.api import requests
from benchbed.basics.errors import BenchbedError
from benchbed.cli import main
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.store import Store
from benchbed.report.alike import alike
from benchbed.report.committed import Checked, check_leaderboards, suite_methods
from benchbed.report.formats.files import write_leaderboard
from benchbed.report.with_plugins import leaderboard_of
from tests import fakes
from tests.conftest import ROOT


@pytest.fixture
def digits(registry):
    return find_protocol("digits", registry)


@pytest.fixture
def results(tmp_path, registry, digits):
    """Records of two methods and their baseline, and the leaderboard that they give."""
    folder = tmp_path / "results"
    plan = make_plan(digits, ["hps", "hps+dwa"], registry, Settings(folder), [0, 1])
    fakes.fill(plan, folder)
    write(folder, registry, digits)
    return folder


def write(results: Path, registry, digits, folder: Path | None = None, name=None, **options):
    board = leaderboard_of(digits, registry, results, **options)
    return write_leaderboard(board, folder or results / "leaderboards", name, results)


def check(results: Path, registry, **options) -> Checked:
    (checked,) = check_leaderboards(results, registry, **options)
    return checked


def change_a_record(results: Path) -> None:
    path = next((results / "runs").rglob("hps/equal/*.json"))
    record = msgspec.json.decode(path.read_bytes())
    record["test"]["digit"]["accuracy"] = 0.75
    path.write_bytes(msgspec.json.encode(record))


def test_what_was_just_written_is_not_stale(results, registry):
    checked = check(results, registry)
    assert (checked.stale, checked.reason, checked.is_stale) == ((), "", False)


def test_a_record_that_changed_makes_every_format_stale(results, registry):
    change_a_record(results)
    checked = check(results, registry)
    names = {path.name for path in checked.stale}
    assert names == {f"digits@1.{suffix}" for suffix in ("md", "csv", "json")}
    assert "Run `benchbed report digits@1 --delta-m primary --results" in str(checked)


def test_a_record_that_came_makes_it_stale(results, registry, digits):
    plan = make_plan(digits, ["hps+mgda"], registry, Settings(results), [0])
    fakes.fill(plan, results)
    assert check(results, registry).is_stale


@pytest.mark.parametrize("suffix", ["md", "csv", "json"])
def test_a_table_edited_by_hand_is_stale(results, registry, suffix):
    path = results / "leaderboards" / f"digits@1.{suffix}"
    path.write_text(path.read_text().replace("hps+equal", "hps+better"))
    assert check(results, registry).stale == (path,)


@pytest.mark.parametrize("suffix", ["md", "csv"])
def test_a_missing_format_is_stale(results, registry, suffix):
    path = results / "leaderboards" / f"digits@1.{suffix}"
    path.unlink()
    assert check(results, registry).stale == (path,)


def test_the_remedy_mends_it(results, registry, capsys):
    import shlex

    change_a_record(results)
    checked = check(results, registry)
    program, *arguments = shlex.split(checked.remedy)
    assert program == "benchbed"
    assert call(capsys, *arguments)[0] == 0
    assert not check(results, registry).is_stale


def test_the_last_digits_of_numbers_may_differ_and_no_others():
    assert alike("a 0.12345678901234567 b", "a 0.12345678901234566 b")
    assert alike("1.2e-9", "1.2e-09")
    for one, two in (
        ("0.1234567", "0.1234568"),
        ("a 1", "b 1"),
        ("1 2", "1"),
        ("7e60072", "7e60073"),
        ("-1", "1"),
        ("181094842368", "181094842400"),
        ("-181094842368", "-181094842400"),
        ("181094842368", "181094842368.5"),
        ("1%", "1"),
    ):
        assert not alike(one, two), (one, two)


def test_a_table_knows_its_definition_and_reference(results, registry, digits):
    write(results, registry, digits, definition="flat", reference="hps+equal")
    checked = check(results, registry)
    assert not checked.is_stale
    assert "--delta-m flat --reference hps+equal" in checked.remedy


def test_a_table_knows_where_its_records_lie(results, registry, digits, tmp_path):
    other = tmp_path / "published" / "leaderboards"
    write(results, registry, digits, other)
    source = json.loads((other / "digits@1.json").read_text())["source"]
    assert source == {"records": "../../results", "reference": None}
    assert not check(tmp_path / "published", registry).is_stale
    change_a_record(results)
    assert check(tmp_path / "published", registry).is_stale


def test_a_suites_table_has_its_methods_only(results, registry, digits):
    (request,) = requests(registry, suite="digits")
    methods = suite_methods(request, digits, registry)
    plan = request.plan(registry, Settings(results), [0])
    assert set(methods) <= {method.name for method in plan.methods}
    fakes.fill(plan, results)
    fakes.fill(make_plan(digits, ["hps+gls"], registry, Settings(results), [0]), results)
    board = leaderboard_of(digits, registry, results, methods=methods)
    assert {row.method for row in board.rows} == {method.name for method in plan.methods}
    write(results, registry, digits)
    write(results, registry, digits, name="digits.digits@1", methods=methods)
    found = check_leaderboards(results, registry)
    assert [item.path.stem for item in found] == ["digits.digits@1", "digits@1"]
    assert not any(item.is_stale for item in found)
    later = make_plan(digits, ["hps+krum"], registry, Settings(results), [0])
    fakes.fill(later, results)
    stale = [item.path.stem for item in check_leaderboards(results, registry) if item.is_stale]
    assert stale == ["digits@1"]


def test_protocol_and_suite_choose(results, registry, digits):
    write(results, registry, digits, name="weightings.digits@1")
    folder = results / "leaderboards"
    for suffix in ("md", "csv", "json"):
        shutil.copy(folder / f"digits@1.{suffix}", folder / f"other@1.{suffix}")
    assert check(results, registry, suite="weightings").path.stem == "weightings.digits@1"
    names = [item.path.stem for item in check_leaderboards(results, registry, digits)]
    assert names == ["digits@1", "weightings.digits@1"]
    others = [item for item in check_leaderboards(results, registry) if item.path.stem == "other@1"]
    assert "no installed plugin brings" in others[0].reason


def test_a_protocol_given_as_a_file_is_checked_by_it(results, registry, digits, tmp_path, capsys):
    mine = tmp_path / "mine.toml"
    source = ROOT / "plugins" / "benchbed_zoo" / "protocols" / "digits-1.toml"
    mine.write_text(source.read_text().replace('name = "digits"', 'name = "mine"', 1))
    fakes.fill(
        make_plan(find_protocol(str(mine), registry), ["hps"], registry, Settings(results), [0]),
        results,
    )
    call(capsys, "report", mine, "--write", "--results", results)
    status, out, err = call(capsys, "report", mine, "--check", "--results", results)
    assert (status, out, err) == (0, "1 leaderboard checked, 0 stale.\n", "")
    (results / "leaderboards" / "mine@1.md").unlink()
    assert (
        f"Run `benchbed report {mine} "
        in call(capsys, "report", mine, "--check", "--results", results)[2]
    )
    status, out, err = call(capsys, "report", "--check", "--results", results)
    assert status == 1
    assert "name its file, as in `benchbed report FILE.toml --check`" in err


def test_no_leaderboard_is_wrong_use(results, registry, tmp_path):
    with pytest.raises(BenchbedError, match="There is no such leaderboard"):
        check_leaderboards(tmp_path, registry)
    with pytest.raises(BenchbedError, match=r"there: digits@1"):
        check_leaderboards(results, registry, suite="weightings")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"protocol": "digits@1"}'])
def test_a_table_that_does_not_say_how_it_was_made_is_stale(results, registry, content):
    (results / "leaderboards" / "digits@1.json").write_bytes(content)
    checked = check(results, registry)
    assert checked.is_stale
    assert "does not say how it was made" in str(checked)


def test_records_that_are_gone_are_said_to_be(results, registry):
    shutil.rmtree(results / "runs")
    assert "There are no records of digits@1" in check(results, registry).reason


def test_the_committed_leaderboards_are_not_stale(registry):
    found = check_leaderboards(ROOT / "results", registry)
    assert [str(item) for item in found if item.is_stale] == []


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code or 0, captured.out, captured.err


def test_the_command_ends_with_one_and_names_the_stale_file(results, capsys):
    status, out, err = call(capsys, "report", "--check", "--results", results)
    assert (status, out, err) == (0, "1 leaderboard checked, 0 stale.\n", "")
    change_a_record(results)
    status, out, err = call(capsys, "report", "digits", "--check", "--results", results)
    assert (status, out) == (1, "1 leaderboard checked, 1 stale.\n")
    assert str(results / "leaderboards" / "digits@1.json") in err


def test_wrong_combinations_are_wrong_use(capsys):
    assert call(capsys, "report")[0] == 2
    assert call(capsys, "report", "--check", "--write")[0] == 2
    assert call(capsys, "report", "--check", "--format", "md")[0] == 2


def test_a_suites_table_can_be_shown_and_written(results, capsys, registry):
    shown = ("report", "--suite", "weightings", "--results", results, "--format", "json")
    status, out, err = call(capsys, *shown, "--write")
    assert status == 0
    assert {row["method"] for row in json.loads(out)["rows"]} >= {"hps+equal", "hps+dwa"}
    assert "weightings.digits@1.json" in err
    assert not any(item.is_stale for item in check_leaderboards(results, registry))
    assert Store(results).records("digits", 1)[1] == []
