"""The toys' data set; imports no torch, as planning looks at it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from benchbed import Dataset, Input, Target


class ToyData(Dataset):
    """30 training, 10 validation and 10 test vectors; ``a`` and ``b`` are linear in them."""

    input = Input((4,), (-3.0, 3.0))
    targets: ClassVar = {"a": Target("value"), "b": Target("value")}
    splits = ("train", "validation", "test")

    def load(self, split, root):
        seed = self.splits.index(split)
        x = np.random.default_rng(seed).normal(size=(30 if seed == 0 else 10, 4)).astype("float32")
        return {"input": x, "a": x[:, 0] + x[:, 1], "b": x[:, 1] - x[:, 2] + 2}

    def digest(self, root):
        return "toy data 1"
