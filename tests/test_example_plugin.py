"""The third-party plugin of plugins/example, installed as its own distribution."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def install(folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    options = ["--no-build-isolation", "--target", str(folder)]
    subprocess.run([*command, *options, str(ROOT / "plugins" / "example")], check=True)


def test_a_third_party_distribution_is_listed_trained_and_in_the_leaderboard(bench, plugin_folder):
    install(plugin_folder.path)
    listed = json.loads(bench("list", "--json").stdout)
    brought = {(x["kind"], x["id"]) for x in listed if x["distribution"] == "benchbed-example"}
    assert brought == {("architecture", "deep-heads"), ("weighting", "log-sum")}

    protocol = bench("protocol", "show", "digits", "--json")
    short = json.loads(protocol.stdout)
    assert short["epochs"] == 20
    path = bench.folder / "short.toml"
    text = (ROOT / "plugins/benchbed_zoo/protocols/digits-1.toml").read_text()
    text = text.replace('name = "digits"', 'name = "short"')
    path.write_text(text.replace("epochs = 20", "epochs = 2").replace("[0, 1, 2]", "[0]"))

    done = bench("run", "short.toml", "deep-heads:hidden=16+log-sum", "--no-measure")
    assert done.returncode == 0, done.stderr
    report = json.loads(bench("report", "short.toml", "--format", "json").stdout)
    rows = {row["method"]: row for row in report["rows"]}
    row = rows["deep-heads:hidden=16+log-sum"]
    assert row["seeds"] == 1
    assert row["delta_m"] is not None
    assert row["tasks"]["digit"]["accuracy"]["mean"] > 0.2
