"""Jobs of the toy plugin, trainings in this process, comparisons to the bit, and small nets."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, R2Score

from benchbed import Spec, Weighting, hookimpl
from benchbed.contracts.protocol import Data, Protocol, TaskEntry
from benchbed.contracts.weighting import WeightingContext
from benchbed.discovery.registry import Registry
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import build_session
from benchbed.engine.strategy import Strategy
from benchbed.engine.trainer import Outcome, Trainer
from benchbed.execution.plan import Settings, make_plan
from benchbed.records.job import Job
from tests import toys

METHODS = [
    "toy-net+equal",
    "toy-net+fixed:a=2,b=0.5",
    "toy-net+uncertainty",
    "toy-net+dwa",
    "toy-net+mgda",
    "toy-net+pcgrad",
    "toy-net+toy-average",
    "toy-net+norm-balance",
]
"""Every weighting of the zoo and the toys."""


class Gaps(toys.ToyData):
    """The toy data; in training ``a`` misses every third target, ``b`` all but three."""

    def load(self, split, root):
        columns = dict(super().load(split, root))
        if split == "train":
            a, b = columns["a"].copy(), columns["b"].copy()
            a[::3] = np.nan
            b[3:] = np.nan
            columns |= {"a": a, "b": b}
        return columns


class Scored(toys.ToyTask):
    """The toy task with a second metric, of which higher is better."""

    def metrics(self):
        return {"mae": MeanAbsoluteError(), "r2": R2Score()}


@hookimpl
def benchbed_datasets():
    return [Spec("gaps", "1.0", "tests.engine.helpers:Gaps")]


@hookimpl
def benchbed_tasks():
    return [Spec("scored", "1.0", "tests.engine.helpers:Scored")]


def with_gaps(protocol: Protocol) -> Protocol:
    """The protocol on training data in which most batches lack a valid target of ``b``."""
    return msgspec.structs.replace(protocol, data=Data("gaps"))


def scored(protocol: Protocol) -> Protocol:
    """The protocol with a second metric, ``r2``."""
    tasks = {name: TaskEntry("scored") for name in protocol.tasks}
    return msgspec.structs.replace(protocol, tasks=tasks)


def make_jobs(protocol: Protocol, registry: Registry, method: str, seeds=(0,)) -> list[Job]:
    """The runs of one method, without its baseline's."""
    settings = Settings(results=Path("no-such-folder"), device="cpu")
    plan = make_plan(protocol, [method], registry, settings, seeds)
    wanted = plan.methods[-1].name
    return [run.job for run in plan.runs if run.job.method == wanted]


def make_job(protocol: Protocol, registry: Registry, method="toy-net+equal", seed=0) -> Job:
    """The run of a method with one seed."""
    (job,) = make_jobs(protocol, registry, method, [seed])
    return job


def make_trainer(job: Job, checkpoint: Path | None = None, seed: int | None = None) -> Trainer:
    """A trainer as the worker makes it; ``seed`` seeds the generators otherwise than the job."""
    seed_everything(job.seed if seed is None else seed)
    return Trainer(build_session(job), checkpoint)


def train(job: Job, checkpoint: Path | None = None) -> Outcome:
    """Train in this process."""
    return make_trainer(job, checkpoint).run()


def same(one: object, other: object) -> bool:
    """Tell whether nested data with tensors is equal to the bit."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(one[key], other[key]) for key in one)
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def strategy_of(*members: type[Weighting] | Weighting, tasks=("a", "b"), regression=()) -> Strategy:
    """Weightings composed into a strategy for the tasks."""
    context = WeightingContext(tuple(tasks), frozenset(regression))
    return Strategy([m(context) if isinstance(m, type) else m for m in members]).double()


class Wired(nn.Module):
    """A trunk, middle modules that some tasks pass through, and a head a task; in float64.

    Args:
        routes: for each task the middle modules that it passes through, by number.
        middles: how many middle modules there are.
    """

    def __init__(self, routes: dict[str, list[int]], middles: int, width: int = 4) -> None:
        super().__init__()
        self.routes = routes
        self.trunk = nn.Linear(3, width)
        self.middles = nn.ModuleList(nn.Linear(width, width) for _ in range(middles))
        self.heads = nn.ModuleDict({task: nn.Linear(width, 1) for task in routes})
        self.double()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = torch.tanh(self.trunk(x))
        outputs = {}
        for task, route in self.routes.items():
            hidden = features
            for number in route:
                hidden = torch.tanh(self.middles[number](hidden))
            outputs[task] = self.heads[task](hidden)
        return outputs


def random_wired(seed: int) -> tuple[Wired, dict[str, float]]:
    """A net of two to four tasks with random routes, and a scale for each task's loss."""
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    tasks = "abcd"[: generator.integers(2, 5)]
    middles = int(generator.integers(0, 4))
    routes = {task: [i for i in range(middles) if generator.random() < 0.5] for task in tasks}
    scales = {task: float(10 ** generator.uniform(-1.5, 1.5)) for task in tasks}
    return Wired(routes, middles), scales


def losses_of(net: Wired, scales: dict[str, float], seed: int = 0) -> dict[str, Tensor]:
    """Each task's scaled squared error on random data."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    outputs = net(x)
    return {
        task: scale
        * (outputs[task] - torch.randn(6, 1, generator=generator).double()).pow(2).mean()
        for task, scale in scales.items()
    }


def full_gradients(
    losses: dict[str, Tensor], parameters: dict[str, nn.Parameter]
) -> dict[str, dict[str, Tensor | None]]:
    """For each task the gradient of each parameter, ``None`` where it is not reached."""
    return {
        task: dict(
            zip(
                parameters,
                torch.autograd.grad(
                    loss, list(parameters.values()), retain_graph=True, allow_unused=True
                ),
                strict=True,
            )
        )
        for task, loss in losses.items()
    }


def gradients(module: nn.Module) -> dict[str, Tensor | None]:
    """``.grad`` of each parameter, copied."""
    return {
        name: None if p.grad is None else p.grad.clone() for name, p in module.named_parameters()
    }
