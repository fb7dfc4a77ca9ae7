"""A split in which a task has no label is refused before training, and never scored as perfect."""

from __future__ import annotations

import pytest

PLUGIN = """
import numpy as np
from benchbed import Dataset, Input, Target


class Partly(Dataset):
    input = Input((4,))
    targets = {
        "kind": Target("class", classes=2, ignore=9),
        "size": Target("value"),
    }
    splits = ("train", "validation", "test")

    def __init__(self, without="none"):
        self.without = without

    def load(self, split, root):
        rng = np.random.default_rng(len(split))
        count = 40
        kind = rng.integers(0, 2, count)
        size = rng.random(count).astype(np.float32)
        kind[: count // 2] = 9  # what is labelled begins in the third mini-batch
        size[: count // 2] = np.nan
        if self.without == split:
            kind[:], size[:] = 9, np.nan
        return {"input": rng.random((count, 4)).astype(np.float32), "kind": kind, "size": size}

    def digest(self, root):
        return "0" * 64
"""

PROTOCOL = """
name = "partly"
version = 1
epochs = 2
batch_size = 10
backbone = "mlp"
seeds = [0]

[data]
dataset = "partly"
options = {{ without = "{without}" }}

[tasks.kind]
task = "classification"

[tasks.size]
task = "regression"

[optimizer]
name = "adam"
lr = 1e-3

[selection]
rule = "best-validation"
"""


def run(bench, without, *words):
    (bench.folder / "mine.py").write_text(PLUGIN)
    (bench.folder / "partly.toml").write_text(PROTOCOL.format(without=without))
    return bench("run", "partly.toml", "hps", "--plugin", "mine.py", "--no-measure", *words)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_without_labels_is_refused_before_training(bench, split):
    done = run(bench, split)
    assert done.returncode == 2
    assert "Nothing was trained" in done.stderr
    assert f"No sample of split '{split}' has a label for tasks 'kind', 'size'" in done.stderr
    assert not list(bench.folder.glob("results/runs/**/*.json"))


def test_without_looking_before_it_is_refused_when_it_would_be_scored(bench):
    done = run(bench, "validation", "--no-preflight")
    assert done.returncode != 0
    assert "No sample of split 'validation' has a label for task 'kind'" in done.stderr
    assert not list(bench.folder.glob("results/runs/**/*.json"))


def test_labels_that_begin_late_are_found(bench):
    done = run(bench, "none")
    assert done.returncode == 0, done.stderr
