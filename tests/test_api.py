"""The Python API: ``benchbed.run`` and ``benchbed.leaderboard``."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

import benchbed
from benchbed.api import requests
from benchbed.basics.errors import (
    BenchbedError,
    MethodError,
    PluginError,
    ProtocolError,
    StoreError,
)
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import FileEntry, discover
from benchbed.execution.plan import Settings, make_plan
from tests import fakes, toys
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def zoo():
    return discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)


@pytest.fixture
def only_zoo(monkeypatch):
    monkeypatch.setenv("BENCHBED_PLUGINS", "zoo")


@pytest.fixture
def results(zoo, tmp_path, only_zoo) -> Path:
    """Made-up records of two methods under the digits protocol."""
    protocol = find_protocol("digits", zoo)
    plan = make_plan(protocol, ["hps", "hps+dwa"], zoo, Settings(tmp_path / "results"))
    fakes.fill(plan, tmp_path / "results")
    return tmp_path / "results"


def script(folder: Path, code: str, plugins: Path, **env: str) -> subprocess.CompletedProcess:
    """Run a plain script, without a guard against being imported by its own workers."""
    path = folder / "script.py"
    path.write_text(code)
    return subprocess.run(
        [sys.executable, str(path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(plugins), str(ROOT)]), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


TWO_RUNS = """
import sys
import pandas as pd
import benchbed

print("once")
first = benchbed.run("toy.toml", ["toy-net", "toy-net+toy-average"], seeds=2, results="made",
                     jobs=2)
assert isinstance(first, pd.DataFrame)
again = benchbed.run("toy.toml", ["toy-net+toy-average"], seeds=[0, 1], results="made")
board = benchbed.leaderboard("toy.toml", results="made")
first.to_json("first.json", orient="records")
again.to_json("again.json", orient="records")
board.to_json("board.json", orient="records")
try:
    benchbed.run("toy.toml", ["toy-nett"], results="made")
except benchbed.BenchbedError as error:
    print(error)
"""


def test_a_plain_script_without_a_guard_trains_and_gets_tables(tmp_path, plugin_folder):
    plugin_folder.install("toys_plugin", "from tests.toy_manifest import *\n")
    toys.write_protocol(tmp_path)
    done = script(tmp_path, TWO_RUNS, plugin_folder.path)
    assert done.returncode == 0, done.stderr
    once, error = done.stdout.splitlines()
    assert once == "once"
    assert error == "There is no architecture 'toy-nett'. Did you mean 'toy-net'?"
    first, again, board = (
        pd.read_json(tmp_path / f"{name}.json") for name in ("first", "again", "board")
    )
    assert first["method"][0] == "toy-single"
    assert set(first["method"]) == {"toy-single", "toy-net+equal", "toy-net+toy-average"}
    assert (first["seeds"] == 2).all()
    assert (first["failed"] == 0).all()
    assert first["a/mae"].between(0, 10).all()
    assert (first["step_ms"] > 0).all()
    assert first["delta_m %"].isna().tolist() == [True, False, False]
    assert set(again["method"]) == {"toy-single", "toy-net+toy-average"}, "only what is asked for"
    ranks = ["rank", "rank at worst"]  # among the rows of the table
    merged = again.drop(columns=ranks).merge(first, how="inner")
    assert len(merged) == 2, "cached runs give the same rows"
    pd.testing.assert_frame_equal(first, board)
    assert sorted(path.name for path in (tmp_path / "made").iterdir() if any(path.iterdir())) == [
        "measurements",
        "runs",
    ]


ALL_FAIL = """
import benchbed
from benchbed.basics.errors import RunError
try:
    benchbed.run("mini.toml", ["raising"], seeds=1, results="made")
except RunError as error:
    print("RunError:", error)
"""


def test_a_script_all_of_whose_runs_fail_gets_an_error_and_no_table(tmp_path, plugin_folder):
    plugin_folder.install("fakes_plugin", "from tests.fakes import *\n")
    path = fakes.write_mini(tmp_path)
    path.write_text('delta_m = { baseline = "raising" }\n' + path.read_text())
    env = {"BENCHBED_PLUGINS": "zoo,fakes_plugin"}
    done = script(tmp_path, ALL_FAIL, plugin_folder.path, **env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RunError: ")
    assert "third step is too much" in done.stdout + done.stderr


def test_cached_runs_come_back_as_a_table_one_row_a_method(results, capsys):
    frame = benchbed.run("digits", ["hps", "hps+dwa"], results=results)
    assert isinstance(frame, pd.DataFrame)
    assert frame["method"][0] == "single-task"
    assert set(frame["method"]) == {"single-task", "hps+equal", "hps+dwa"}
    assert frame["digit/accuracy"].tolist() == pytest.approx([0.51] * 3)
    assert frame["parity/accuracy std"].tolist() == pytest.approx([0.01] * 3)
    assert frame["seeds"].tolist() == [3, 3, 3]
    assert capsys.readouterr().out == ""


def test_a_number_of_seeds_and_a_list_of_them_mean_the_same(results):
    one = benchbed.run("digits", ["hps"], seeds=3, results=results)
    two = benchbed.run("digits", ["hps"], seeds=[0, 1, 2], results=str(results))
    pd.testing.assert_frame_equal(one, two)


def test_the_leaderboard_takes_definition_and_reference(results):
    frame = benchbed.leaderboard("digits", results=results)
    assert frame["delta_m %"].isna().sum() == 1
    other = benchbed.leaderboard("digits@1", results=results, reference="hps+dwa")
    assert other.set_index("method")["delta_m %"].isna().to_dict() == {
        "hps+dwa": True,
        "hps+equal": False,
        "single-task": False,
    }
    bare = benchbed.leaderboard("digits", results=results, reference="hps")
    assert bare.set_index("method")["delta_m %"].isna()["hps+equal"]
    with pytest.raises(BenchbedError, match=r"hps\+mgda: there are no records of it; there are"):
        benchbed.leaderboard("digits", results=results, reference="hps+mgda")
    with pytest.raises(BenchbedError, match="of-another: there are no records of it; there are"):
        benchbed.leaderboard("digits", results=results, reference="of-another")
    flat = benchbed.leaderboard("digits", results=results, definition="flat")
    assert len(flat) == 3


def test_wrong_use_is_an_error_with_a_sentence(results, tmp_path):
    with pytest.raises(ProtocolError, match="Did you mean 'digits'"):
        benchbed.leaderboard("digitz", results=results)
    with pytest.raises(BenchbedError, match=r"There are no records of digits@1"):
        benchbed.leaderboard("digits", results=tmp_path / "nowhere")
    with pytest.raises(PluginError, match="Did you mean 'hps'"):
        benchbed.run("digits", ["hpss"], results=results)
    with pytest.raises(MethodError, match="no option"):
        benchbed.run("digits", ["hps:depth=3"], results=results)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        benchbed.run("digits", ["hps"], results=tmp_path / "file")


def test_no_arguments_mean_the_default_suite_and_a_protocol_the_suite_of_its_name(zoo):
    suite = (
        "single-task",
        *(f"hps+{w}" for w in ("equal", "uncertainty", "dwa", "mgda", "pcgrad")),
    )
    for arguments in ((), ("digits",), (None, (), "digits"), ("digits", (), "digits")):
        (request,) = requests(zoo, *arguments)
        assert (request.protocol.id, request.methods) == ("digits@1", suite), arguments
    (request,) = requests(zoo, "digits@1", ["hps+dwa"])
    assert request.methods == ("hps+dwa",)


def test_a_protocol_without_a_suite_needs_methods(zoo, tmp_path):
    path = fakes.write_mini(tmp_path)
    with pytest.raises(
        ProtocolError, match=r"no suite 'mini' of its name; name methods after it\.$"
    ):
        requests(zoo, str(path))


def test_a_protocol_without_a_suite_of_its_name_tells_which_suites_run_it(zoo):
    with pytest.raises(ProtocolError, match="or a suite: --suite ati-net-table1"):
        requests(zoo, "rooms-segnet")


def test_methods_without_a_protocol_are_not_passed_over(zoo):
    """They are trained under the default suite's protocol, or refused; nothing else is trained."""
    found: list = []
    with suppress(BenchbedError):
        found = requests(zoo, None, ["hps+dwa"])
    assert [request.methods for request in found] in ([], [("hps+dwa",)])


def test_a_suite_may_state_how_many_seeds_and_that_gradients_are_logged(zoo, tmp_path):
    path = tmp_path / "many.toml"
    path.write_text(
        'name = "many"\nprotocols = ["digits"]\nmethods = ["hps"]\n'
        "seeds = 5\nlog_gradients = true\n"
    )
    zoo.files.append(FileEntry("suite", path, "benchbed"))
    (request,) = requests(zoo, suite="many")
    assert list(request.seeds) == [0, 1, 2, 3, 4]
    assert request.log_gradients
    (request,) = requests(zoo, "digits")
    assert request.seeds is None
    assert not request.log_gradients


def test_a_request_plans_with_the_suites_seeds_unless_others_are_asked_for(zoo, tmp_path):
    (request,) = requests(zoo, suite="weightings")
    settings = Settings(results=tmp_path)
    plan = request.plan(zoo, settings)
    assert list(plan.seeds) == [0, 1, 2, 3, 4]
    assert all(run.job.log_gradients for run in plan.runs)
    assert list(request.plan(zoo, settings, [7]).seeds) == [7]
    (request,) = requests(zoo, "digits")
    assert not any(run.job.log_gradients for run in request.plan(zoo, settings).runs)


def test_methods_and_a_suite_at_once_are_refused(zoo):
    with pytest.raises(BenchbedError, match="suite"):
        requests(zoo, "digits", ["hps+dwa"], "digits")


def test_importing_benchbed_and_its_api_loads_neither_torch_nor_pandas():
    code = (
        "import sys, benchbed; benchbed.run, benchbed.leaderboard; "
        "print(*{'torch', 'numpy', 'pandas', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
