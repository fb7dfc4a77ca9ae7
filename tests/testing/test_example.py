"""The conformance tests of plugins/example, run as its author runs them."""

import importlib.util
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "plugins" / "example"


def author():
    path = EXAMPLE / "tests" / "test_contract.py"
    spec = importlib.util.spec_from_file_location("example_contract", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TestDeepHeads = author().TestDeepHeads
TestLogSum = author().TestLogSum


@pytest.fixture(autouse=True)
def installed(tmp_path_factory, monkeypatch):
    """Put the plugin on the path, with the entry point that installing it would write."""
    folder = tmp_path_factory.mktemp("site")
    info = folder / "benchbed_example-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: benchbed-example\n")
    info.joinpath("entry_points.txt").write_text("[benchbed]\nexample = benchbed_example\n")
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("BENCHBED_PLUGINS", raising=False)
