"""A line an epoch, on standard error and in a file; what plugins print stays beside the record."""

from __future__ import annotations

import re

import pytest

from benchbed.basics.errors import BenchbedError
from benchbed.cli.log_file import lines_to
from tests import fakes

CHATTY = """
from benchbed import Weighting


class Chatty(Weighting):
    level = "loss"

    def combine(self, losses):
        print("a word from a plugin")
        return sum(losses.values())
"""


def test_a_line_an_epoch_and_what_a_plugin_printed(bench):
    fakes.write_mini(bench.folder, epochs=3, seeds=[0])
    (bench.folder / "chatty.py").write_text(CHATTY)
    words = ("run", "mini.toml", "hps+chatty", "--plugin", "chatty.py", "--no-measure", "-v")
    done = bench(*words, "--log-file", "log.txt")
    assert done.returncode == 0, done.stderr
    log = (bench.folder / "log.txt").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line) for line in log)
    for lines in (done.stderr.splitlines(), [line.partition(" ")[2] for line in log]):
        ours = [line for line in lines if line.startswith("hps+chatty seed 0: ")]
        assert ours[0] == "hps+chatty seed 0: begins, 3 epochs"
        for epoch, line in enumerate(ours[1:4], start=1):
            pattern = rf"hps\+chatty seed 0: epoch {epoch}/3, loss [\d.e-]+, \d+ s, \d+ s left"
            assert re.fullmatch(pattern, line)
        (end,) = ours[4:]
        assert re.fullmatch(r"hps\+chatty seed 0: done in \d+ s", end)
    assert "a word from" not in done.stderr
    (kept,) = (bench.folder / "results" / "runs").rglob("*.log")
    assert kept.with_suffix(".json").exists()
    assert kept.parent.name == "chatty"
    assert set(kept.read_text().splitlines()) == {"a word from a plugin"}
    assert not list((bench.folder / "results" / "logs").iterdir())


def test_a_log_file_that_cannot_be_written_is_told_at_once(tmp_path):
    with pytest.raises(BenchbedError, match="Cannot write --log-file .*: Is a directory"):
        lines_to(tmp_path)
