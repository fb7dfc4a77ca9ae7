"""The examples of docs/gradients.md run as they stand there, each of at most ten lines."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import benchbed

PAGE = (Path(__file__).parents[2] / "docs" / "gradients.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 16), nn.ReLU())
        self.digit, self.parity = nn.Linear(16, 10), nn.Linear(16, 2)

    def forward(self, x):
        feature = self.trunk(x)
        return {"digit": self.digit(feature), "parity": self.parity(feature)}


def losses_of(outputs, y):
    return {
        "digit": F.cross_entropy(outputs["digit"], y),
        "parity": F.cross_entropy(outputs["parity"], y % 2),
    }


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs_as_it_stands_and_trains(code):
    assert len(code.strip().splitlines()) <= 10
    torch.manual_seed(0)
    model = Net()
    x, y = torch.randn(8, 16, 6), torch.randint(10, (8, 16))
    batches = list(zip(x, y, strict=True))
    before = [p.detach().clone() for p in model.parameters()]
    names = {
        "torch": torch,
        "benchbed": benchbed,
        "model": model,
        "batches": batches,
        "losses_of": losses_of,
        "device": "cpu",
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
    }
    exec(compile(code, "docs/gradients.md", "exec"), names)
    moved = [not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert all(moved) or "aggregate" in code


def test_there_is_an_example_of_each_use():
    for word in ("clip_grad_norm_", "make_weighting", "GradScaler", "accumulate=", "aggregate("):
        assert sum(word in code for code in EXAMPLES) >= 1
