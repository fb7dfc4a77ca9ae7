"""``benchbed report``: pairs, several protocols, figures, and what every output states."""

from __future__ import annotations

import io
import json

import msgspec
import pandas as pd
import pytest

from benchbed.cli import main
from benchbed.contracts.protocol import Protocol, parse_protocol
from benchbed.discovery.registry import FileEntry
from benchbed.records.cost_sum import MAC_CONVENTION
from benchbed.records.store import Store
from benchbed.report.formats.json import to_json
from benchbed.report.leaderboard import build_leaderboard
from benchbed.report.side_tables import across, across_json, pairs_json
from tests.fakes import SCORES, failure, put, record, scaled, single

PROTOCOL = """
name = "{name}"
version = 2
epochs = 3
batch_size = 8
seeds = [0, 1]
backbone = "conv-small"
[data]
dataset = "{dataset}"
[tasks.seg]
task = "segmentation"
[tasks.depth]
task = "regression"
[tasks.parts]
task = "segmentation"
[optimizer]
name = "adam"
lr = 0.01
[selection]
rule = "best-validation"
"""
METHODS = ["single-task", "hps+equal", "hps+dwa", "hps+mgda"]


@pytest.fixture
def suite(tmp_path, registry, monkeypatch):
    """Register protocols on the given data sets and the suite ``all`` of them; return these."""

    def make(*datasets: str) -> list[Protocol]:
        found = []
        for n, dataset in enumerate(datasets):
            text = PROTOCOL.format(name=f"made-{n}", dataset=dataset)
            path = tmp_path / f"made-{n}.toml"
            path.write_text(text)
            registry.files.append(FileEntry("protocol", path, "made"))
            found.append(parse_protocol(text, f"made-{n}"))
        path = tmp_path / "all.toml"
        names = [protocol.name for protocol in found]
        path.write_text(f'name = "all"\nprotocols = {names}\nmethods = {METHODS}\n')
        registry.files.append(FileEntry("suite", path, "made"))
        return found

    monkeypatch.setattr("benchbed.cli.report_command.open_registry", lambda **_: registry)
    return make


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def call(capsys, store, monkeypatch):
    """Run ``benchbed report``; return its status, output and errors."""
    monkeypatch.setenv("COLUMNS", "80")

    def report(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["report", *map(str, arguments), "--results", str(store.root)])
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return report


def uneven(factor: float) -> dict[str, dict[str, float]]:
    """Scores of which only the segmentation is scaled, so that Δm moves with the factor."""
    return SCORES | {"seg": scaled(factor)["seg"]}


FACTORS = {
    "hps+equal": (1.2, 1.22, 1.18),
    "hps+dwa": (1.19, 1.17, 1.23),
    "hps+mgda": (0.8, 0.81, 0.79),
}


def fill(store: Store, protocol: Protocol, skip: str = "") -> None:
    """Three seeds of every method; the first two are tied, and surely better than the last."""
    for seed in range(3):
        put(store, *single(seed, uneven(1 + seed / 1000), protocol=protocol))
        for method, factors in FACTORS.items():
            if method != skip:
                put(store, record(method, seed, uneven(factors[seed]), protocol=protocol))


def words(text: str) -> str:
    """The text without line breaks, which depend on the width."""
    return " ".join(text.split())


# Pairs ------------------------------------------------------------------------------------------


def test_pairs_on_a_terminal_are_those_told_apart_within_80_columns(suite, store, call):
    (protocol,) = suite("one")
    fill(store, protocol)
    status, out, _ = call("made-0", "--pairs")
    pairs = pairs_json(build_leaderboard(protocol, store))
    apart = sum(pair["better"] is not None for pair in pairs)
    assert status == 0
    assert 0 < apart < len(pairs) == 6
    assert f"Of 6 pairs, {apart} are told apart at 5 % after Holm's correction" in words(out)
    assert any(line.split()[:2] == ["hps+equal", "hps+mgda"] for line in out.splitlines())
    assert max(map(len, out.splitlines())) <= 80


def test_pairs_in_markdown_follow_the_table(suite, store, call):
    (protocol,) = suite("one")
    fill(store, protocol)
    _, out, _ = call("made-0", "--pairs", "--format", "md")
    table, _, pairs = out.partition("\n## Pairs of methods\n")
    assert "| hps+equal" in table
    assert "| better" in pairs
    assert any("hps+equal" in line and "hps+mgda" in line for line in pairs.splitlines())
    assert "after Holm's correction" in pairs


def test_pairs_in_json_stand_in_the_leaderboard(suite, store, call):
    (protocol,) = suite("one")
    fill(store, protocol)
    _, out, _ = call("made-0", "--pairs", "--format", "json")
    plain = json.loads(out)
    board = build_leaderboard(protocol, store)
    assert plain == json.loads(to_json(board)) | {"pairs": pairs_json(board)}


def test_pairs_as_csv_are_the_pairs_alone(suite, store, call):
    (protocol,) = suite("one")
    fill(store, protocol)
    _, out, _ = call("made-0", "--pairs", "--format", "csv")
    read = pd.read_csv(io.StringIO(out))
    expected = pd.DataFrame(pairs_json(build_leaderboard(protocol, store)))
    pd.testing.assert_frame_equal(read[expected.columns], expected, check_dtype=False)


# Several protocols ------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["terminal", "md"])
def test_several_protocols_have_a_table_each_and_one_over_all(suite, store, call, style):
    for protocol in suite("one", "two"):
        fill(store, protocol)
    status, out, _ = call("--suite", "all", "--notes", "--format", style)
    assert status == 0
    for name in ("made-0@2", "made-1@2"):
        assert f"Protocol {name}, digest" in words(out)
    assert "Over made-0@2, made-1@2, by Δm; each protocol weighs the same." in words(out)
    assert "No critical difference: it needs at least 10 data sets, here are 2" in words(out)
    last = out[out.index("mean rank") :]
    assert all(method in last for method in METHODS)
    assert "Left out" not in last


def test_several_protocols_in_json_are_leaderboards_and_a_comparison(suite, store, call):
    protocols = suite("one", "two")
    for protocol in protocols:
        fill(store, protocol)
    _, out, _ = call("--suite", "all", "--format", "json")
    plain = json.loads(out)
    boards = [build_leaderboard(protocol, store) for protocol in protocols]
    assert plain["leaderboards"] == [json.loads(to_json(board)) for board in boards]
    assert plain["across"] == json.loads(json.dumps(across_json(across(boards))))
    assert plain["across"]["critical"] is None


@pytest.mark.parametrize("style", ["terminal", "md", "json"])
def test_a_method_that_a_protocol_lacks_is_named_and_not_compared(suite, store, call, style):
    one, two = suite("one", "two")
    fill(store, one)
    fill(store, two, skip="hps+dwa")
    put(store, failure("hps+dwa", 0, protocol=two))
    _, out, _ = call("--suite", "all", "--format", style)
    if style == "json":
        found = json.loads(out)["across"]
        assert found["left_out"] == {"hps+dwa": ["made-1@2"]}
        assert "hps+dwa" not in found["mean_ranks"]
        return
    assert "Left out: hps+dwa, which made-1@2 lacks." in words(out)
    assert "1 failed, 2 missing" in words(out)


def test_ten_data_sets_have_a_critical_difference(suite, store, call, tmp_path):
    for protocol in suite(*(f"data-{n}" for n in range(10))):
        fill(store, protocol)
    status, out, err = call("--suite", "all", "--plots", tmp_path / "figures")
    assert status == 0
    assert "Critical difference of mean ranks 1.48 (Friedman, Nemenyi; 10 data sets" in words(out)
    assert "No critical difference" not in out + err
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"profiles.png", "critical-difference.png"}


def test_plots_below_ten_data_sets_are_the_profiles_and_a_sentence(suite, store, call, tmp_path):
    for protocol in suite("one", "two"):
        fill(store, protocol)
    status, out, err = call("--suite", "all", "--plots", tmp_path / "figures")
    (path,) = (tmp_path / "figures").iterdir()
    assert status == 0
    assert path.name == "profiles.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert f"{words(out)} {words(err)}".count("No critical difference") == 1
    assert str(path) in err


# What every output states -----------------------------------------------------------------------


@pytest.mark.parametrize("style", ["terminal", "md"])
def test_tables_state_how_they_came_about(suite, store, call, style):
    (protocol,) = suite("one")
    fill(store, protocol)
    text = words(call("made-0", "--notes", "--format", style, "--delta-m", "flat")[1])
    for statement in (
        f"Protocol made-0@2, digest {protocol.digest[:12]}.",
        "Model selection: best validation loss.",
        "Δm: mean over all metrics of all tasks, against single-task; positive is better.",
        "Seeds for each method: 3.",
        "Budget: 3 epochs",
        f"MACs: {MAC_CONVENTION}.",
    ):
        assert statement in text
    assert "reproduced." in text[text.index("Trust tier") :]


def test_json_states_how_it_came_about(suite, store, call):
    (protocol,) = suite("one")
    fill(store, protocol)
    plain = json.loads(call("made-0", "--format", "json", "--delta-m", "flat")[1])
    assert (plain["protocol"], plain["digest"]) == ("made-0@2", protocol.digest)
    assert plain["selection"] == "best validation loss"
    assert plain["delta_m"] == {
        "definition": "flat",
        "positive_is": "better",
        "baseline": "single-task",
    }
    assert plain["macs"] == MAC_CONVENTION
    for row in plain["rows"]:
        assert (row["seeds"], row["tier"]) == (3, "reproduced")
        budget = (270, 36) if row["method"] == "single-task" else (90, 12)
        assert (row["samples"], row["optimizer_steps"]) == budget


def test_csv_states_seeds_budget_and_tier_of_each_row(suite, store, call):
    (protocol,) = suite("one")
    fill(store, protocol)
    read = pd.read_csv(io.StringIO(call("made-0", "--format", "csv")[1])).set_index("method")
    assert set(read["seeds"]) == {3}
    assert set(read["tier"]) == {"reproduced"}
    assert read["samples"].to_dict() == dict.fromkeys(METHODS, 90) | {"single-task": 270}


@pytest.mark.parametrize("style", ["terminal", "md", "json", "csv"])
def test_failed_and_missing_runs_are_visible_and_not_averaged(suite, store, call, style):
    (protocol,) = suite("one")
    fill(store, protocol, skip="hps+dwa")
    put(store, record("hps+dwa", 0, uneven(1.1), protocol=protocol))
    put(store, failure("hps+dwa", 1, protocol=protocol))
    _, out, _ = call("made-0", "--notes", "--format", style)
    if style == "json":
        (row,) = [row for row in json.loads(out)["rows"] if row["method"] == "hps+dwa"]
        assert (row["seeds"], row["failed"], row["missing"]) == (1, 1, 1)
        assert row["tasks"]["seg"]["miou"]["mean"] == pytest.approx(0.55)
        assert row["delta_m"]["low"] is row["rank"] is None
    elif style == "csv":
        row = pd.read_csv(io.StringIO(out)).set_index("method").loc["hps+dwa"]
        assert tuple(row[["seeds", "failed", "missing"]]) == (1, 1, 1)
        assert row["seg/miou"] == pytest.approx(0.55)
        assert row[["delta_m % low", "rank"]].isna().all()
    else:
        assert "1, 1 failed, 1 missing" in words(out)
        assert "No interval and no rank, for lack of seeds: hps+dwa." in words(out)


@pytest.mark.parametrize("style", ["terminal", "md", "json", "csv"])
def test_records_of_another_digest_never_enter_the_table(suite, store, call, style):
    (protocol,) = suite("one")
    fill(store, protocol)
    before = call("made-0", "--notes", "--format", style)[1]
    longer = msgspec.structs.replace(protocol, epochs=protocol.epochs + 1)
    assert longer.digest != protocol.digest
    put(store, record("hps+equal", 3, uneven(1.9), protocol=longer))
    put(store, failure("hps+mgda", 4, protocol=longer))
    after = call("made-0", "--notes", "--format", style)[1]
    note = "Left out 1 record made under another definition of made-0@2 (its digest differs)."
    if style == "json":
        assert json.loads(after) == json.loads(before) | {"notes": [note]}
    elif style == "csv":
        assert after == before
    else:
        after = words(after)
        assert note in after
        for text in (f"- {note}", note):  # as a list, and as a line
            after = after.replace(text, "")
        assert words(after) == words(before)
