"""Tokens and rows of tables run from plan to leaderboard, as images do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from benchbed.basics.errors import ContractError
from benchbed.contracts.dataset import Dataset, Input, Target, check_columns
from benchbed.records.record import decode_record
from benchbed.testing.samples import sample_input

PLUGIN = """
import numpy as np
from torch import nn
from benchbed import Backbone, Dataset, Input, Target

WORDS, LENGTH = 50, 12


class Sentences(Dataset):
    '''Which of two words stands in a sentence, and how often a third does.'''

    input = Input((LENGTH,), range=(0, WORDS - 1), dtype="int64")
    targets = {"topic": Target("class", classes=2), "count": Target("value")}
    splits = ("train", "validation", "test")

    def load(self, split, root):
        rng = np.random.default_rng(len(split))
        words = rng.integers(10, WORDS, (200, LENGTH))
        topic = rng.integers(0, 2, 200)
        words[np.arange(200), rng.integers(0, LENGTH, 200)] = topic
        count = rng.integers(0, 2, 200)
        words[np.arange(200), (words < 2).argmax(1) - 1] = np.where(count, 5, 11)
        return {"input": words, "topic": topic, "count": count.astype(np.float32)}

    def digest(self, root):
        return "1" * 64


class Rows(Dataset):
    '''Rows of a table.'''

    input = Input((6,), range=(-4, 4))
    targets = {"topic": Target("class", classes=2), "count": Target("value")}
    splits = ("train", "validation", "test")

    def load(self, split, root):
        rows = np.random.default_rng(len(split)).normal(size=(200, 6)).clip(-4, 4)
        topic = (rows[:, 0] > 0).astype(np.int64)
        return {"input": rows.astype(np.float32), "topic": topic, "count": rows[:, 1].astype("f4")}

    def digest(self, root):
        return "2" * 64


class Words(Backbone):
    '''The mean of words' vectors.'''

    def __init__(self, input, width=16):
        super().__init__(input)
        self.channels, self.reductions = (width,), (1,)
        self.words = nn.Embedding(int(input.range[1]) + 1, width)

    def forward(self, x):
        return [self.words(x).mean(1)[:, :, None, None]]
"""

PROTOCOL = """
name = "other"
version = 1
epochs = 15
batch_size = 20
backbone = "{backbone}"
seeds = [0]

[data]
dataset = "{dataset}"

[tasks.topic]
task = "classification"

[tasks.count]
task = "regression"

[optimizer]
name = "adam"
lr = 0.02

[selection]
rule = "last"
"""


@pytest.mark.parametrize(
    ("dataset", "backbone", "macs"),
    [("sentences", "words", 16 * 3), ("rows", "mlp", 6 * 128 + 128 * 128 + 128 * 3)],
)
def test_they_run_from_plan_to_leaderboard(bench, dataset, backbone, macs):
    (bench.folder / "mine.py").write_text(PLUGIN)
    text = PROTOCOL.format(dataset=dataset, backbone=backbone)
    (bench.folder / "other.toml").write_text(text)
    words = ("other.toml", "hps", "hps+mgda", "--plugin", "mine.py")
    planned = bench("plan", *words, "--preflight")
    assert planned.returncode == 0, planned.stderr
    done = bench("run", *words)
    assert done.returncode == 0, done.stderr
    for path in bench.folder.glob("results/runs/other/1/hps/*/*.json"):
        record = decode_record(path.read_bytes())
        assert record.costs.macs.all_tasks == macs
        assert record.costs.uncounted == []
        assert record.test["topic"]["accuracy"] > 0.9
    (board,) = bench.folder.glob("results/leaderboards/*.csv")
    frame = pd.read_csv(board).set_index("method")
    assert set(frame.index) == {"single-task", "hps+equal", "hps+mgda"}
    assert (frame["step_ms"] > 0).all()


class Odd(Dataset):
    targets = {"a": Target("value")}
    splits = ("train",)

    def __init__(self, dtype):
        self.input = Input((3,), dtype=dtype)

    def load(self, split, root): ...

    def digest(self, root): ...


@pytest.mark.parametrize(
    ("described", "found", "fits"),
    [
        ("float32", "float32", True),
        ("float32", "float64", True),
        ("float32", "uint8", True),
        ("float32", "int64", False),
        ("int64", "int64", True),
        ("int64", "int32", True),
        ("int64", "uint8", True),
        ("int64", "float32", False),
    ],
)
def test_an_input_is_of_the_kind_that_it_is_described_as(described, found, fits):
    columns = {"input": np.zeros((2, 3), found), "a": np.zeros(2, np.float32)}
    if fits:
        check_columns(Odd(described), "train", columns)
        return
    with pytest.raises(ContractError, match=rf"the input is {found} and its description says"):
        check_columns(Odd(described), "train", columns)


def test_made_up_tokens_are_whole_numbers_in_their_range():
    found = sample_input(Input((40,), (3, 9), "int64"), 50)
    assert found.dtype == torch.int64
    assert set(found.unique().tolist()) == set(range(3, 10))
