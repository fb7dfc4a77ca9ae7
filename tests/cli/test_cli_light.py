"""The command line where nothing is trained: what it imports, prints, refuses and ends with."""

import json
import os
import shlex
import subprocess
import sys
from importlib.metadata import entry_points

import click
import msgspec
import pytest

from benchbed.basics.errors import BenchbedError, PluginError, RunError
from benchbed.cli import VERBS, cli, guarded, main
from benchbed.cli.common import parse_seeds, seconds_text
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from tests.conftest import ROOT

HEAD = "from benchbed import Spec, hookimpl\n"
GOOD = HEAD + "@hookimpl\ndef benchbed_weightings(): return [Spec('good', '1.0', 'x:Y')]\n"
PROTOCOL = """
name = "mine"
version = 1
epochs = 1
batch_size = 1
data = { dataset = "digits" }
tasks.digit = { task = "classification" }
optimizer = { name = "sgd", lr = 1 }
selection = { rule = "last" }
"""


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Run a command in this process, first-party plugins only: status, output, error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCHBED_PLUGINS", "zoo")
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        return (stop.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def light(plugin_folder, tmp_path):
    """Run Python in a process of its own that sees the plugin folder, without the toy plugin."""
    plugin_folder.path.mkdir()

    def call(*arguments: str, env=None):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("BENCHBED")}
        path = os.pathsep.join([str(plugin_folder.path), str(ROOT)])
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**inherited, "PYTHONPATH": path, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.fixture
def bed(light):
    """Run ``python -m benchbed`` in a process of its own."""
    return lambda *arguments, env=None: light("-m", "benchbed", *arguments, env=env)


def commands(group=cli, path=()):
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = dict(commands())
HEAVY = ["torch", "torchmetrics", "torchvision", "timm", "numpy", "pandas", "sklearn"]
AFTER = f"""
import json, sys
sys.stderr.write(json.dumps([name for name in {HEAVY} if name in sys.modules]))
"""


def loaded(light, source: str) -> tuple[str, list[str]]:
    done = light("-c", source + AFTER)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(done.stderr.splitlines()[-1])


def verb(*arguments: str) -> str:
    call = f"lambda: cli.main({list(arguments)}, standalone_mode=False)"
    return f"from benchbed.cli import cli, guarded\nassert guarded({call}) == 0\n"


def test_listing_reads_no_sources(run, monkeypatch):
    read: list[str] = []
    monkeypatch.setattr(
        "benchbed.discovery.component.source_digest", lambda t: read.append(t) or ""
    )
    assert run("list")[0] == 0
    assert read == []
    run("show", "hps+equal")
    assert len(read) == 3


def test_importing_benchbed_loads_nothing_heavy(light):
    source = "import benchbed\nassert benchbed.__version__ and dir(benchbed)\n"
    assert loaded(light, source)[1] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "--json"],
        ["show", "hps"],
        ["show", "hps+dwa:T=3"],
        ["protocol", "list"],
        ["protocol", "show", "digits"],
    ],
    ids=" ".join,
)
def test_a_command_that_only_tells_loads_nothing_heavy(light, arguments):
    output, heavy = loaded(light, verb(*arguments))
    assert output
    assert heavy == []


def test_no_help_of_any_command_loads_anything_heavy(light):
    source = "".join(verb(*path, "--help") for path in ALL)
    output, heavy = loaded(light, source)
    assert output.count("Usage:") == len(ALL)
    assert heavy == []


def test_planning_loads_no_deep_learning_library(light):
    output, heavy = loaded(light, verb("plan", "digits", "hps+dwa", "hps+mgda"))
    assert "digits@1" in output
    assert not {"torch", "torchmetrics", "torchvision", "timm"} & set(heavy)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_shows_examples_that_the_command_would_take(path, run):
    status, output, error = run(*path, "--help")
    assert (status, error) == (0, "")
    _, _, text = output.partition("Example")
    parent = click.Context(cli, **cli.context_settings)
    lines = [line.split(maxsplit=1)[1] for line in text.splitlines() if "  benchbed " in line]
    assert lines
    for line in lines:
        words = shlex.split(line.partition(" > ")[0])
        command = cli
        while isinstance(command, click.Group):
            command = command.get_command(parent, words.pop(0))
            assert command is not None, line
        command.make_context("example", words, parent=parent)


def test_the_main_help_shows_every_verb_and_how_to_start(run):
    status, output, _ = run("--help")
    assert status == 0
    assert "benchbed run" in output
    for name, what in VERBS.items():
        assert f"  {name} " in output
        assert what in output


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_begins_as_the_main_help_says(name):
    assert ALL[name,].help.startswith(VERBS[name].rstrip("."))


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_a_short_flag_everywhere(run, flag):
    assert run(flag)[0] == run("list", flag)[0] == run("protocol", "show", flag)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lst"], ["There is no command 'lst'", "Did you mean 'list'?"]),
        (["protocol", "shw"], ["'shw'", "Did you mean 'show'?"]),
        (["list", "--jsn"], ["'--jsn'", "--json"]),
        (["list", "weigthings"], ["'weigthings'", "Did you mean 'weighting'?"]),
        (["show", "dwaa"], ["'dwaa'", "Did you mean 'dwa'?"]),
        (["show", "hps+dwaa"], ["'dwaa'", "Did you mean 'dwa'?"]),
        (["show", "hps+dwa:T=x"], ["dwa", "'T'", "finite number"]),
        (["show", "hps:backbone=mlp,backbone.width=1.5"], ["'width'", "whole number"]),
        (["show", "single-task+dwa"], ["nothing to weigh"]),
        (["protocol", "show", "digist"], ["'digist'", "Did you mean 'digits'?"]),
        (["protocol", "hash", "missing.toml"], ["Cannot read missing.toml"]),
        (["plan", "digist", "hps"], ["'digist'", "Did you mean 'digits'?"]),
        (["plan", "digits", "hpss"], ["'hpss'", "Did you mean 'hps'?"]),
        (["plan", "digits", "hps+fixed:digti=2"], ["'digti'", "Did you mean 'digit'?"]),
        (["plan", "digits", "hps", "--seeds", "x"], ["--seeds x", "0,3,7"]),
        (["plan", "digits", "hps", "--jobs", "0"], ["--jobs", "0"]),
        (["plan", "--suite", "digist"], ["'digist'", "Did you mean 'digits'?"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_sentence_with_the_remedy_and_status_2(run, arguments, words):
    status, output, error = run(*arguments)
    assert (status, output) == (2, "")
    sentence = error.splitlines()[-1]
    assert sentence.startswith("Error: ")
    for word in words:
        assert word in sentence
    assert error.count("Error: ") == 1


def ending(error: BaseException | None):
    @click.command()
    def command() -> None:
        if error is not None:
            raise error

    return lambda: command.main([], standalone_mode=False)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, 0),
        (BenchbedError("x."), 2),
        (PluginError("x."), 2),
        (RunError("x."), 1),
        (click.UsageError("x."), 2),
        (click.exceptions.Exit(0), 0),
        (click.exceptions.Exit(1), 1),
        (click.exceptions.Exit(130), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
    ],
    ids=repr,
)
def test_a_command_ends_with_the_status_of_its_error(error, status, capsys):
    assert guarded(ending(error)) == status
    assert "Traceback" not in capsys.readouterr().err


def test_an_error_that_nobody_foresaw_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        guarded(ending(ZeroDivisionError()))


def test_without_a_verb_the_help_is_shown(run):
    status, output, error = run()
    assert status == 2
    assert "Commands:" in output + error


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "benchbed", "list"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "BENCHBED_PLUGINS": "zoo"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), error) == (0, "")


def test_benchbed_is_a_script_and_a_module(bed):
    (script,) = entry_points(group="console_scripts", name="benchbed")
    assert script.value == "benchbed.cli:main"
    done = bed("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("benchbed, version ")


KEYS = ["distribution", "id", "kind", "summary", "version"]


def test_the_json_of_list_has_the_same_keys_for_everything(run):
    status, output, error = run("list", "--json")
    rows = json.loads(output)
    assert (status, error) == (0, "")
    assert all(sorted(row) == KEYS for row in rows)
    assert all(isinstance(value, str) for row in rows for value in row.values())
    found = {(row["kind"], row["id"]) for row in rows}
    assert {
        ("architecture", "hps"),
        ("backbone", "mlp"),
        ("task", "classification"),
        ("dataset", "digits"),
        ("weighting", "dwa"),
        ("protocol", "digits"),
        ("suite", "digits"),
    } <= found
    assert {row["distribution"] for row in rows} == {"benchbed"}
    assert all(row["summary"] for row in rows)


@pytest.mark.parametrize("kind", ["weighting", "weightings", "WEIGHTING"])
def test_list_takes_one_kind_in_singular_or_plural(run, kind):
    rows = json.loads(run("list", kind, "--json")[1])
    assert {row["kind"] for row in rows} == {"weighting"}


def test_list_prints_what_its_json_says(run):
    text = run("list")[1]
    for row in json.loads(run("list", "--json")[1]):
        (line,) = [
            x for x in text.splitlines() if x.startswith(f"  {row['id']} ") and row["summary"] in x
        ]
        assert row["version"] in line


def test_an_empty_choice_of_plugins_lists_nothing(run, monkeypatch):
    monkeypatch.setenv("BENCHBED_PLUGINS", "")
    assert run("list", "--json") == (0, "[]\n", "")


def test_show_tells_everything_of_one_name(run):
    shown = json.loads(run("show", "digits", "--json")[1])
    assert [item["kind"] for item in shown] == ["dataset", "protocol", "suite"]
    (dwa,) = json.loads(run("show", "dwa", "--json")[1])
    assert dwa["options"] == {"T": "float, default 2; at least 1e-06; temperature"}
    assert dwa["target"] == "benchbed_zoo.weightings.dwa:DynamicWeightAverage"
    assert "default 2; at least 1e-06; temperature" in run("show", "dwa")[1]


def test_show_tells_choices_and_bounds(run):
    (affine,) = json.loads(run("show", "affine", "--json")[1])
    assert "; one of ignore, background; " in affine["options"]["border"]
    (segnet,) = json.loads(run("show", "segnet", "--json")[1])
    assert "default 1; at least 0.001 and at most 16; " in segnet["options"]["width"]
    assert f"border: {affine['options']['border']}" in run("show", "affine")[1]


def test_show_resolves_a_method_with_every_option(run):
    method, *parts = json.loads(run("show", "hps:backbone=mlp+dwa:T=3.0", "--json")[1])
    assert method["id"] == "hps:backbone=mlp+dwa:T=3"
    assert [part["options"] for part in parts] == [
        {"backbone": "mlp"},
        {"width": "128"},
        {"T": "3"},
    ]


def test_broken_plugins_are_named_by_list_while_everything_else_is_listed(plugin_folder, bed):
    plugin_folder.install("good_plugin", GOOD)
    plugin_folder.install("raising_plugin", "raise RuntimeError('boom')")
    plugin_folder.install("leaving_plugin", "raise SystemExit('bye')")
    plugin_folder.install("hooky_plugin", HEAD + "@hookimpl\ndef benchbed_tasks(): return 1 / 0")
    plugin_folder.install("twice_plugin", GOOD)
    done = bed("list", "weightings")
    assert done.returncode == 0
    for word in ("dwa", "good", "[good_plugin]"):
        assert word in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    for name, error in {
        "raising_plugin": "RuntimeError: boom",
        "leaving_plugin": "SystemExit: bye",
        "hooky_plugin": "ZeroDivisionError",
        "twice_plugin": "already registered by good_plugin",
    }.items():
        (line,) = [line for line in lines if f"of {name}: " in line]
        assert line.startswith("Left out: ")
        assert error in line


@pytest.mark.parametrize(
    "arguments", [["list"], ["show", "hps"], ["protocol", "list"]], ids=" ".join
)
def test_strict_plugins_makes_a_broken_plugin_an_error(plugin_folder, bed, arguments):
    plugin_folder.install("a_plugin", "raise RuntimeError('boom')")
    assert bed(*arguments).returncode == 0
    done = bed(*arguments, "--strict-plugins")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "a_plugin" in line
    assert "RuntimeError: boom" in line


def test_strict_plugins_changes_nothing_where_all_are_sound(run):
    assert run("list", "--strict-plugins") == run("list")


@pytest.fixture
def file_plugin(plugin_folder):
    """Install a plugin with one protocol file of the given text, under any name."""

    def install(text: str) -> None:
        source = "@hookimpl\ndef benchbed_protocols(): return [__file__.replace('.py', '.toml')]\n"
        module = plugin_folder.install("files_plugin", HEAD + source)
        module.with_suffix(".toml").write_text(text)

    return install


@pytest.mark.parametrize("arguments", [["list"], ["protocol", "list"]], ids=" ".join)
def test_a_broken_protocol_file_is_named_and_left_out(file_plugin, bed, arguments):
    file_plugin(PROTOCOL.replace("epochs", "epoch"))
    done = bed(*arguments)
    assert done.returncode == 0
    assert "digits" in done.stdout
    (line,) = done.stderr.splitlines()
    for word in ("files_plugin.toml", "of files_plugin", "'epoch'", "Did you mean 'epochs'?"):
        assert word in line


@pytest.mark.parametrize("arguments", [["list"], ["protocol", "list"]], ids=" ".join)
def test_a_broken_protocol_file_is_an_error_under_strict_plugins(file_plugin, bed, arguments):
    file_plugin(PROTOCOL.replace("epochs", "epoch"))
    done = bed(*arguments, "--strict-plugins")
    assert done.returncode == 2
    assert "files_plugin" in done.stderr


def test_a_protocol_is_listed_with_its_distribution_whatever_its_file_is_called(file_plugin, bed):
    file_plugin(PROTOCOL)
    rows = json.loads(bed("list", "protocols", "--json").stdout)
    assert {row["id"]: row["distribution"] for row in rows} == {
        "digits": "benchbed",
        "mine": "files_plugin",
        "nyuv2-mtan": "benchbed",
        "rooms-full": "benchbed",
        "rooms-segnet": "benchbed",
        "rooms-small": "benchbed",
    }


def test_the_environment_picks_plugins(plugin_folder, bed):
    plugin_folder.install("good_plugin", GOOD)
    rows = json.loads(bed("list", "--json", env={"BENCHBED_PLUGINS": "good_plugin"}).stdout)
    assert [row["id"] for row in rows] == ["good"]


def test_picking_an_unknown_plugin_is_one_sentence_and_status_2(run, monkeypatch):
    monkeypatch.setenv("BENCHBED_PLUGINS", "zo")
    status, output, error = run("list")
    assert (status, output) == (2, "")
    assert error.startswith("Error: BENCHBED_PLUGINS names 'zo', which is not installed.")
    assert error.count("\n") == 1


@pytest.fixture
def digits():
    return find_protocol("digits", discover({"BENCHBED_PLUGINS": "zoo"}))


def test_protocol_list_shows_digests(run, digits):
    (found,) = [
        p for p in json.loads(run("protocol", "list", "--json")[1]) if p["protocol"] == "digits@1"
    ]
    assert found == {"protocol": "digits@1", "digest": digits.digest, "title": digits.title}
    assert digits.digest[:12] in run("protocol", "list")[1]


def test_protocol_show_fills_in_defaults(run, digits):
    shown = json.loads(run("protocol", "show", "digits", "--json")[1])
    assert shown == {"digest": digits.digest, **json.loads(msgspec.json.encode(digits))}
    assert shown["data"]["validation"] == "validation"
    text = run("protocol", "show", "digits@1")[1]
    assert f"digest {digits.digest}" in text
    assert "weight_decay: 0.0" in text


def test_protocol_hash_prints_the_digest_or_what_it_is_taken_of(run, digits):
    assert run("protocol", "hash", "digits") == (0, f"{digits.digest}\n", "")
    canonical = json.loads(run("protocol", "hash", "digits", "--canonical")[1])
    assert canonical == digits.canonical()
    assert "title" not in canonical


def test_protocol_diff_shows_each_field_that_differs(run, tmp_path):
    (tmp_path / "a.toml").write_text(PROTOCOL + 'title = "one"\n')
    (tmp_path / "b.toml").write_text(
        PROTOCOL.replace("epochs = 1", "epochs = 2").replace("lr = 1", "lr = 1, momentum = 0.5")
        + 'tasks.parity = { task = "classification" }\ntitle = "two"\n'
    )
    status, output, error = run("protocol", "diff", "a.toml", "b.toml", "--json")
    assert (status, error) == (0, "")
    different = json.loads(output)
    assert different["epochs"] == [1, 2]
    assert different["optimizer.momentum"] == [0.0, 0.5]
    assert different["tasks.parity.task"] == [None, "classification"]
    assert "title" not in different
    text = run("protocol", "diff", "a.toml", "b.toml")[1]
    assert "epochs: 1 → 2" in text
    assert "tasks.parity.task: not there → classification" in text


def test_protocol_diff_of_equals_says_so(run, tmp_path):
    (tmp_path / "a.toml").write_text(PROTOCOL)
    (tmp_path / "b.toml").write_text(PROTOCOL + 'title = "two"\n')
    assert run("protocol", "diff", "a.toml", "b.toml")[1] == "mine@1 and mine@1 do not differ.\n"
    assert json.loads(run("protocol", "diff", "a.toml", "b.toml", "--json")[1]) == {}


def test_protocol_diff_sees_another_order_of_tasks(run, tmp_path):
    one, two = ('tasks.digit = { task = "classification" }', 'tasks.x = { task = "regression" }')
    (tmp_path / "a.toml").write_text(PROTOCOL.replace(one, f"{one}\n{two}"))
    (tmp_path / "b.toml").write_text(PROTOCOL.replace(one, f"{two}\n{one}"))
    different = json.loads(run("protocol", "diff", "a.toml", "b.toml", "--json")[1])
    assert different == {"task order": [["digit", "x"], ["x", "digit"]]}


@pytest.mark.parametrize(
    ("text", "seeds"), [(None, None), ("3", [0, 1, 2]), ("0,3,7", [0, 3, 7]), ("7,0", [7, 0])]
)
def test_seeds_are_a_number_or_a_list(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "-1", "1,-1", "x", "1.5", "", ",", "1,,2"])
def test_anything_else_is_no_seeds(text):
    with pytest.raises(BenchbedError, match="such as 5"):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (7200, "2.0 h")]
)
def test_durations_are_told_in_a_fitting_unit(seconds, text):
    assert seconds_text(seconds) == text
