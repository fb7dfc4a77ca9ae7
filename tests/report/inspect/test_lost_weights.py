"""Weights that are not there: the commands that are named make them again."""

from __future__ import annotations

import dataclasses
import json
import shlex

import msgspec

from benchbed.records.record import run_key, seal
from benchbed.report.inspect import lost_weights
from benchbed.report.inspect.one_run import inspect_record
from benchbed.report.inspect.request import Request
from benchbed.report.inspect.several_runs import compare_records
from tests import fakes
from tests.report.inspect.helpers import SHORT, everything, is_drawn, requests_for, short_protocol


def test_without_weights_curves_are_drawn_and_the_command_is_named(copy, trained, tmp_path):
    path = copy("hps/mgda", weights=False)
    request = Request(path, tmp_path, protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert is_drawn(done.curves)
    assert done.panels is None
    assert done.exit_code == 0
    command = shlex.split(done.note.splitlines()[1])
    assert command[:5] == ["benchbed", "run", short_protocol(trained), "hps+mgda", "--seeds"]
    assert command[5] == "0,"
    assert f"the weights {path.with_suffix('.safetensors')} are not there" in done.note


def test_without_weights_and_protocol_the_command_says_which_file_is_wanted(copy, tmp_path):
    path = copy("hps/mgda", weights=False)
    note = inspect_record(Request(path, tmp_path), everything()).note
    assert "benchbed run FILE.toml hps+mgda --seeds 0, " in note
    assert f"FILE.toml is the file of digits@1, digest {SHORT.digest[:12]}." in note


def test_without_weights_a_protocol_of_another_digest_is_still_refused(copy, trained, tmp_path):
    path = copy("hps/mgda", weights=False)
    other = str(trained["hps/mgda"].parents[6] / "toy.toml")
    done = inspect_record(Request(path, tmp_path, protocol=other), everything())
    assert done.exit_code == 2
    assert "benchbed run" not in done.note


def test_a_registered_protocol_is_named_by_its_id(tmp_path, registry, monkeypatch):
    record = fakes.record()
    monkeypatch.setattr(lost_weights, "protocols", lambda registry: {fakes.TRIO.id: fakes.TRIO})
    path = tmp_path / f"{record.key}.json"
    path.write_bytes(msgspec.json.encode(record))
    note = inspect_record(Request(path, tmp_path), registry).note
    assert f"benchbed run trio@2 {record.method} --seeds {record.seed}, " in note
    assert "--protocol" not in note


def test_lost_weights_are_trained_once_a_method_and_drawn_by_one_command(copy, trained, tmp_path):
    names = ["single-task/holes", "hps/mgda", "single-task/parity"]
    lost = [copy(name, weights=False) for name in names]
    kept = trained["single-task/digit"]
    requests = requests_for([lost[0], kept, *lost[1:]], trained, tmp_path / "results")
    requests = [dataclasses.replace(r, output=tmp_path / "out") for r in requests]
    (note,) = compare_records(requests, everything()).notes
    *runs, look = (shlex.split(line) for line in note.splitlines()[1:])
    again = tmp_path / "results" / "inspect" / "again"
    protocol = short_protocol(trained)
    assert runs == [
        shlex.split(f"benchbed run {protocol} {method} --seeds 0, --no-measure --results {again}")
        for method in ("single-task", "hps+mgda")
    ]
    below = again / "runs/digits/1"
    holes, mgda, parity = (
        str(below / name / path.name) for name, path in zip(names, lost, strict=True)
    )
    assert look == [
        *("benchbed", "inspect", holes, str(kept), mgda, parity, "--protocol", protocol),
        *("--samples", "2", "--results", str(tmp_path / "results")),
        *("--output", str(tmp_path / "out")),
    ]


def test_files_that_runs_began_with_are_told_apart(registry, monkeypatch, tmp_path):
    monkeypatch.setattr(lost_weights, "protocols", lambda registry: {fakes.TRIO.id: fakes.TRIO})
    paths = []
    for seed, pretrained in enumerate(("1" * 64, "2" * 64, "1" * 64)):
        record = msgspec.structs.replace(fakes.record(), seed=seed, pretrained=pretrained)
        key = run_key(
            record.protocol_digest,
            record.components,
            record.data_digest,
            seed,
            record.tasks,
            record.engine,
            pretrained,
        )
        paths.append(tmp_path / f"{key}.json")
        sealed = seal(msgspec.structs.replace(record, key=key))
        paths[-1].write_bytes(msgspec.json.encode(sealed))
    (note,) = compare_records([Request(path, tmp_path) for path in paths], registry).notes
    runs = [shlex.split(line) for line in note.splitlines()[1:4]]
    assert [run[run.index("--pretrained") + 1] for run in runs] == [
        "FILE1.safetensors",
        "FILE2.safetensors",
        "FILE1.safetensors",
    ]
    assert "FILE1.safetensors is the file of SHA-256 111111111111 that training began" in note
    assert "FILE2.safetensors is the file of SHA-256 222222222222 that training began" in note


def test_the_printed_commands_make_lost_weights_again(bench):
    assert bench("run", "toy.toml", "toy-net", "--seeds", "2,", "--no-measure").returncode == 0
    (path,) = bench.folder.glob("results/runs/toy/1/toy-net/*/*.json")
    path.with_suffix(".safetensors").unlink()

    lost = bench("inspect", path.stem[:8], "--protocol", "toy.toml", "--json")
    assert lost.returncode == 0, lost.stderr
    facts = json.loads(lost.stdout)
    assert facts["panels"] is None
    assert facts["seed"] == 2
    assert (bench.folder / facts["curves"]).exists()
    assert lost.stderr == f"Note: {facts['note']}\n"

    for line in facts["note"].splitlines()[1:]:
        done = bench(*shlex.split(line)[1:])
        assert done.returncode == 0, done.stderr
    figures = [bench.folder / line for line in done.stdout.splitlines()]
    assert [figure.name for figure in figures] == ["panels.png", "curves.png"]
    assert all(map(is_drawn, figures))


def test_the_printed_commands_make_a_lost_comparison_again(bench):
    assert bench("run", "toy.toml", "toy-net", "--seeds", "2", "--no-measure").returncode == 0
    paths = sorted(bench.folder.glob("results/runs/toy/1/toy-net/*/*.json"))
    keys = [path.stem for path in paths]
    for path in paths:
        path.with_suffix(".safetensors").unlink()

    lost = bench("inspect", *keys, "--protocol", "toy.toml", "--json")
    assert lost.returncode == 0
    for line in json.loads(lost.stdout)["notes"][0].splitlines()[1:]:
        done = bench(*shlex.split(line)[1:])
        assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    figures = [bench.folder / line for line in done.stdout.splitlines()]
    assert [figure.name for figure in figures] == ["comparison.png", "curves.png"]
    assert all(map(is_drawn, figures))
