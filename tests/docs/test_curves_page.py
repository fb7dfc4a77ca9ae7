"""docs/curves.md: its loggers are those there are, and its example runs."""

from __future__ import annotations

import re

from benchbed.discovery.registry import discover
from tests.conftest import ROOT

PAGE = (ROOT / "docs/curves.md").read_text()


def test_the_table_names_every_first_party_logger():
    registry = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    named = re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## Loggers")[2], re.MULTILINE)
    assert named == [entry.spec.id for entry in registry.of_kind("logger")]


def test_the_logger_on_the_page_logs(bench):
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (command,) = re.findall(r"^`benchbed (run .*?)`\.", PAGE, re.MULTILINE)
    (bench.folder / "mine.py").write_text(source)
    words = [*command.split(), "--seeds", "1", "--set", "epochs=2", "--no-measure"]
    done = bench(*words)
    assert done.returncode == 0, done.stderr
    printed = re.findall(r"^hps\+dwa seed 0 (\d) \d", done.stdout, re.MULTILINE)
    assert printed == ["1", "2"]
