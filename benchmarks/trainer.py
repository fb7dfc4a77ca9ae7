"""The trainer against a bare PyTorch loop: same net, data, optimiser, schedule and evaluation.

Target: at most 3 % over the bare loop at about 12 ms a step.
"""

from __future__ import annotations

import math
import sys

import numpy as np
import torch
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy

from benchbed.contracts.dataset import Dataset, Input, Target
from benchbed.contracts.protocol import parse_protocol
from benchbed.discovery.hookspecs import hookimpl
from benchbed.discovery.registry import discover
from benchbed.discovery.spec import Spec
from benchbed.engine.seeding import derive, seed_everything
from benchbed.engine.session import build_session
from benchbed.engine.trainer import Trainer
from benchbed.execution.jobs import method_jobs
from benchmarks.timing import alternate, save

TASKS = {"a": 10, "b": 5, "c": 2}
SAMPLES, BATCH, EPOCHS, TURNS = 1600, 32, 40, 15
PROTOCOL = """
name = "bench"
version = 1
epochs = 40
batch_size = 32
backbone = "conv-small"
data = { dataset = "bench" }
tasks.a = { task = "classification" }
tasks.b = { task = "classification" }
tasks.c = { task = "classification" }
optimizer = { name = "adam", lr = 1e-3 }
schedule = { name = "cosine", per = "step" }
selection = { rule = "last" }
"""


class BenchData(Dataset):
    """Random images and labels."""

    input = Input((3, 32, 32))
    targets = {name: Target("class", classes=k) for name, k in TASKS.items()}  # noqa: RUF012
    splits = ("train", "validation", "test")

    def load(self, split, root):
        count = SAMPLES if split == "train" else SAMPLES // 8
        random = np.random.default_rng(self.splits.index(split))
        columns = {"input": random.random((count, 3, 32, 32), dtype=np.float32)}
        return columns | {name: random.integers(0, k, count) for name, k in TASKS.items()}

    def digest(self, root):
        return "bench"


@hookimpl
def benchbed_datasets():
    return [Spec("bench", "1", "benchmarks.trainer:BenchData")]


class BareLoop:
    """What someone would write without benchbed."""

    def __init__(self, job) -> None:
        seed_everything(0)
        session = build_session(job)
        self.network = session.network
        data = {split: session.dataset.load(split, None) for split in ("train", "validation")}
        self.data = {
            split: {name: torch.as_tensor(column) for name, column in columns.items()}
            for split, columns in data.items()
        }
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, fused=True)
        self.metrics = {
            name: [
                MulticlassAccuracy(k, average=average, validate_args=False)
                for average in ("micro", "macro")
            ]
            for name, k in TASKS.items()
        }
        self.step = self.epochs = 0

    def epoch(self) -> None:
        network, train, names = self.network, self.data["train"], list(TASKS)
        network.train()
        order = torch.randperm(
            SAMPLES, generator=torch.Generator().manual_seed(derive(0, "order", self.epochs))
        )
        sums = dict.fromkeys(names, 0.0)
        total = math.ceil(SAMPLES / BATCH) * EPOCHS
        for indices in order.split(BATCH):
            for group in self.optimizer.param_groups:
                group["lr"] = 1e-3 * 0.5 * (1 + math.cos(math.pi * self.step / total))
            outputs = network(train["input"][indices], names)
            losses = {n: F.cross_entropy(outputs[n], train[n][indices]) for n in names}
            self.optimizer.zero_grad()
            sum(losses.values()).backward()
            self.optimizer.step()
            for name, loss in losses.items():
                sums[name] += loss.item() * len(indices)
            self.step += 1
        self.epochs += 1
        self.validate()

    @torch.no_grad()
    def validate(self) -> None:
        network, held_out = self.network, self.data["validation"]
        network.eval()
        losses = dict.fromkeys(TASKS, 0.0)
        for start in range(0, SAMPLES // 8, BATCH):
            part = {name: column[start : start + BATCH] for name, column in held_out.items()}
            outputs = network(part["input"], list(TASKS))
            for name in TASKS:
                losses[name] += F.cross_entropy(outputs[name], part[name], reduction="sum").item()
                for metric in self.metrics[name]:
                    metric.update(outputs[name].argmax(1), part[name])
        for metrics in self.metrics.values():
            for metric in metrics:
                metric.compute()
                metric.reset()


def main() -> None:
    torch.set_num_threads(1)
    registry = discover({"BENCHBED_PLUGINS": "zoo"})
    registry.add_plugin(sys.modules[__name__], "bench", "bench", "1")
    protocol = parse_protocol(PROTOCOL)
    job = method_jobs(protocol, ["hps:backbone.width=17"], registry)[0]
    seed_everything(0)
    session = build_session(job)
    trainer = Trainer(session)
    validation, test = session.split("validation"), session.split("test")
    bare = BareLoop(job)
    times = alternate(
        {"benchbed": lambda: trainer.run_epoch(validation, test), "bare loop": bare.epoch}, TURNS
    )
    same = all(
        torch.allclose(a, b, atol=1e-5)
        for a, b in zip(session.network.parameters(), bare.network.parameters(), strict=True)
    )
    steps = math.ceil(SAMPLES / BATCH)
    save(
        "trainer",
        {
            "what": "seconds an epoch with evaluation; target ratio at most 1.03",
            "ms_a_step_of_the_bare_loop": 1000 * times["bare loop"]["median_s"] / steps,
            "ends_with_the_same_weights": same,
            "times": times,
            "ratios": {k: times["benchbed"][k] / times["bare loop"][k] for k in times["benchbed"]},
        },
    )


if __name__ == "__main__":
    main()
