"""Quick tries, several suites, suites from files, and scores of the validation split."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import benchbed
from benchbed.cli import main
from benchbed.contracts.derived import derive
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.record import decode_record
from benchbed.records.store import Store
from benchbed.records.tries import keep_try, read_tries
from tests import fakes

TRY = ("--set", "optimizer.lr=1e-2", "--set", "epochs=2", "--subset", "0.1")


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def fill(protocol, registry, results, methods=("hps+dwa",), seeds=(0,)) -> None:
    fakes.fill(make_plan(protocol, methods, registry, Settings(results), seeds), results)


# Tries ------------------------------------------------------------------------------------------


def test_a_try_trains_under_a_protocol_of_its_own(bench):
    mini = fakes.write_mini(bench.folder, seeds=[0])
    assert bench("run", mini.name, "hps+equal", "--no-measure").returncode == 0
    official = {path: path.read_bytes() for path in (bench.folder / "results").rglob("*mini@1*")}
    done = bench("run", mini.name, "hps+equal", "--no-measure", *TRY)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "mini@1 with optimizer.lr=0.01, epochs=2, data.share=0.1" in text
    for path, content in official.items():
        assert path.read_bytes() == content
    (name,) = set(re.findall(r"mini-try-[0-9a-f]{8}", done.stdout))
    records = list((bench.folder / "results" / "runs" / name / "1").rglob("hps/**/*.json"))
    record = decode_record(records[0].read_bytes())
    assert record.protocol == f"{name}@1"
    # a tenth of the 1078 training samples, twice
    assert record.budget.samples == 2 * 108
    # later its name is enough
    report = bench("report", name, "--format", "json")
    assert json.loads(report.stdout)["protocol"] == f"{name}@1"
    again = bench("run", mini.name, "hps+equal", "--no-measure", *TRY)
    assert "3 cached, 0 to train" in again.stderr
    assert bench("report", "--check").returncode == 1  # of mini, which no plugin brings
    assert bench("report", name, "--check").returncode == 0


def test_records_of_a_try_are_drawn_loaded_and_verified_by_what_the_results_keep(bench):
    words = ("--set", "epochs=1", "--seeds", "1", "--no-measure")
    assert bench("run", "digits", "hps", *words).returncode == 0
    (path,) = bench.folder.glob("results/runs/*/1/hps/equal/*.json")
    drawn = bench("inspect", path.stem[:8], "--samples", "1")
    assert [Path(line).name for line in drawn.stdout.splitlines()] == ["panels.png", "curves.png"]
    verified = bench("verify", path.stem[:8])
    assert verified.returncode == 0, verified.stderr
    model = benchbed.load(path, results=bench.folder / "results")
    assert model.evaluate("test") == model.record.test

    path.with_suffix(".safetensors").unlink()
    lost = bench("inspect", path.stem[:8])
    commands = lost.stderr.splitlines()[1:]
    assert f"results/protocols/{path.parents[3].name}@1.toml" in commands[0]
    for line in commands:
        assert bench(*shlex.split(line)[1:]).returncode == 0


def test_a_plan_tells_what_is_tried(call):
    status, out, _ = call("plan", "digits", "hps+dwa", *TRY)
    assert status == 0
    assert re.match(r"digits-try-[0-9a-f]{8}@1 \(digest", out)
    assert "digits@1 with optimizer.lr=0.01, epochs=2, data.share=0.1" in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--set", "optimizer.lrr=1"), "Did you mean 'lr'?"),
        (("--set", "epochs"), "must look like optimizer.lr=0.01"),
        (("--subset", "0"), "'data.share' is wrong"),
        (("--subset", "2"), "'data.share' is wrong"),
        (
            ("--set", "batch_size=500", "--set", "drop_last=true", "--subset", "0.1"),
            "no batch is left",
        ),
    ],
)
def test_a_try_that_makes_no_sense_is_refused(call, tmp_path, options, words):
    status, out, err = call("run", "digits", "hps+dwa", *options)
    assert (status, out) == (2, "")
    assert words in err
    assert not (tmp_path / "results").exists()


def test_a_report_of_a_try_is_named_by_its_changes(call, registry, tmp_path):
    digits = find_protocol("digits", registry)
    tried = derive(digits, {"epochs": 3})
    fill(digits, registry, tmp_path / "results")
    fill(tried, registry, tmp_path / "results")
    status, out, _ = call("report", "digits", "--set", "epochs=3", "--format", "json")
    assert status == 0
    assert json.loads(out)["protocol"] == tried.id
    assert json.loads(call("report", "digits", "--format", "json")[1])["protocol"] == "digits@1"


def test_a_protocol_is_derived_and_shown_as_a_file(call, tmp_path):
    status, text, _ = call("protocol", "derive", "digits", "mine", "--set", "epochs=40")
    assert status == 0
    (tmp_path / "mine.toml").write_text(text)
    shown = call("protocol", "diff", "digits", "mine.toml")[1]
    assert "epochs: 20 → 40" in shown
    (tmp_path / "same.toml").write_text(call("protocol", "show", "digits", "--format", "toml")[1])
    assert "do not differ" in call("protocol", "diff", "digits", "same.toml")[1]


def test_a_share_of_the_training_split_is_the_same_in_every_run(registry, tmp_path):
    from benchbed.engine.session import build_session

    digits = find_protocol("digits", registry)
    inputs = {}
    for share in (0.1, 0.2):
        tried = derive(digits, {"data.share": share})
        for seed in (0, 1):
            session = build_session(fakes.one_job(tried, "hps", registry, tmp_path, seed))
            split = session.split("train")
            batch = split.batch(np.arange(len(split)))
            inputs.setdefault(share, []).append({bytes(x.numpy()) for x in batch.input})
            assert len(session.split("validation")) == len(
                build_session(fakes.one_job(digits, "hps", registry, tmp_path)).split("validation")
            )
    assert inputs[0.1][0] == inputs[0.1][1]
    assert inputs[0.1][0] < inputs[0.2][0]


# Suites -----------------------------------------------------------------------------------------


def test_several_suites_and_suites_from_files(call, tmp_path):
    sweep = tmp_path / "sweep.toml"
    sweep.write_text('name = "s"\nprotocols = ["digits"]\nmethods = ["hps+dwa:T={1,5}"]\n')
    status, out, _ = call("plan", "--suite", "digits", "--suite", "sweep.toml")
    assert status == 0
    assert out.count("digits@1 (digest") == 2
    for part in ("hps+mgda", "hps+dwa:T=1", "hps+dwa:T=5"):
        assert part in out


def test_a_suite_from_a_file_shows_its_methods_and_writes_no_table_of_its_name(
    call, registry, tmp_path
):
    digits = find_protocol("digits", registry)
    fill(digits, registry, tmp_path / "results", ["hps+dwa:T=1", "hps+dwa:T=5", "hps+mgda"])
    (tmp_path / "sweep.toml").write_text(
        'name = "digits"\nprotocols = ["digits"]\nmethods = ["hps+dwa:T={1,5}"]\n'
    )
    status, out, _ = call("report", "--suite", "sweep.toml", "--format", "json")
    assert status == 0
    found = {row["method"] for row in json.loads(out)["rows"]}
    assert found == {"single-task", "hps+dwa:T=1", "hps+dwa:T=5"}
    status, _, err = call("report", "--suite", "sweep.toml", "--write")
    assert status == 2
    assert "Tables are written of installed suites" in err
    assert call("run", "--suite", "sweep.toml", "--seeds", "1", "--no-measure")[0] == 0
    written = {path.name for path in (tmp_path / "results" / "leaderboards").iterdir()}
    assert written == {f"digits@1.{suffix}" for suffix in ("md", "csv", "json")}


# Validation -------------------------------------------------------------------------------------


def test_a_report_of_the_validation_split_has_its_scores(call, registry, tmp_path):
    digits, results = find_protocol("digits", registry), tmp_path / "results"
    store = Store(results)
    for run in make_plan(digits, ["hps+dwa"], registry, Settings(results), [0, 1]).runs:
        scores = {task: {"accuracy": 0.25} for task in run.job.tasks}
        record = fakes.record_of_job(run.job, 0.5, validation=scores)
        store.write("runs", run.job.place, record)
    status, out, _ = call("report", "digits", "--split", "validation", "--format", "json")
    assert status == 0
    table = json.loads(out)
    assert table["split"] == "validation"
    assert table["rows"][0]["tasks"]["digit"]["accuracy"]["mean"] == 0.25
    assert "split" not in json.loads(call("report", "digits", "--format", "json")[1])
    text = " ".join(call("report", "digits", "--split", "validation")[1].split())
    assert "2 seeds, validation split; model:" in text
    csv = call("report", "digits", "--split", "validation", "--format", "csv")[1]
    assert csv.splitlines()[0].endswith(",split")


def test_no_leaderboard_is_written_of_the_validation_split(call, registry, tmp_path):
    fill(find_protocol("digits", registry), registry, tmp_path / "results")
    status, _, err = call("report", "digits", "--split", "validation", "--write")
    assert status == 2
    assert "Leaderboards are of the test split" in err


def test_where_selection_is_on_the_test_split_there_is_no_other(call, registry, tmp_path):
    digits = find_protocol("digits", registry)
    selected = derive(
        digits,
        {"selection": {"rule": "paper-selection"}, "data.validation": digits.data.test},
        "selected",
    )
    fill(selected, registry, tmp_path / "results")
    from benchbed.contracts.derived import to_toml

    Path("selected.toml").write_text(to_toml(selected))
    status, _, err = call("report", "selected.toml", "--split", "validation")
    assert status == 2
    assert "selects on the test split itself" in err


def test_protocols_that_are_links_pipes_or_rubbish_are_passed_over(tmp_path, registry):
    digits = find_protocol("digits", registry)
    tried = derive(digits, {"epochs": 3})
    path = keep_try(tried, tmp_path)
    assert read_tries(tmp_path) == {tried.id: tried}
    os.mkfifo(path.with_name("pipe.toml"))
    path.with_name("bytes.toml").write_bytes(b"\xff\xfe")
    path.with_name("other.toml").write_bytes(path.read_bytes())
    path.with_name("link.toml").symlink_to(path)
    assert read_tries(tmp_path) == {tried.id: tried}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "protocols").symlink_to(path.parent)
    assert read_tries(elsewhere) == {}
