"""What cannot be counted is told before training, in the record and in every form of the table."""

from __future__ import annotations

import json

import pandas as pd

from benchbed.engine.cost import costs_or_none
from benchbed.records.cost_sum import EVERYTHING
from benchbed.records.record import Macs, decode_record
from tests import fakes
from tests.engine.helpers import make_job, make_trainer

NETWORKS = """
import torch
from torch import nn
from benchbed import Architecture


class Pooling(Architecture):
    def __init__(self, context):
        super().__init__(context)
        self.query = nn.Parameter(torch.ones(8))
        self.heads = nn.ModuleDict({n: nn.Linear(8, t.channels) for n, t in context.tasks.items()})

    def forward(self, x, tasks):
        rows = x.flatten(1).unflatten(1, (8, 8))
        pooled = ((rows @ self.query)[:, :, None] * rows).sum(1)
        return {task: self.heads[task](pooled) for task in tasks}


class Spectral(Pooling):
    def forward(self, x, tasks):
        return super().forward(torch.fft.fft(x).abs(), tasks)


class Choosy(Pooling):
    def forward(self, x, tasks):
        if len(x) == 1:
            raise ValueError("one sample is not enough")
        return super().forward(x, tasks)
"""


def test_a_run_whose_costs_are_odd_is_trained_and_tells(bench):
    fakes.write_mini(bench.folder, epochs=1)
    (bench.folder / "mine.py").write_text(NETWORKS)
    words = ("mini.toml", "pooling", "spectral", "choosy", "--plugin", "mine.py")
    done = bench("run", *words, "--seeds", "1", "--no-measure", "--notes")
    assert done.returncode == 0, done.stderr
    fft = "Multiply-adds of these operators are not counted: aten._fft_r2c."
    everything = "The multiply-adds could not be counted: ValueError: one sample is not enough."
    warned = [line for line in done.stderr.splitlines() if line.startswith("Warning: ")]
    assert sorted(warned) == [
        f"Warning: choosy+equal: {everything}",
        f"Warning: spectral+equal: {fft}",
    ]
    assert f"spectral+equal: {fft}" in " ".join(done.stdout.split())

    records = {}
    for path in bench.folder.glob("results/runs/mini/1/*/equal/*.json"):
        records[path.parts[-3]] = decode_record(path.read_bytes())
    assert records["pooling"].costs.macs.all_tasks == 64 + 8 * 3 + 8 * 2
    assert records["pooling"].costs.uncounted == []
    assert records["choosy"].costs.macs == Macs(0, {"holes": 0, "parity": 0})
    assert records["choosy"].budget.macs == 0

    (board,) = bench.folder.glob("results/leaderboards/*.csv")
    frame = pd.read_csv(board).set_index("method")
    assert frame.loc["spectral+equal", "uncounted"] == "aten._fft_r2c"
    assert frame.loc["choosy+equal", "uncounted"] == EVERYTHING
    assert frame["uncounted"].isna()["pooling+equal"]
    assert frame["macs"].isna()["choosy+equal"]
    assert fft in board.with_suffix(".md").read_text()
    assert fft in json.dumps(json.loads(board.with_suffix(".json").read_text()))


def test_costs_of_a_network_that_takes_no_example_are_its_parameters(toy_protocol, registry):
    session = make_trainer(make_job(toy_protocol, registry)).session
    session.network.forward = None
    costs, notes = costs_or_none(session)
    assert costs.parameters.total == sum(p.numel() for p in session.network.parameters())
    assert costs.uncounted == [EVERYTHING]
    assert notes[0].startswith("The multiply-adds could not be counted: TypeError")
    assert session.network.training
