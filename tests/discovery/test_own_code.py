"""Methods of one's own that are not packaged: a file on the command line, a class in Python."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchbed import Weighting
from benchbed.basics.errors import BenchbedError, PluginError
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.method import resolve_under
from benchbed.discovery.own_code import add_class, add_file
from benchbed.discovery.shipped import Shipped, install, read_shipped, write_shipped
from benchbed.execution.local import LocalExecutor
from benchbed.execution.plan import Settings, make_plan
from benchbed.execution.preflight import preflight
from benchbed.records.job import read_job
from benchbed.records.record import decode_record
from benchbed.testing.contract import misfits
from tests import fakes

MINE = '''
import torch
from benchbed import Architecture, Weighting


class LossPower(Weighting):
    """Losses to a power."""

    level = "loss"

    def __init__(self, context, power=1.0, name="x", flag=False, steps=3):
        super().__init__(context)
        self.power = power

    def transform(self, losses):
        return {task: loss**self.power for task, loss in losses.items()}


class GramOnly(Weighting):
    id = "mine-gram"
    version = "2.1"
    level = "gramian"
    heads = "own"

    def weights(self, gramian, losses):
        return torch.ones(len(gramian), dtype=gramian.dtype)


class _Private(Weighting):
    level = "loss"


class Abstract(Architecture):
    """Not complete."""
'''

HOOKS = """
from benchbed import Option, Spec, Weighting, hookimpl


class Sum(Weighting):
    level = "loss"

    def __init__(self, context, factor=1.0):
        super().__init__(context)
        self.factor = factor

    def combine(self, losses):
        return self.factor * sum(losses.values())


@hookimpl
def benchbed_weightings():
    options = {"factor": Option(float, 1.0, "of the sum", minimum=0)}
    return [Spec("my-sum", "1.3", "hooked:Sum", options=options, traits=frozenset({"loss"}))]
"""


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


def test_a_file_brings_its_classes_under_names_versions_and_options_of_their_own(registry, mine):
    add_file(registry, mine)
    (module,) = registry.shipped
    digest = module.removeprefix("benchbed_file_")
    power = registry.get("weighting", "loss-power").spec
    assert power.version == f"1.0+file.{digest}"
    assert power.target == f"{module}:LossPower"
    assert power.summary == "Losses to a power."
    assert power.traits == {"loss", "additive"}
    defaults = {name: option.default for name, option in power.options.items()}
    assert defaults == {"power": 1.0, "name": "x", "flag": False, "steps": 3}
    assert [option.type for option in power.options.values()] == [float, str, bool, int]
    gram = registry.get("weighting", "mine-gram").spec
    assert (gram.version, gram.traits) == (f"2.1+file.{digest}", {"gramian"})
    cls = install(registry.shipped[module]).LossPower
    assert not misfits(power, cls, 1)
    assert ("weighting", "private") not in registry.entries
    method = resolve_under(find_protocol("digits", registry), "hps+loss-power:power=2", registry)
    assert method.name == "hps+loss-power:power=2"
    # whoever shares a record does not share paths
    assert registry.get("weighting", "loss-power").distribution == "mine.py"


def test_a_file_with_hooks_brings_what_they_return(registry, tmp_path):
    path = tmp_path / "hooked.py"
    path.write_text(HOOKS)
    add_file(registry, path)
    spec = registry.get("weighting", "my-sum").spec
    (module,) = registry.shipped
    assert spec.target == f"{module}:Sum"
    assert spec.version == "1.3+file." + module.removeprefix("benchbed_file_")
    assert spec.options["factor"].minimum == 0


def test_the_same_code_has_the_same_name_wherever_it_lies_and_other_code_another(
    registry, mine, tmp_path
):
    digits = find_protocol("digits", registry)

    def keys(path: Path) -> list[str]:
        from benchbed.discovery.registry import discover

        found = discover({"BENCHBED_PLUGINS": "zoo"})
        add_file(found, path)
        plan = make_plan(digits, ["hps+loss-power"], found, Settings(tmp_path / "results"), [0])
        return [run.key for run in plan.runs if run.method == "hps+loss-power"]

    other = tmp_path / "elsewhere" / "renamed.py"
    other.parent.mkdir()
    shutil.copy(mine, other)
    assert keys(other) == keys(mine)
    other.write_text(MINE.replace("loss**self.power", "2 * loss"))
    assert keys(other) != keys(mine)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", "Cannot load"),
        ("raise SystemExit(3)\n", "Cannot load"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("x = 1\n", "defines no hook and no class that extends benchbed.Weighting"),
        (MINE.replace('id = "mine-gram"', 'id = "dwa"'), "there is a weighting 'dwa' of benchbed"),
        (MINE.replace("power=1.0", "power"), "the option 'power' needs a default"),
        (MINE.replace("power=1.0", "power=None"), "the option 'power' needs a default"),
        (MINE.replace('id = "mine-gram"', 'id = "Mine Gram"'), "must be lower-case letters"),
        (HOOKS.replace('"my-sum"', '"dwa"'), "weighting 'dwa' is already registered by benchbed"),
        (HOOKS.replace("def benchbed_weightings", "def benchbed_wheitings"), "Did you mean"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_sentence(registry, tmp_path, text, words):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(PluginError) as caught:
        add_file(registry, path)
    assert words in str(caught.value)


def test_a_file_that_is_none_is_a_sentence(registry, tmp_path):
    with pytest.raises(PluginError, match="Cannot read --plugin .*absent.py: No such file"):
        add_file(registry, tmp_path / "absent.py")
    with pytest.raises(PluginError, match="that is no Python file"):
        add_file(registry, tmp_path)


def test_code_is_written_and_read_again_as_it_is(tmp_path):
    shipped = Shipped("benchbed_file_x", "source", bytes(range(256)), "mine.py")
    assert read_shipped(write_shipped(shipped, tmp_path)) == shipped
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(PluginError, match="Cannot read the plugin"):
        read_shipped(tmp_path / "bad.json")


@pytest.mark.parametrize("fork", [True, False])
def test_every_kind_of_process_gets_the_code(registry, mine, tmp_path, fork):
    add_file(registry, mine)
    digits = find_protocol("digits", registry)
    plan = make_plan(digits, ["hps+loss-power"], registry, Settings(tmp_path / "results"), [0])
    with LocalExecutor(1, fork=fork) as executor:
        preflight([plan], executor)


def test_no_job_leads_to_code(registry, mine, tmp_path):
    """A job file alone names a module that is not there."""
    add_file(registry, mine)
    digits = find_protocol("digits", registry)
    plan = make_plan(digits, ["hps+loss-power"], registry, Settings(tmp_path / "results"), [0])
    job = plan.runs[-1].job
    content = __import__("msgspec").json.encode(job)
    assert b"def transform" not in content
    path = tmp_path / "job.json"
    path.write_bytes(content)
    assert read_job(path) == job
    command = [sys.executable, "-m", "benchbed.worker", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert "No module named 'benchbed_file_" in done.stdout


def test_a_file_trains_from_the_command_line_and_its_row_is_marked(bench):
    fakes.write_mini(bench.folder, epochs=1, seeds=[0])
    path = bench.folder / "mine.py"
    path.write_text(MINE)
    words = ("run", "mini.toml", "hps+loss-power:power=0.5", "--no-measure")
    without = bench(*words)
    assert without.returncode == 2
    assert "There is no weighting 'loss-power'" in without.stderr
    done = bench(*words, "--plugin", "mine.py", "--notes")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert (
        "hps+loss-power:power=0.5: weighting loss-power is no installed plugin (1.0+file." in text
    )
    (record,) = (bench.folder / "results" / "runs").rglob("loss-power/*.json")
    content = record.read_bytes()
    assert str(bench.folder).encode() not in content
    found = decode_record(content)
    (part,) = [c for c in found.components if c.kind == "weighting"]
    assert part.source.startswith("ast1:")
    again = bench(*words, "--plugin", str(path))
    assert "3 cached, 0 to train" in again.stderr
    verified = bench(
        "verify", found.key[:8], "--protocol", "mini.toml", "--plugin", "mine.py", "--json"
    )
    assert verified.returncode == 0, verified.stderr
    assert json.loads(verified.stdout)["result"] == "exact"


SCRIPT = """
import sys
import benchbed

FACTOR = 2.0


def helper(total):
    return FACTOR * total


class MyWeighting(benchbed.Weighting):
    level = "loss"

    def combine(self, losses):
        return helper(sum(losses.values()))


if __name__ == "__main__":
    table = benchbed.run("mini.toml", [MyWeighting, "hps+equal"], jobs=1)
    print(list(table["method"]))
"""


def test_a_class_of_a_script_stands_for_a_method_with_all_that_it_uses(bench):
    fakes.write_mini(bench.folder, epochs=1, seeds=[0])
    (bench.folder / "script.py").write_text(SCRIPT)

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "script.py"]
        return subprocess.run(
            command, cwd=bench.folder, capture_output=True, text=True, check=False
        )

    first = run()
    assert first.returncode == 0, first.stderr
    assert "hps+my-weighting" in first.stdout
    runs = set((bench.folder / "results").rglob("my-weighting/*.json"))
    assert run().returncode == 0
    assert set((bench.folder / "results").rglob("my-weighting/*.json")) == runs
    # other code, be it in a constant that the class uses, is another run
    (bench.folder / "script.py").write_text(SCRIPT.replace("FACTOR = 2.0", "FACTOR = 3.0"))
    assert run().returncode == 0
    assert len(set((bench.folder / "results" / "runs").rglob("my-weighting/*.json"))) > 1


def test_a_class_that_stands_for_no_method_is_refused(registry):
    with pytest.raises(PluginError, match="int extends none of benchbed.Weighting"):
        add_class(registry, int)

    class Dwa(Weighting):
        level = "loss"

    with pytest.raises(BenchbedError, match="there is a weighting 'dwa' of benchbed"):
        add_class(registry, Dwa)


def test_the_code_of_a_class_of_a_module_counts_not_its_name(registry, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    versions = set()
    for factor in (2, 3):
        (tmp_path / "own_module.py").write_text(
            "from benchbed import Weighting\n\n\ndef helper(total):\n"
            f"    return {factor} * total\n\n\nclass OfModule(Weighting):\n    level = 'loss'\n\n"
            "    def combine(self, losses):\n        return helper(sum(losses.values()))\n"
        )
        sys.modules.pop("own_module", None)
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        registry.entries.pop(("weighting", "of-module"), None)
        versions.add(add_class(registry, importlib.import_module("own_module").OfModule).version)
    sys.modules.pop("own_module", None)
    assert len(versions) == 2


def test_code_is_written_once(tmp_path):
    shipped = Shipped("benchbed_file_x", "source", b"x = 1", "mine.py")
    path = write_shipped(shipped, tmp_path)
    before = path.stat()
    write_shipped(shipped, tmp_path)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
