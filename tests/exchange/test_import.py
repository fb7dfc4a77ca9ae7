"""Taking others' records: each to its own place, none lost, and in any order with the same end."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from benchbed.basics.errors import StoreError
from benchbed.cli import main
from benchbed.exchange.importing import import_records
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.record import MetricInfo, run_key, seal
from benchbed.records.store import Store
from benchbed.records.verification import tier_of
from benchbed.report.leaderboard import build_leaderboard
from tests import fakes
from tests.conftest import ROOT

RECORD = seal(fakes.record())
OTHER = seal(fakes.record("hps+mgda", seed=1))


def rerun(factor: float = 1.1):
    """Another run with the key of RECORD, as of another machine."""
    return seal(msgspec.structs.replace(RECORD, test=fakes.scaled(factor), content=""))


@pytest.fixture
def theirs(tmp_path):
    return Store(tmp_path / "theirs")


@pytest.fixture
def ours(tmp_path):
    return Store(tmp_path / "ours")


@pytest.fixture
def take(registry, theirs, ours):
    """Import their records into ours; return the statuses and notes by run key or name."""

    def call(source: Path | None = None, **options) -> dict[str, tuple[str, str]]:
        items = import_records(source or theirs.root, ours, registry, **options)
        return {item.path.stem: (item.status, item.note) for item in items}

    return call


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def runs(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in files(folder).items() if name.startswith("runs/")}


NOT_INSTALLED = "no installed plugin brings trio@2"


def test_records_come_to_their_own_place_byte_for_byte(take, theirs, ours):
    fakes.put(theirs, RECORD, OTHER)
    assert take() == dict.fromkeys([RECORD.key, OTHER.key], ("taken", NOT_INSTALLED))
    assert runs(ours.root) == files(theirs.root)
    assert ours.records("trio", 2) == theirs.records("trio", 2)


def test_a_second_time_changes_nothing(take, theirs, ours):
    fakes.put(theirs, RECORD)
    take()
    before = files(ours.root)
    assert take() == {RECORD.key: ("there already", NOT_INSTALLED)}
    assert files(ours.root) == before


def test_only_the_runs_of_a_results_folder_are_read(take, theirs):
    fakes.put(theirs, RECORD, fakes.failure(), fakes.measurement())
    (theirs.root / "leaderboards").mkdir()
    (theirs.root / "leaderboards" / "trio@2.json").write_text("{}")
    assert list(take()) == [RECORD.key]


def test_a_record_of_any_file_name_comes_to_its_own_place_with_its_numbers(take, tmp_path, ours):
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "record (1).json").write_bytes(msgspec.json.encode(RECORD))
    assert take(downloads)["record (1)"][0] == "taken"
    assert ours.find(fakes.place_of(RECORD), RECORD.key) == RECORD


def test_hidden_and_superseded_files_are_passed_over(take, theirs):
    (path,) = fakes.put(theirs, RECORD)
    path.with_name(f"{RECORD.key}.superseded-1.json").write_bytes(b"{}")
    path.with_name(".hidden.json").write_bytes(b"{}")
    assert list(take()) == [RECORD.key]


def test_of_two_runs_of_one_key_ours_stays_and_theirs_is_kept_apart(take, theirs, ours):
    (path,) = fakes.put(ours, RECORD)
    before = path.read_bytes()
    fakes.put(theirs, rerun())
    status, note = take()[RECORD.key]
    assert status == "kept apart"
    assert note.startswith("ours of this run key stays; test metrics differ by up to 0.08;")
    assert path.read_bytes() == before
    (apart,) = (ours.root / "conflicts").rglob("*.json")
    assert msgspec.json.decode(apart.read_bytes(), type=type(RECORD)) == rerun()
    assert ours.records("trio", 2) == ([RECORD], [])
    take()
    assert len(list((ours.root / "conflicts").rglob("*.json"))) == 1


def test_theirs_takes_the_place_of_a_damaged_record_which_is_kept(take, theirs, ours):
    (path,) = fakes.put(ours, RECORD)
    path.write_bytes(path.read_bytes()[:99])
    fakes.put(theirs, RECORD)
    status, note = take()[RECORD.key]
    assert status == "taken"
    assert note.startswith("instead of ours, which does not count (damaged")
    assert ours.records("trio", 2) == ([RECORD], [])
    assert path.with_name(f"{RECORD.key}.superseded-1.json").stat().st_size == 99


def test_folders_merge_to_the_same_in_any_order(tmp_path, registry):
    records = [seal(fakes.record(seed=seed)) for seed in range(4)]
    sources = [Store(tmp_path / f"source {n}") for n in range(3)]
    for n, source in enumerate(sources):
        fakes.put(source, records[n], records[n + 1])
    ends = []
    for n, order in enumerate(permutations(sources)):
        merged = Store(tmp_path / f"merged {n}")
        for source in order:
            import_records(source.root, merged, registry)
        ends.append(files(merged.root))
    assert all(end == ends[0] for end in ends)
    assert len(runs(merged.root)) == 4
    assert len(ends[0]) == 8  # beside each, that it was imported


def test_a_record_that_calls_itself_verified_counts_as_reproduced(take, theirs, ours):
    boast = seal(msgspec.structs.replace(RECORD, tier="verified"))
    fakes.put(theirs, boast)
    take()
    assert ours.records("trio", 2)[0] == [boast]
    assert tier_of(boast, ours) == "reproduced"


def test_a_record_without_a_digest_is_taken_and_said_to_have_none(take, theirs, ours):
    fakes.put(theirs, fakes.record())
    status, note = take()[RECORD.key]
    assert status == "taken"
    assert note.startswith("it has no digest of its content")
    theirs.root.rename(theirs.root.with_name("old"))
    fakes.put(theirs, RECORD)
    assert take()[RECORD.key][0] == "there already"


def test_a_dry_run_says_the_same_and_writes_nothing(take, theirs, ours):
    fakes.put(theirs, RECORD, OTHER)
    dry = take(dry_run=True)
    assert not ours.root.exists()
    assert dry == take()


ACCURACIES = {
    "accuracy": MetricInfo(higher_is_better=True, primary=True, percent=True),
    "macro_accuracy": MetricInfo(higher_is_better=True, percent=True),
}
"""Of each task of digits@1."""
DIGITS = ("digit", "holes", "parity")


def of_digits(registry, results: Path, **changes):
    """A made-up record of a job of an installed protocol."""
    from benchbed.discovery.catalogue import find_protocol

    digits = find_protocol("digits", registry)
    job = make_plan(digits, ["hps"], registry, Settings(results), [0]).runs[-1].job
    scores = dict.fromkeys(job.tasks, dict.fromkeys(ACCURACIES, 0.5))
    fields = {"metrics": dict.fromkeys(job.tasks, ACCURACIES), "test": scores, **changes}
    return seal(fakes.record_of_job(job, **fields))


def test_a_record_of_an_installed_protocol_is_held_against_it(take, theirs, registry):
    record = of_digits(registry, theirs.root)
    theirs.write("runs", fakes.place_of(record), record)
    assert take() == {record.key: ("taken", "")}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"selection": "last epoch"}, "altered (selection: not those of digits@1)"),
        (
            {"budget": fakes.Budget(999, 12, 90, 10.0)},
            "altered (epochs: not those of digits@1)",
        ),
    ],
)
def test_what_is_not_of_its_protocol_is_refused(take, theirs, registry, changes, reason):
    record = of_digits(registry, theirs.root, **changes)
    theirs.write("runs", fakes.place_of(record), record)
    assert take() == {record.key: ("refused", reason)}


def test_a_record_of_another_definition_of_an_installed_protocol_is_refused(take, theirs, registry):
    from benchbed.discovery.catalogue import find_protocol

    digits = find_protocol("digits", registry)
    other = msgspec.structs.replace(digits, epochs=digits.epochs + 1)
    job = make_plan(other, ["hps"], registry, Settings(theirs.root), [0]).runs[-1].job
    record = seal(fakes.record_of_job(job))
    theirs.write("runs", job.place, record)
    reason = "made under another definition of digits@1 (its digest differs)"
    assert take() == {record.key: ("refused", reason)}


def with_infos(**infos: MetricInfo) -> dict[str, object]:
    """Changes of a record of digits: what its first task says of its metrics."""
    first, *rest = DIGITS
    names = {**ACCURACIES, **infos}
    return {
        "metrics": {first: names, **dict.fromkeys(rest, ACCURACIES)},
        "test": {
            first: dict.fromkeys(names, 0.5),
            **dict.fromkeys(rest, dict.fromkeys(ACCURACIES, 0.5)),
        },
    }


OTHER_METRICS = {
    "direction": with_infos(macro_accuracy=MetricInfo(higher_is_better=False)),
    "rank": with_infos(macro_accuracy=MetricInfo(higher_is_better=True, primary=True)),
    "percent": with_infos(macro_accuracy=MetricInfo(higher_is_better=True)),
    "called a detail": with_infos(
        macro_accuracy=MetricInfo(higher_is_better=True, percent=True, detail=True)
    ),
    "a metric more": with_infos(f1=MetricInfo(higher_is_better=True)),
    "metrics fewer": {
        "metrics": {t: {"accuracy": ACCURACIES["accuracy"]} for t in DIGITS},
        "test": {t: {"accuracy": 0.5} for t in DIGITS},
    },
}


@pytest.mark.parametrize("name", OTHER_METRICS)
def test_metrics_are_those_of_the_installed_task(take, theirs, registry, name):
    record = of_digits(registry, theirs.root, **OTHER_METRICS[name])
    theirs.write("runs", fakes.place_of(record), record)
    reason = "task 'digit' has other metrics, or metrics of another direction or kind"
    assert take() == {record.key: ("refused", reason)}


def test_a_detail_that_was_left_out_where_empty_is_no_other_metric(take, theirs, registry):
    record = of_digits(
        registry, theirs.root, **with_infos(x=MetricInfo(higher_is_better=True, detail=True))
    )
    theirs.write("runs", fakes.place_of(record), record)
    assert take() == {record.key: ("taken", "")}


def test_a_record_of_another_plugin_version_than_the_installed_is_refused(take, theirs, registry):
    record = of_digits(registry, theirs.root)
    newer = [msgspec.structs.replace(c, version="9.0") for c in record.components[:1]]
    components = [*newer, *record.components[1:]]
    key = run_key(record.protocol_digest, components, record.data_digest, record.seed, record.tasks)
    record = seal(msgspec.structs.replace(record, key=key, components=components, content=""))
    theirs.write("runs", fakes.place_of(record), record)
    status, reason = take()[record.key]
    assert status == "refused"
    assert reason.startswith("made by architecture hps 9.0, where ")


def test_a_record_of_other_data_than_ours_is_refused(take, theirs, ours):
    fakes.put(ours, RECORD)
    odd = seal(fakes.record(seed=1, data_digest="data 2", finished="2026-06-01T00:00:00Z"))
    fakes.put(theirs, OTHER, odd)
    found = take()
    assert found[OTHER.key][0] == "taken"
    assert found[odd.key] == ("refused", "made from other data than our records of trio@2")


def test_a_record_of_other_metrics_than_ours_is_refused(take, theirs, ours):
    fakes.put(ours, RECORD)
    turned = {**fakes.METRICS["depth"], "rel": MetricInfo(higher_is_better=True)}
    odd = seal(fakes.record(seed=1, metrics={**fakes.METRICS, "depth": turned}))
    fewer = {"abs": fakes.METRICS["depth"]["abs"]}
    less = seal(
        fakes.record(
            metrics={**fakes.METRICS, "depth": fewer},
            test={**fakes.SCORES, "depth": {"abs": 0.25}},
        )
    )
    assert less.key == RECORD.key
    fakes.put(theirs, odd, less)
    reason = "task 'depth' has other metrics, or metrics of another direction or kind"
    assert take() == dict.fromkeys([odd.key, less.key], ("refused", reason))


def test_ours_are_there_already_though_they_differ_among_themselves(take, theirs, ours):
    odd = seal(fakes.record(seed=1, data_digest="data 2"))
    fakes.put(ours, RECORD, odd)
    fakes.put(theirs, RECORD, odd)
    assert {status for status, _ in take().values()} == {"there already"}


def test_a_folder_without_records_is_wrong_use(take, tmp_path):
    (tmp_path / "empty").mkdir()
    cases = {"empty": "There are no records", "nowhere": "No such file"}
    for name, words in cases.items():
        with pytest.raises(StoreError, match=words):
            take(tmp_path / name)


def test_a_results_folder_that_cannot_be_written_is_wrong_use(theirs, tmp_path, registry):
    fakes.put(theirs, RECORD)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="--results"):
        import_records(theirs.root, Store(tmp_path / "file" / "results"), registry)


def test_what_cannot_be_written_is_refused_and_the_others_are_taken(take, theirs, ours):
    fakes.put(theirs, RECORD, OTHER)
    place = fakes.place_of(RECORD).below(ours.root / "runs")
    place.parent.mkdir(parents=True)
    place.touch()
    found = take()
    assert found[RECORD.key][0] == "refused"
    assert found[OTHER.key][0] == "taken"


def test_imported_records_enter_the_leaderboard(take, theirs, ours):
    fakes.put(ours, *fakes.single(0), RECORD)
    fakes.put(theirs, OTHER)
    take()
    methods = {row.method for row in build_leaderboard(fakes.TRIO, ours).rows}
    assert methods == {"single-task", "hps+equal", "hps+mgda"}


def test_all_committed_records_can_be_imported(tmp_path, registry):
    folders = {path.parent for path in (ROOT / "results").rglob("runs") if path.is_dir()}
    assert folders
    for folder in folders:
        items = import_records(folder, Store(tmp_path), registry, dry_run=True)
        assert [item for item in items if item.status != "taken"] == []


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_the_command_names_what_it_refused_and_ends_with_one(capsys, theirs, ours):
    (path,) = fakes.put(theirs, RECORD)
    broken = path.with_name("broken.json")
    broken.write_bytes(b"{")
    status, out, err = call(capsys, "import", theirs.root, "--results", ours.root)
    assert status == 1
    assert f"refused: {broken}: damaged (Input data was truncated)" in err
    assert f"taken: {path}: {NOT_INSTALLED}" in out
    assert out.endswith("1 taken, 0 there already, 0 kept apart, 1 refused.\n")
    broken.unlink()
    status, out, _ = call(capsys, "import", theirs.root, "--results", ours.root, "--json")
    assert status == 0
    plain = json.loads(out)
    assert plain["counts"] == {"taken": 0, "there already": 1, "kept apart": 0, "refused": 0}
    assert plain["items"][0]["file"] == str(path)


def test_the_command_without_records_is_wrong_use(capsys, tmp_path):
    status, _, err = call(capsys, "import", tmp_path / "nowhere")
    assert status == 2
    assert err.startswith("Error: Cannot read ")


# Weights ----------------------------------------------------------------------------------------


def test_weights_beside_a_record_come_along(take, theirs, ours, tmp_path):
    (path,) = fakes.put(theirs, RECORD)
    path.with_suffix(".safetensors").write_bytes(b"weights")
    status, note = take()[RECORD.key]
    assert status == "taken"
    assert note.startswith("with its weights; ")
    place = ours.weights_path(fakes.place_of(RECORD), RECORD.key)
    assert place.read_bytes() == b"weights"
    assert fakes.left_behind(ours.root) == []


def test_weights_that_are_a_link_or_a_folder_stay_behind_and_the_record_comes(
    take, theirs, ours, tmp_path
):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    paths = fakes.put(theirs, RECORD, OTHER)
    paths[0].with_suffix(".safetensors").symlink_to(secret)
    paths[1].with_suffix(".safetensors").mkdir()
    found = take()
    assert "without its weights (a symbolic link" in found[RECORD.key][1]
    assert "without its weights (Is a directory" in found[OTHER.key][1]
    assert not list(ours.root.rglob("*.safetensors"))
    assert len(ours.records("trio", 2)[0]) == 2


def test_weights_of_what_is_kept_apart_or_there_already_are_not_taken(take, theirs, ours):
    fakes.put(ours, RECORD)
    (path,) = fakes.put(theirs, rerun())
    path.with_suffix(".safetensors").write_bytes(b"weights")
    take()
    assert not list(ours.root.rglob("*.safetensors"))


def test_a_dry_run_copies_no_weights(take, theirs, ours):
    (path,) = fakes.put(theirs, RECORD)
    path.with_suffix(".safetensors").write_bytes(b"weights")
    take(dry_run=True)
    assert not list(ours.root.rglob("*"))


def test_weights_of_a_damaged_record_do_not_stay_beside_theirs(take, theirs, ours):
    (path,) = fakes.put(ours, RECORD)
    path.with_suffix(".safetensors").write_bytes(b"ours")
    path.write_bytes(path.read_bytes()[:99])
    fakes.put(theirs, RECORD)
    assert take()[RECORD.key][0] == "taken"
    assert not path.with_suffix(".safetensors").exists()
