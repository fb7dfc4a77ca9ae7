"""The README's plugin, taken out of it word by word, installed and trained."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def block(name: str) -> str:
    """Return the code block that follows a file's name at the start of a line."""
    found = re.search(rf"^`{re.escape(name)}`.*?```\w+\n(.*?)```", README, re.DOTALL | re.MULTILINE)
    assert found, name
    return found.group(1)


def test_a_plugin_written_from_the_readme_alone_is_listed_trained_and_ranked(bench, plugin_folder):
    project = bench.folder / "benchbed-mine"
    for name in ("pyproject.toml", "benchbed_mine/__init__.py", "benchbed_mine/methods.py"):
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block(name))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    options = ["--no-build-isolation", "--target", str(plugin_folder.path), str(project)]
    subprocess.run([*command, *options], check=True)

    listed = json.loads(bench("list", "--json").stdout)
    brought = {(x["kind"], x["id"]) for x in listed if x["distribution"] == "benchbed-mine"}
    assert brought == {("architecture", "tiny"), ("weighting", "loss-power")}

    text = (ROOT / "plugins/benchbed_zoo/protocols/digits-1.toml").read_text()
    short = text.replace("epochs = 20", "epochs = 2").replace("[0, 1, 2]", "[0]")
    short = short.replace('name = "digits"', 'name = "short"')
    (bench.folder / "short.toml").write_text(short)
    (method,) = re.findall(r"benchbed run digits (tiny\S+)", README)
    done = bench("run", "short.toml", method, "--no-measure")
    assert done.returncode == 0, done.stderr
    report = json.loads(bench("report", "short.toml", "--format", "json").stdout)
    rows = {row["method"]: row for row in report["rows"]}
    assert rows[method]["seeds"] == 1
    assert rows[method]["delta_m"]["mean"] != 0


def test_ci_runs_the_readmes_test_command():
    (command,) = re.findall(r"^    (pip install tox && tox)$", README, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text()


def test_the_readmes_commands_name_what_exists(bench):
    from benchbed.cli import VERBS

    verbs = re.findall(r"`benchbed (\w+)", README)
    assert set(verbs) <= set(VERBS)
    assert set(VERBS) <= set(verbs), "every verb is in the README"
