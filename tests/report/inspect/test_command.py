"""``benchbed inspect`` as a command."""

from __future__ import annotations

import json
import subprocess
import sys

from benchbed.cli import cli, guarded
from tests.conftest import ROOT
from tests.report.inspect.helpers import short_protocol


def test_without_any_weights_nothing_is_drawn_and_the_exit_code_is_2(
    copy, trained, tmp_path, capsys
):
    lost = [copy(name, weights=False) for name in ("hps/mgda", "single-task/holes")]
    arguments = ["inspect", *map(str, lost), "--results", str(tmp_path)]
    arguments += ["--protocol", short_protocol(trained)]
    assert guarded(lambda: cli.main(arguments, standalone_mode=False)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: Nothing was drawn. These weights are not there: hps+mgda, ")
    assert guarded(lambda: cli.main([*arguments, "--json"], standalone_mode=False)) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["comparison"] is None
    assert [f"Error: {note}\n" for note in facts["notes"]] == [err]
    assert not (tmp_path / "inspect").exists()


def test_the_command_compares_several_records(trained, tmp_path, capsys):
    paths = [trained["hps/mgda"], trained["single-task/digit"]]
    keys = [path.stem[:8] for path in paths]
    arguments = ["inspect", *keys, "--results", str(paths[0].parents[5]), "--samples", "1"]
    arguments += ["--protocol", short_protocol(trained), "--output", str(tmp_path)]
    figure = tmp_path / "comparison.png"
    cli.main(arguments, standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == [str(figure)]
    assert sorted(tmp_path.iterdir()) == [figure]
    cli.main([*arguments, "--json"], standalone_mode=False)
    facts = json.loads(capsys.readouterr().out)
    assert list(facts) == ["comparison", "records", "notes"]
    assert facts["comparison"] == str(figure)
    assert [fact["key"] for fact in facts["records"]] == [path.stem for path in paths]
    assert "curves" not in facts["records"][0]


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
