"""Plans: what is cached, what is repeated and why, and which baselines join."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import msgspec
import pytest

from benchbed.basics.errors import MethodError, PluginError
from benchbed.contracts.protocol import DeltaM
from benchbed.discovery.method import plain_component, resolve_method
from benchbed.discovery.registry import discover
from benchbed.execution.baselines import baseline_name
from benchbed.execution.estimate import estimate_seconds
from benchbed.execution.plan import Plan, Settings, make_plan
from benchbed.execution.staleness import stale_components
from benchbed.records.record import ENGINE, run_key
from benchbed.records.store import Store
from benchbed.report.leaderboard import build_leaderboard
from tests import fakes, toys
from tests.conftest import ROOT

METHODS = ["toy-net", "toy-net+toy-average"]


@pytest.fixture
def plan(toy_protocol, registry, tmp_path):
    """Plan the two toy methods, or what is asked for."""

    def make(methods=METHODS, seeds=None, *, protocol=toy_protocol, plugins=registry, **settings):
        settings = {"results": tmp_path / "results", **settings}
        return make_plan(protocol, methods, plugins, Settings(**settings), seeds)

    return make


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


@pytest.fixture(scope="module")
def zoo():
    return discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)


@pytest.fixture(scope="module")
def digits(zoo):
    from benchbed.discovery.catalogue import find_protocol

    return find_protocol("digits", zoo)


def states(plan: Plan) -> dict[str, str]:
    return {run.label: run.state for run in plan.runs}


def keys(plan: Plan) -> list[str]:
    return [run.job.key for run in plan.runs]


def put(store: Store, run, **changes):
    """Give a planned run a record."""
    return store.write("runs", run.job.place, fakes.record_of_job(run.job, **changes))


def test_methods_times_seeds_are_new_and_the_baseline_has_a_run_for_each_task(plan, tmp_path):
    assert states(plan()) == {
        "toy-single/a seed 0": "new",
        "toy-single/b seed 0": "new",
        "toy-net+equal seed 0": "new",
        "toy-net+toy-average seed 0": "new",
        "toy-single/a seed 1": "new",
        "toy-single/b seed 1": "new",
        "toy-net+equal seed 1": "new",
        "toy-net+toy-average seed 1": "new",
    }
    assert not (tmp_path / "results").exists(), "planning writes nothing"


def test_a_run_with_a_sound_record_is_cached_and_not_missing(plan, store):
    fakes.fill(plan(), store.root)
    again = plan()
    assert set(states(again).values()) == {"cached"}
    assert again.missing == ()
    assert (again.measurements, again.measured) == ((), 3)


def test_a_cached_run_without_the_gradients_that_are_asked_for_is_told_of(plan, store):
    fakes.fill(plan(seeds=[0, 1]), store.root)
    (joint, *_) = [run for run in plan().runs if len(run.job.tasks) > 1]
    put(store, joint, curves={"cosine/a/b": [0.5]})
    asked = plan(seeds=[0, 1], log_gradients=True)
    assert not asked.missing
    unlogged = {run.label for run in asked.runs if run.unlogged}
    joints = {run.label for run in asked.runs if len(run.job.tasks) > 1}
    assert len(joints) == 4
    assert unlogged == joints - {joint.label}
    assert not any(run.unlogged for run in plan(seeds=[0, 1]).runs)


def test_running_tells_how_gradients_of_cached_runs_are_logged(zoo, digits, bench):
    results = bench.folder / "results"
    fakes.fill(make_plan(digits, ["hps"], zoo, Settings(results)), results)
    zoo_alone = {"BENCHBED_PLUGINS": "zoo"}
    done = bench("run", "digits", "hps", "--log-gradients", env=zoo_alone)
    assert done.returncode == 0, done.stderr
    assert "3 of the cached runs have no norms and cosines of gradients" in done.stderr
    assert "--results" in done.stderr
    assert "cosines" not in bench("run", "digits", "hps", env=zoo_alone).stderr


def test_a_run_whose_plugin_source_changed_is_stale_and_names_the_plugin(plan, store):
    run = plan().runs[2]
    parts = [
        msgspec.structs.replace(c, source="older") if c.kind in {"weighting", "dataset"} else c
        for c in run.job.components
    ]
    put(store, run, components=parts)
    again = plan().runs[2]
    assert again.state == "stale"
    assert again.stale == ("weighting equal", "dataset toy")
    assert again in plan().missing
    kept = plan(accept_stale=True).runs[2]
    assert kept.state == "cached"
    assert kept.stale == ("weighting equal", "dataset toy")


def test_stale_components_are_those_whose_source_differs_and_no_others(plan):
    job = plan().runs[2].job
    record = fakes.record_of_job(job)
    assert stale_components(record, job) == ()
    distribution = [
        msgspec.structs.replace(c, distribution_version="9", target="moved.module:Name")
        for c in job.components
    ]
    assert stale_components(msgspec.structs.replace(record, components=distribution), job) == ()


def test_a_run_that_failed_is_failed_before_until_it_has_a_record(plan, store):
    from benchbed.execution.failures import record_killed

    run = plan().runs[0]
    record_killed(run.job, "killed")
    assert plan().runs[0].state == "failed before"
    assert plan().runs[0] in plan().missing
    put(store, run)
    assert plan().runs[0].state == "cached"


def test_a_damaged_record_is_repeated_and_named(plan, store):
    path = put(store, plan().runs[0])
    path.write_bytes(path.read_bytes()[:-5])
    again = plan()
    assert again.runs[0].state == "damaged"
    assert again.runs[0] in again.missing
    assert [item.path for item in again.damaged] == [path]


def test_a_superseded_record_and_a_temporary_file_are_no_hit(plan, store):
    path = put(store, plan().runs[0])
    path.with_name(f".{path.stem}.tmp").write_bytes(path.read_bytes())
    path.rename(path.with_name(f"{path.stem}.superseded-1.json"))
    assert plan().runs[0].state == "new"


def test_run_keys_do_not_depend_on_where_and_how_runs_are_carried_out(plan, tmp_path):
    wanted = keys(plan())
    for settings in (
        {"results": tmp_path / "elsewhere"},
        {"threads": 7},
        {"device": "cuda:1"},
        {"data_root": tmp_path},
        {"accept_stale": True},
        {"commit": "f" * 40, "dirty": True},
    ):
        assert keys(plan(**settings)) == wanted, settings


def test_run_keys_do_not_depend_on_the_order_or_spelling_of_methods_and_seeds(plan):
    wanted = set(keys(plan()))
    assert set(keys(plan(METHODS[::-1]))) == wanted
    assert set(keys(plan(seeds=[1, 0]))) == wanted
    spelled = ["toy-net:width=8+equal", "toy-net+equal", "toy-net", "toy-net+toy-average"]
    assert keys(plan(spelled)) == keys(plan())
    assert keys(plan(seeds=[0, 1, 0, 1])) == keys(plan())


def test_run_keys_do_not_depend_on_the_source_or_the_distribution(plan):
    job = plan().runs[2].job
    parts = [
        msgspec.structs.replace(c, source="x", distribution="y", distribution_version="z")
        for c in job.components
    ]
    assert run_key(job.protocol.digest, parts, job.data_digest, 0, job.tasks) == job.key


def test_run_keys_differ_between_all_runs_of_a_plan(plan):
    found = keys(plan(["toy-net", "toy-net:width=9", "toy-net+toy-average"], range(5)))
    assert len(set(found)) == len(found) == 5 * (3 + 2)


def key_of(plan: Plan) -> str:
    return plan.runs[-1].job.key


def test_run_keys_change_with_seed_option_protocol_and_version(
    plan, toy_protocol, registry, monkeypatch
):
    def one(*arguments, **settings):
        return key_of(plan(*arguments, **settings))

    wanted = one(["toy-net"], [0])
    assert one(["toy-net"], [0]) == wanted
    other = {
        "seed": one(["toy-net"], [1]),
        "option": one(["toy-net:width=9"], [0]),
        "weighting": one(["toy-net+toy-average"], [0]),
    }
    slower = msgspec.structs.replace(toy_protocol, epochs=5)
    other["protocol"] = one(["toy-net"], [0], protocol=slower)
    titled = msgspec.structs.replace(toy_protocol, title="A title", seconds_per_run=9.0)
    assert one(["toy-net"], [0], protocol=titled) == wanted, "display text does not count"
    for kind, name in (
        ("architecture", "toy-net"),
        ("weighting", "equal"),
        ("task", "toy"),
        ("dataset", "toy"),
    ):
        entry = registry.entries[kind, name]
        newer = replace(entry, spec=replace(entry.spec, version="1.1"))
        monkeypatch.setitem(registry.entries, (kind, name), newer)
        other[f"version of {kind}"] = one(["toy-net"], [0])
        monkeypatch.setitem(registry.entries, (kind, name), entry)
    monkeypatch.setattr(toys.ToyData, "digest", lambda self, root: "toy data 2")
    other["data"] = one(["toy-net"], [0])
    assert wanted not in other.values()
    assert len(set(other.values())) == len(other)


def test_a_key_of_another_engine_differs(plan):
    job = plan().runs[-1].job
    same = (job.protocol.digest, job.components, job.data_digest, job.seed, job.tasks)
    assert run_key(*same) == job.key
    assert run_key(*same, engine=ENGINE + 1) != job.key
    assert run_key(*same, pretrained="weights") != job.key


def names(plan: Plan) -> list[str]:
    return [method.name for method in plan.methods]


def test_the_baseline_joins_once_for_each_backbone_in_use(zoo, digits, tmp_path):
    methods = ["hps:backbone=mlp", "hps:backbone=mlp+dwa", "hps+mgda", "hps", "hps+dwa"]
    plan = make_plan(digits, methods, zoo, Settings(tmp_path))
    assert names(plan) == [
        "single-task:backbone=mlp",
        "single-task",
        "hps:backbone=mlp+equal",
        "hps:backbone=mlp+dwa",
        "hps+mgda",
        "hps+equal",
        "hps+dwa",
    ]


def test_backbone_options_and_timm_models_are_passed_on_to_the_baseline(zoo, digits, tmp_path):
    methods = ["hps:backbone.width=32", "hps:backbone=mlp,backbone.width=64", "hps:backbone=vgg11"]
    plan = make_plan(digits, methods, zoo, Settings(tmp_path))
    assert names(plan)[:3] == [
        "single-task:backbone.width=32",
        "single-task:backbone=mlp,backbone.width=64",
        "single-task:backbone=vgg11",
    ]
    for baseline, method in zip(plan.methods[:3], plan.methods[3:], strict=True):
        assert baseline.backbone == method.backbone


def test_a_baseline_that_is_asked_for_joins_no_other(zoo, digits, tmp_path):
    plan = make_plan(digits, ["single-task:backbone=mlp"], zoo, Settings(tmp_path))
    assert names(plan) == ["single-task:backbone=mlp"]
    plan = make_plan(digits, ["single-task", "hps"], zoo, Settings(tmp_path))
    assert names(plan) == ["single-task", "hps+equal"]


def test_a_baseline_with_a_weighting_takes_the_methods_backbone_too(zoo, digits, tmp_path):
    protocol = msgspec.structs.replace(digits, delta_m=DeltaM(baseline="hps+equal"))
    plan = make_plan(protocol, ["hps:backbone=mlp+mgda", "hps+mgda"], zoo, Settings(tmp_path))
    assert names(plan) == [
        "hps:backbone=mlp+equal",
        "hps+equal",
        "hps:backbone=mlp+mgda",
        "hps+mgda",
    ]


def test_the_leaderboard_finds_the_baselines_that_the_plan_adds(zoo, digits, tmp_path):
    methods = ["hps:backbone=mlp", "hps"]
    plan = make_plan(digits, methods, zoo, Settings(tmp_path), [0])
    fakes.fill(plan, tmp_path)
    board = build_leaderboard(digits, Store(tmp_path))
    compared = {row.method: row.delta_m for row in board.rows if not row.is_baseline}
    assert set(compared) == {"hps:backbone=mlp+equal", "hps+equal"}
    assert all(compared.values())


def test_a_protocols_baseline_may_itself_name_a_backbone(zoo, digits, tmp_path):
    protocol = msgspec.structs.replace(digits, delta_m=DeltaM(baseline="single-task:backbone=mlp"))
    plan = make_plan(protocol, ["hps:backbone=mlp"], zoo, Settings(tmp_path), [0])
    assert names(plan) == ["single-task:backbone=mlp", "hps:backbone=mlp+equal"]


def test_a_method_without_a_backbone_is_compared_with_the_protocols_baseline(toy_protocol):
    assert baseline_name("toy-single", None, toy_protocol) == "toy-single"


def test_more_seeds_train_only_what_is_missing(plan, store):
    fakes.fill(plan(seeds=[0, 1]), store.root)
    more = plan(seeds=range(5))
    assert len(more.runs) == 5 * 4
    assert {run.job.seed for run in more.missing} == {2, 3, 4}
    assert len(more.missing) == 3 * 4
    assert more.measurements == ()


def test_a_new_method_trains_only_itself(plan, store):
    fakes.fill(plan(["toy-net"]), store.root)
    more = plan(["toy-net", "toy-net+toy-average"])
    assert {run.job.method for run in more.missing} == {"toy-net+toy-average"}
    assert [job.method for job in more.measurements] == ["toy-net+toy-average"]


def test_one_measurement_a_method_is_planned_whatever_the_seeds(plan):
    few, many = plan(seeds=[0]), plan(seeds=range(4))
    assert [job.key for job in few.measurements] == [job.key for job in many.measurements]
    assert [(job.method, job.kind, job.tasks) for job in few.measurements] == [
        ("toy-single", "measure", ["a", "b"]),
        ("toy-net+equal", "measure", ["a", "b"]),
        ("toy-net+toy-average", "measure", ["a", "b"]),
    ]
    assert not {job.key for job in few.measurements} & set(keys(many))


def test_no_methods_and_typos_are_refused_by_a_sentence(plan):
    with pytest.raises(MethodError, match="Name at least one method"):
        plan([])
    with pytest.raises(PluginError, match=r"Did you mean 'toy-net'\?"):
        plan(["toy-nett"])
    with pytest.raises(MethodError, match=r"Did you mean 'width'\?"):
        plan(["toy-net:widht=3"])


def test_the_estimate_comes_from_records_of_the_same_method_where_there_are_some(plan, store):
    made = plan(seeds=range(4))
    records = [fakes.record(method, seconds=s) for method, s in (
        ("toy-net+equal", 10.0), ("toy-net+equal", 20.0), ("toy-single", 3.0),
    )]  # fmt: skip
    # per seed: 2 × 3 s of toy-single, 15 s of toy-net, and the mean of all, 11 s, of the third
    total = 4 * (2 * 3 + 15 + 11)
    assert estimate_seconds(made, 1, records) == (total, "from earlier records")
    assert estimate_seconds(made, 2, records) == (total / 2, "from earlier records")


def test_the_estimate_falls_back_on_the_protocol_and_then_on_nothing(plan, toy_protocol):
    assert estimate_seconds(plan(), 1, []) is None
    timed = msgspec.structs.replace(toy_protocol, seconds_per_run=4.0)
    assert estimate_seconds(plan(protocol=timed), 2, []) == (
        8 * 4 / 2,
        "from the protocol's own estimate",
    )
    assert estimate_seconds(plan(protocol=timed), 100, [])[0] == 4, "no more jobs than runs"


def test_nothing_missing_takes_no_time(plan, store):
    fakes.fill(plan(), store.root)
    assert estimate_seconds(plan(), 2, [fakes.record()])[0] == 0


def test_a_job_survives_the_file_through_which_it_goes_to_its_worker(plan, tmp_path):
    from benchbed.records.job import read_job

    for job in (plan().runs[0].job, plan().measurements[-1]):
        path = tmp_path / "job.json"
        path.write_bytes(msgspec.json.encode(job))
        assert read_job(path) == job
        assert read_job(path).place == job.place


PLAN_AND_LIST_MODULES = """
import json, sys
from benchbed.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    heavy = sorted({"torch", "torchvision", "torchmetrics", "timm", "fvcore"} & set(sys.modules))
    print(json.dumps([end.code, heavy]), file=sys.stderr)
"""


def light(folder, *arguments: str):
    """Run the command line with first-party plugins; return status, heavy modules and output."""
    done = subprocess.run(
        [sys.executable, "-c", PLAN_AND_LIST_MODULES, *arguments],
        cwd=folder,
        env={**os.environ, "BENCHBED_PLUGINS": "zoo", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    status, heavy = json.loads(done.stderr.splitlines()[-1])
    return status, heavy, done.stdout


def test_planning_shows_states_and_imports_no_torch_whether_cached_or_new(zoo, digits, tmp_path):
    plan = make_plan(digits, ["hps", "hps+dwa"], zoo, Settings(tmp_path / "results"))
    status, heavy, out = light(tmp_path, "plan", "digits", "hps", "hps+dwa", "--jobs", "2")
    assert (status, heavy) == (0, [])
    assert "hps+dwa " in out
    assert "15 runs to train, about 15 s with 2 side by side" in out
    assert "from the protocol's own estimate" in out

    fakes.fill(plan, tmp_path / "results")
    status, heavy, out = light(tmp_path, "plan", "digits", "hps", "hps+dwa")
    assert (status, heavy) == (0, [])
    assert "9 cached" in out
    assert "Nothing to train: every run has a record." in out

    status, heavy, out = light(tmp_path, "plan", "digits", "hps", "--seeds", "4", "--json")
    assert (status, heavy) == (0, [])
    (document,) = json.loads(out)
    assert document["digest"] == digits.digest
    assert document["seconds"] > 0
    assert [r["seed"] for r in document["runs"] if r["state"] != "cached"] == [3, 3, 3, 3]
    assert {r["key"] for r in document["runs"] if r["state"] == "cached"} == {
        run.job.key for run in plan.runs if run.job.method != "hps+dwa"
    }


MANIFEST = """
from benchbed import Spec, hookimpl

@hookimpl
def benchbed_architectures():
    return [Spec("edited", "1.0", "edited_net:Edited")]
"""
NET = """
from tests.misfits import PlainNet

class Edited(PlainNet):
    pass
"""


def test_a_plugin_edited_at_the_same_version_is_stale_and_its_old_record_is_kept(
    bench, plugin_folder
):
    """Trained, edited, planned, kept with --accept-stale, trained again: by the command line."""
    fakes.write_mini(bench.folder)
    plugin_folder.install("edited", MANIFEST)
    net = plugin_folder.path / "edited_net.py"
    net.write_text(NET)

    def call(verb: str, *options: str):
        chosen = ("mini.toml", "edited", "--seeds", "1", *options)
        return bench(verb, *chosen, env={"BENCHBED_PLUGINS": "zoo,edited"})

    first = call("run", "--no-measure")
    assert first.returncode == 0, first.stderr
    runs = bench.folder / "results" / "runs" / "mini" / "1" / "edited" / "equal"
    (path,) = runs.glob("*.json")
    old = path.read_bytes()

    net.write_text(NET.replace("pass", "edition = 2"))
    planned = call("plan", "--json")
    found = {r["method"]: r["state"] for r in json.loads(planned.stdout)[0]["runs"]}
    assert found == {"single-task": "cached", "edited+equal": "stale"}

    kept = call("run", "--no-measure", "--accept-stale")
    assert kept.returncode == 0, kept.stderr
    assert "3 cached, 0 to train" in kept.stderr
    assert path.read_bytes() == old

    again = call("run", "--no-measure")
    assert again.returncode == 0, again.stderr
    assert "2 cached, 1 to train" in again.stderr
    assert "source changed at the same version: architecture edited" in again.stderr
    superseded = path.with_name(f"{path.stem}.superseded-1.json")
    assert sorted(runs.glob("*.json")) == sorted([path, superseded])
    assert superseded.read_bytes() == old
    sources = [
        next(c["source"] for c in json.loads(content)["components"] if c["id"] == "edited")
        for content in (old, path.read_bytes())
    ]
    assert sources[0] != sources[1]
    assert "Nothing to train" in call("plan").stdout


def test_the_source_of_a_component_is_that_of_its_module(registry, plugin_folder, monkeypatch):
    plugin_folder.install("sourced_plugin", "x = 1\n")
    monkeypatch.syspath_prepend(str(plugin_folder.path))
    entry = registry.get("task", "toy")
    entry = replace(entry, spec=replace(entry.spec, target="sourced_plugin:Thing"))
    before = plain_component("task", entry, {}).source
    plugin_folder.install("sourced_plugin", "x = 12\n")
    assert plain_component("task", entry, {}).source != before
    plugin_folder.install("sourced_plugin", "x = 1\n")
    assert plain_component("task", entry, {}).source == before
    assert resolve_method("toy-net", registry, None).architecture.source
