"""Records of short trainings, drawn from by all tests of ``benchbed inspect``."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchbed.contracts.protocol import parse_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed.execution.worker import execute
from benchbed.report.inspect.drawing import comparison as comparison_figure
from benchbed.report.inspect.drawing.comparison import draw_comparison
from tests import toys
from tests.report.inspect.helpers import DIGITS, SHORT, everything


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Records of short trainings of two digits methods and one toy method, by method name.

    The toy method is trained with two seeds; its second record has ``/1`` behind the name.
    """
    folder = tmp_path_factory.mktemp("trained")
    toy = parse_protocol(toys.write_protocol(folder).read_text(), "toy")
    folder.joinpath("short.toml").write_text(DIGITS.replace("epochs = 20", "epochs = 3"))
    settings = Settings(folder / "results", device="cpu")
    paths = {}
    wanted = [(SHORT, ["hps+mgda", "single-task"], [0]), (toy, ["toy-net"], [0, 1])]
    for protocol, methods, seeds in wanted:
        for run in make_plan(protocol, methods, everything(), settings, seeds).runs:
            assert execute(run.job, lambda event: None) == 0
            place = run.job.place
            name = f"{place.architecture}/{place.weighting}" + "/1" * run.job.seed
            paths[name] = place.below(folder / "results/runs") / f"{run.job.key}.json"
    return paths


@pytest.fixture
def copy(trained, tmp_path):
    """Copy a trained record, with or without its weights, into a folder of its own."""

    def make(name: str, *, weights: bool = True) -> Path:
        source = trained[name]
        target = tmp_path / source.name
        target.write_bytes(source.read_bytes())
        if weights:
            target.with_suffix(".safetensors").write_bytes(
                source.with_suffix(".safetensors").read_bytes()
            )
        return target

    return make


@pytest.fixture
def compared(monkeypatch):
    """What was last drawn: columns, tasks, the input, the title and what has no weights."""
    seen = []

    def draw(*arguments):
        seen[:] = arguments
        return draw_comparison(*arguments)

    monkeypatch.setattr(comparison_figure, "draw_comparison", draw)
    return seen
