"""Table I of ATI-Net on true NYUv2: what its protocol states, and a dry run on the miniature."""

import json
from pathlib import Path

import pytest

from benchbed.cli import main
from benchbed.contracts.task import Task
from benchbed.discovery.catalogue import find_protocol, find_suite
from benchbed.discovery.loading import make_component
from benchbed.discovery.method import plain_component, resolve_method
from benchbed.discovery.registry import discover
from benchbed.published.own_protocol import statement_of
from benchbed.published.registered import read_library
from benchbed.records.store import Store
from benchbed_zoo.datasets.nyu.nyuv2 import NYUv2

SYSTEMS = ("single-task", "mtan+dwa", "split:type=deep+dwa", "pad-net:type=ati+dwa", "ati-net+dwa")
"""Those of Table I, as docs/ati-net.md tells to run them."""


@pytest.fixture(scope="module")
def installed():
    return discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nyuv2")
    NYUv2().fixture(folder)
    return folder


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        return (stop.value.code, *capsys.readouterr())

    return call


def test_the_protocol_is_the_papers_in_all_that_the_paper_states(installed):
    table = read_library(installed).table("ati-net-1")
    ours = statement_of(
        find_protocol("nyuv2-mtan", installed),
        metrics="",
        input_size="x".join(map(str, NYUv2().input.shape[1:])),
        pretrained=False,
        official=NYUv2.official,
    ).fields()
    for row in table.rows:
        theirs = table.statement(row).fields()
        stated = {name: value for name, value in theirs.items() if value is not None}
        assert {"dataset", "train", "scored_on", "lr", "epochs", "selection"} <= set(stated)
        backbone = stated.pop("backbone")
        assert backbone.lower() == ours["backbone"]
        assert stated == {name: ours[name] for name in stated}


def test_its_primary_metrics_are_those_that_enter_the_papers_delta(installed):
    table = read_library(installed).table("ati-net-1")
    printed = {name for name, column in table.paper.columns.items() if column.primary}
    dataset = NYUv2()
    ours = set()
    for name, entry in find_protocol("nyuv2-mtan", installed).tasks.items():
        component = plain_component("task", installed.get("task", entry.task), entry.options)
        task = make_component(component, Task, name, dataset.targets[entry.target or name])
        ours.add(f"{name}/{task.primary}".casefold())
    assert ours == {name.casefold() for name in printed}


def test_its_command_is_planned_on_the_miniature(run, miniature):
    status, out, _ = run("plan", "nyuv2-mtan", *SYSTEMS, "--data-root", miniature, "--json")
    assert status == 0
    (plan,) = json.loads(out)
    assert plan["protocol"] == "nyuv2-mtan@1"
    assert len(plan["runs"]) == 3 * (3 + 4)  # seeds × (single tasks + joint nets)
    assert {one["state"] for one in plan["runs"]} == {"new"}


SHORT = """
name = "nyuv2-mtan-short"
version = 1
epochs = 2
batch_size = 2
backbone = "segnet"
seeds = [0]
data = { dataset = "nyuv2", train = "trainval", validation = "test" }
tasks = { semseg = { task = "segmentation", target = "segmentation" }, depth = { task = "depth" }, \
normals = { task = "normals" } }
optimizer = { name = "adam", lr = 1e-4 }
selection = { rule = "mean-of-last-k", k = 1 }
"""


def test_its_systems_train_on_the_miniature(run, miniature):
    Path("short.toml").write_text(SHORT)
    narrow = "backbone.width=0.02"
    methods = [f"single-task:{narrow}", f"mtan:{narrow}+dwa", f"ati-net:{narrow}+dwa"]
    status, _, error = run(
        "run", "short.toml", *methods, "--data-root", miniature, "--no-measure", "--jobs", "1"
    )
    assert status == 0, error
    records, unreadable = Store(Path("results")).records("nyuv2-mtan-short", 1)
    assert not unreadable
    assert len(records) == 5
    for record in records:
        assert record.budget.samples == 2 * 6
        scored = {task: set(scores) for task, scores in record.test.items()}
        assert scored.get("depth", {"abs_err", "rel_err"}) >= {"abs_err", "rel_err"}


def test_the_suite_names_table_1s_systems_on_narrow_segnets(installed):
    suite = find_suite("ati-net-table1", installed)
    tasks = ["segmentation", "depth", "normals"]
    (protocol,) = suite.protocols
    backbone = find_protocol(protocol, installed).backbone
    found = [resolve_method(name, installed, tasks, backbone) for name in suite.methods]
    printed = {row.key for row in read_library(installed).table("ati-net-1").rows}
    assert {method.architecture.id for method in found} == printed
    for method in found:
        assert method.backbone.id == "segnet"
        assert method.backbone.options["width"] <= 0.25
