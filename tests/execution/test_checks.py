"""What is found to be wrong when planning: no torch, nothing written, all of it at once."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import numpy as np
import pytest

from benchbed import Dataset, Input, Target
from benchbed.basics.errors import MethodError, ProtocolError
from benchbed.contracts.protocol import Data, Selection, TaskEntry
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.files import FileDataset, Sample


@pytest.fixture
def digits(registry):
    return find_protocol("digits", registry)


@pytest.fixture
def problem(registry, digits, tmp_path):
    """Plan a changed protocol; return what is wrong with it."""

    def call(methods=("hps",), device="auto", **changes) -> str:
        changed = msgspec.structs.replace(digits, name="changed", **changes)
        with pytest.raises(ProtocolError) as caught:
            make_plan(changed, methods, registry, Settings(tmp_path / "results", device=device))
        assert not (tmp_path / "results").exists()
        return str(caught.value)

    return call


def test_a_target_that_the_data_lacks(problem, digits):
    tasks = {**digits.tasks, "digits": TaskEntry("classification")}
    assert problem(tasks=tasks) == (
        "Task 'digits' of changed@1 wants target 'digits', which data set 'digits' lacks. Did you "
        "mean 'digit'?"
    )


@pytest.mark.parametrize("role", ["train", "validation", "test"])
def test_a_split_that_the_data_lacks(problem, digits, role):
    data = msgspec.structs.replace(digits.data, **{role: "vald"})
    found = problem(data=data)
    assert found.startswith(f"changed@1: 'data.{role}' is 'vald', which data set 'digits' lacks.")


@pytest.mark.parametrize("rule", ["best-validation", "paper-selection"])
def test_a_criterion_that_the_task_lacks(problem, digits, rule):
    validation = "test" if rule == "paper-selection" else "validation"
    data = msgspec.structs.replace(digits.data, validation=validation)
    assert problem(data=data, selection=Selection(rule, "digit/acuracy")) == (
        "changed@1: 'selection.criterion' names metric 'acuracy', which task 'digit' "
        "(classification) lacks. Did you mean 'accuracy'?"
    )


def test_a_criterion_that_no_rule_looks_at_is_not_looked_at(registry, digits, tmp_path):
    changed = msgspec.structs.replace(digits, selection=Selection("last", "digit/acuracy"))
    assert make_plan(changed, ["hps"], registry, Settings(tmp_path)).runs


def test_a_criterion_that_comes_at_the_end_only(registry, tmp_path):
    rooms = find_protocol("rooms-full", registry)
    selection = Selection("best-validation", "edges/odsF")
    changed = msgspec.structs.replace(rooms, name="changed", selection=selection)
    with pytest.raises(ProtocolError, match="which is computed at the end only"):
        make_plan(changed, ["hps"], registry, Settings(tmp_path))


def test_a_primary_metric_that_the_task_lacks(problem, digits):
    entry = msgspec.structs.replace(digits.tasks["digit"], primary="f1")
    found = problem(tasks={**digits.tasks, "digit": entry})
    assert found.startswith(
        "changed@1: 'tasks.digit.primary' names metric 'f1', which task 'digit'"
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda0", "", "cpu:0"])
def test_a_device_that_is_none(problem, device):
    assert problem(device=device) == (
        f"There is no device '{device}'; --device is auto, cpu, cuda or cuda:N."
    )


def test_a_batch_that_no_split_fills(problem):
    found = problem(batch_size=5000, drop_last=True)
    assert "'batch_size' is 5000, and split 'train' of data set 'digits' has" in found
    assert found.endswith("lower it, or leave 'drop_last' out.")


def test_a_batch_larger_than_the_split_is_the_whole_split(registry, digits, tmp_path):
    changed = msgspec.structs.replace(digits, batch_size=5000)
    assert make_plan(changed, ["hps"], registry, Settings(tmp_path)).runs


def test_all_that_is_wrong_is_told_at_once(problem, digits):
    found = problem(
        data=Data("digits", train="trian"),
        tasks={**digits.tasks, "digits": TaskEntry("classification", primary="f1")},
        selection=Selection("best-validation", "digit/acuracy"),
        device="gpu",
    )
    lines = found.splitlines()
    assert len(lines) == 5
    for part, line in zip(["trian", "target", "f1", "acuracy", "gpu"], lines, strict=True):
        assert part in line


def test_all_names_of_methods_that_are_wrong_are_told_at_once(registry, digits, tmp_path):
    names = ["hps+dwaa", "hps", "hsp", "hps+dwa:T=-1"]
    with pytest.raises(MethodError) as caught:
        make_plan(digits, names, registry, Settings(tmp_path))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "Did you mean 'dwa'?" in lines[0]
    assert "Did you mean 'hps'?" in lines[1]
    assert "must be at least" in lines[2]


def test_planning_imports_no_torch(tmp_path):
    program = (
        "import sys\n"
        "from benchbed.discovery.registry import discover\n"
        "from benchbed.discovery.catalogue import find_protocol\n"
        "from benchbed.execution.plan import Settings, make_plan\n"
        "registry = discover()\n"
        "digits = find_protocol('digits', registry)\n"
        "make_plan(digits, ['hps+dwa'], registry, Settings(device='cuda:1'))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


# Lengths of splits ------------------------------------------------------------------------------


class Plain(Dataset):
    """Arrays in memory."""

    input = Input((1,))
    targets = {"y": Target("value")}
    splits = ("train", "test")

    def load(self, split, root):
        return {"input": np.zeros((3 if split == "train" else 2, 1), np.float32)}

    def digest(self, root):
        return "plain"


class Prepared(Plain):
    """The same, but made at length."""

    def prepare(self, root, report=None):
        raise AssertionError("nobody asks for it")


class Listed(FileDataset):
    """Ten samples to train on and four to test, of which no file is there."""

    name = "listed"
    held_out = 0.2

    def __init__(self):
        self.input = Input((1,))
        self.targets = {"y": Target("value")}

    def find(self, folder):
        parts = {"train": 10, "test": 4}
        return {
            part: [Sample(f"{part}{n}", {"input": f"{part}{n}.npy"}) for n in range(count)]
            for part, count in parts.items()
        }

    def read(self, folder, sample):
        raise AssertionError("no file is read")


def test_lengths_are_told_where_that_is_quick(tmp_path):
    assert [Plain().length(split, None) for split in Plain.splits] == [3, 2]
    assert Prepared().length("train", None) is None
    found = {split: Listed().length(split, tmp_path) for split in Listed.splits}
    assert found == {"train": 8, "validation": 2, "trainval": 10, "test": 4}
