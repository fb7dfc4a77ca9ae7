"""Methods are tried out before the first epoch: what breaks is told for all, none is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

import benchbed
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.executor import Executor
from benchbed.execution.plan import Settings, make_plan
from benchbed.execution.preflight import PreflightError, preflight
from tests import fakes

BROKEN = '''
import time
import torch
from benchbed import Spec, Weighting, hookimpl


class Raises(Weighting):
    level = "loss"

    def combine(self, losses):
        raise ValueError("no such thing")


class Infinite(Weighting):
    level = "loss"

    def combine(self, losses):
        return sum(losses.values()) * float("inf")


class Late(Weighting):
    """Breaks in the second step only, which no trial sees."""

    level = "loss"

    def __init__(self, context):
        super().__init__(context)
        self.steps = 0

    def combine(self, losses):
        self.steps += 1
        if self.steps > 1:
            raise ValueError("late")
        return sum(losses.values())


class Hangs(Weighting):
    level = "loss"

    def combine(self, losses):
        time.sleep(1000)


@hookimpl
def benchbed_weightings():
    names = {"raises": "Raises", "infinite": "Infinite", "late": "Late", "hangs": "Hangs"}
    return [
        Spec(name, "1.0", f"broken_weightings:{cls}", traits=frozenset({"loss"}))
        for name, cls in names.items()
    ]
'''


@pytest.fixture
def mini(bench, plugin_folder):
    """A small protocol, with weightings that break in several ways."""
    plugin_folder.install("broken_weightings", BROKEN)
    return fakes.write_mini(bench.folder, epochs=1, seeds=[0])


def written(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_all_methods_that_fail_are_told_before_anything_is_trained(bench, mini):
    done = bench("run", mini.name, "hps+raises", "hps+dwa", "hps+infinite", "--no-measure")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "Nothing was trained, since 2 of 4 methods failed on one mini-batch:" in done.stderr
    assert "  hps+raises: ValueError: no such thing" in done.stderr
    assert "  hps+infinite: after one step the outputs of task 'holes' are infinite" in done.stderr
    assert "--no-preflight trains the others all the same." in done.stderr
    assert 'raise ValueError("no such thing")' in done.stderr  # where the plugin failed
    assert not written(bench.folder / "results")


def test_without_it_the_others_are_trained(bench, mini):
    words = ("run", mini.name, "hps+raises", "hps+equal", "--no-measure", "--no-preflight")
    done = bench(*words)
    assert done.returncode == 1
    assert "Failed: hps+raises seed 0: ValueError: no such thing" in done.stderr
    assert list((bench.folder / "results" / "runs").rglob("equal/*.json"))


def test_what_no_first_step_shows_fails_in_its_run(bench, mini):
    done = bench("run", mini.name, "hps+late", "--no-measure")
    assert done.returncode == 1
    assert "Nothing was trained" not in done.stderr
    assert "Failed: hps+late seed 0: ValueError: late" in done.stderr


def test_a_plan_may_try_methods_out_too_and_leaves_nothing_behind(bench, mini):
    assert bench("plan", mini.name, "hps+dwa", "--preflight").returncode == 0
    failed = bench("plan", mini.name, "hps+raises", "--preflight")
    assert failed.returncode == 1
    assert "hps+raises: ValueError: no such thing" in failed.stderr
    assert not (bench.folder / "results").exists()


class NoExecutor(Executor):
    """Carries nothing out."""

    def execute(self, runs, observer):
        raise AssertionError(f"{len(runs)} runs were to be tried out")


def test_what_is_cached_is_not_tried_out(registry, tmp_path):
    digits = find_protocol("digits", registry)
    plan = make_plan(digits, ["hps+dwa"], registry, Settings(tmp_path), [0])
    with pytest.raises(AssertionError, match="2 runs were to be tried out"):
        preflight([plan], NoExecutor())
    fakes.fill(plan, tmp_path)
    preflight([make_plan(digits, ["hps+dwa"], registry, Settings(tmp_path), [0])], NoExecutor())


def test_a_method_that_hangs_is_stopped_and_named(mini, tmp_path, monkeypatch, plugin_folder):
    monkeypatch.setattr("benchbed.execution.preflight.LIMIT", 1.0)
    monkeypatch.syspath_prepend(str(plugin_folder.path))
    with pytest.raises(PreflightError) as caught:
        benchbed.run(str(mini), ["hps+hangs"], results=tmp_path / "results")
    assert "  hps+hangs: one mini-batch took longer than 1 s" in str(caught.value)
    assert not written(tmp_path / "results")


def test_wrong_use_ends_with_status_2(bench, mini):
    weights = bench.folder / "w.safetensors"
    safetensors.torch.save_file({"other": torch.zeros(1)}, weights)
    done = bench("run", mini.name, "hps+equal", "--pretrained", weights.name, "--no-measure")
    assert done.returncode == 2
    # of each method, as each expects other tensors
    assert done.stderr.count("none of its 1 tensor fits the network") == 2
    assert "Traceback" not in done.stderr
    assert not written(bench.folder / "results")


def test_trials_change_no_record(bench, mini):
    """Runs with and without a trial before them are the same to the bit."""
    found = []
    for results, option in (("a", "--no-preflight"), ("b", "--no-measure")):
        done = bench("run", mini.name, "hps+pcgrad", "--results", results, "--no-measure", option)
        assert done.returncode == 0, done.stderr
        (path,) = (bench.folder / results / "runs").rglob("pcgrad/*.json")
        record = json.loads(path.read_text())
        found.append({key: record[key] for key in ("key", "test", "validation", "curves")})
    assert found[0] == found[1]
