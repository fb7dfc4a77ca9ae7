"""``benchbed inspect`` as a command."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchbed.cli import cli, guarded
from tests.conftest import ROOT
from tests.report.inspect.helpers import short_protocol


def run_inspect(*arguments) -> int:
    return guarded(lambda: cli.main(["inspect", *map(str, arguments)], standalone_mode=False))


def test_without_any_weights_curves_alone_are_drawn(copy, trained, tmp_path, capsys):
    lost = [copy(name, weights=False) for name in ("hps/mgda", "single-task/holes")]
    arguments = [*lost, "--results", tmp_path, "--protocol", short_protocol(trained)]
    arguments += ["--output", tmp_path / "out"]
    assert run_inspect(*arguments) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "out/curves.png")]
    assert err.startswith("Note: No samples were drawn. These weights are not there: hps+mgda, ")
    assert run_inspect(*arguments, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["comparison"] is None
    assert [f"Note: {note}\n" for note in facts["notes"]] == [err]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["curves.png"]


def test_what_keeps_predictions_from_being_drawn_is_an_error_beside_the_curves(
    trained, tmp_path, capsys
):
    paths = [trained["hps/mgda"], trained["single-task/digit"]]
    assert run_inspect(*paths, "--output", tmp_path) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "curves.png")]
    assert err.startswith("Error: Protocol digits@1 as installed has digest")


def test_the_command_compares_several_records(trained, tmp_path, capsys):
    paths = [trained["hps/mgda"], trained["single-task/digit"]]
    keys = [path.stem[:8] for path in paths]
    arguments = ["inspect", *keys, "--results", str(paths[0].parents[5]), "--samples", "1"]
    arguments += ["--protocol", short_protocol(trained), "--output", str(tmp_path)]
    figures = [tmp_path / "comparison.png", tmp_path / "curves.png"]
    cli.main(arguments, standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == list(map(str, figures))
    assert sorted(tmp_path.iterdir()) == figures
    cli.main([*arguments, "--json"], standalone_mode=False)
    facts = json.loads(capsys.readouterr().out)
    assert list(facts) == ["comparison", "curves", "records", "notes"]
    assert facts["comparison"] == str(figures[0])
    assert [fact["key"] for fact in facts["records"]] == [path.stem for path in paths]


def test_a_folder_stands_for_the_records_below_it(trained, tmp_path, capsys):
    folder = trained["hps/mgda"].parents[2]
    protocol = short_protocol(trained)
    assert run_inspect(folder, "--protocol", protocol, "--output", tmp_path, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    below = [str(path) for path in folder.rglob("*.json")]
    assert len(below) == 4
    assert [fact["record"] for fact in facts["records"]] == sorted(below)


def test_a_folder_without_records_is_refused(tmp_path, capsys):
    (tmp_path / "notes.json").write_text("{}")
    assert run_inspect(tmp_path) == 2
    assert capsys.readouterr().err == f"Error: There are no records below {tmp_path}.\n"


@pytest.mark.parametrize("choice", ["worst", "typical"])
def test_samples_are_chosen_by_their_losses_or_by_hand(trained, tmp_path, capsys, choice):
    path = trained["hps/mgda"]
    assert run_inspect(path, f"--{choice}", "--samples", "3,4", "--output", tmp_path) == 2
    message = f"Error: --{choice} chooses the samples, so --samples must be their number.\n"
    assert capsys.readouterr().err == message


def test_the_command_without_matplotlib_says_so(bench, plugin_folder):
    plugin_folder.path.joinpath("matplotlib.py").write_text("raise ImportError('simulated')\n")
    done = bench("inspect", "abcdef")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "Error: Drawing needs matplotlib, which is not installed: pip install 'benchbed[plots]'.\n"
    )


def test_help_of_the_command_loads_nothing_heavy():
    code = (
        "import sys; from benchbed.cli import cli\n"
        "cli.main(['inspect', '--help'], standalone_mode=False)\n"
        "print([m for m in ('numpy', 'torch', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_command_ends_with_2_where_panels_need_something_else(trained, tmp_path, capsys):
    path = trained["hps/mgda"]
    arguments = ["inspect", path.stem[:6], "--results", str(path.parents[5])]
    arguments += ["--output", str(tmp_path / "out")]
    assert guarded(lambda: cli.main(arguments, standalone_mode=False)) == 2
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "out" / "curves.png")]
    assert err.startswith("Error: Protocol digits@1 as installed has digest")
