"""A run's parts, built from its job: data, tasks, network, strategy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchbed.basics.errors import BenchbedError, ContractError, DataError, one_line, suggest
from benchbed.contracts.architecture import (
    Architecture,
    BuildContext,
    check_execution,
    check_network,
    constructor,
    no_backbone,
)
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.dataset import Column, Dataset, Target, check_columns
from benchbed.contracts.task import Task, check_metrics
from benchbed.contracts.transform import Transform
from benchbed.contracts.weighting import WeightingContext
from benchbed.discovery.component import Component
from benchbed.discovery.loading import call, load, make_component
from benchbed.engine.data import Split
from benchbed.engine.layout import in_layout
from benchbed.engine.seeding import derive
from benchbed.engine.strategy import Strategy, build_strategy
from benchbed.files.columns import Rows
from benchbed.records.job import Job


@dataclass(slots=True)
class Session:
    """Everything that training, evaluation and costing of one run work on."""

    job: Job
    device: torch.device
    dataset: Dataset
    tasks: dict[str, Task]
    network: Architecture
    strategy: Strategy

    def split(self, name: str, transforms: Sequence[Component] = ()) -> Split:
        """Load one of the protocol's splits, with the targets of the run's tasks.

        Args:
            name: of the split.
            transforms: those of the job that apply to it.

        Raises:
            DataError: there is no such split, or the data is missing or damaged.
        """
        if name not in self.dataset.splits:
            raise DataError(
                f"Data set '{self.job.dataset.id}' has no split '{name}'."
                f"{suggest(name, self.dataset.splits)}"
            )
        root = Path(self.job.data_root) if self.job.data_root else None
        columns = self.dataset.load(name, root)
        check_columns(self.dataset, name, columns)
        data = self.job.protocol.data
        if name == data.train and data.share < 1:
            columns = _some(columns, data.trained_on(len(columns["input"])))
        targets: dict[str, str] = {}
        described: dict[str, Target] = {}
        groups: set[str] = set()
        for task_name, task in self.tasks.items():
            targets[task_name] = target_name(self.job, task_name)
            described[task_name] = task.target
            groups.update(task.target.groups)
        return Split(
            columns,
            targets,
            self.device,
            transforms=[make_component(component, Transform) for component in transforms],
            described=described,
            groups=sorted(groups),
            input_described=self.dataset.input,
            name=name,
        )

    def example(self, batch: int = 1) -> Tensor:
        """Return an input of zeros on the device, for costing."""
        described = self.dataset.input
        dtype = getattr(torch, described.dtype)
        return torch.zeros(batch, *described.shape, dtype=dtype, device=self.device)


def _some(columns: Mapping[str, Column], number: int) -> dict[str, Column]:
    """Return some of the samples of all columns, in their order.

    Which ones does not hang on the run's seed, and fewer are part of more.
    """
    order = np.random.default_rng(derive(0, "share")).permutation(len(columns["input"]))
    chosen = np.sort(order[:number])
    return {name: Rows(column, chosen) for name, column in columns.items()}


def target_name(job: Job, task: str) -> str:
    """Return the data set's target that a task predicts."""
    return job.protocol.tasks[task].target or task


def choose_device(name: str) -> torch.device:
    """Return the device; ``auto`` is the first GPU if there is one.

    Raises:
        BenchbedError: it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise BenchbedError(f"Device '{name}' cannot be used: {one_line(error)}.") from error
    return device


def build_session(job: Job, tasks: Sequence[str] | None = None) -> Session:
    """Load the job's plugins and build its network and strategy.

    Args:
        job: the job.
        tasks: the tasks to build for; the job's own by default.

    Raises:
        PluginError: a plugin cannot be loaded or breaks its contract.
        DataError: the data set lacks a target.
    """
    device = choose_device(job.device)
    dataset = make_component(job.dataset, Dataset)
    built = {name: build_task(job, name, dataset) for name in tasks or job.tasks}
    # the network before the strategy: both may draw from the generators that the seed has set
    network = in_layout(build_network(job, built, dataset).to(device), dataset.input)
    regression = frozenset(name for name, task in built.items() if task.kind == "regression")
    strategy = build_strategy(job.weighting, WeightingContext(tuple(built), regression))
    return Session(job, device, dataset, built, network, strategy.place(device))


def build_network(job: Job, tasks: Mapping[str, Task], dataset: Dataset) -> Architecture:
    """Build the job's architecture, on the CPU, for some tasks of a data set.

    Raises:
        PluginError: the architecture or its backbone cannot be loaded or breaks its contract.
    """
    context = BuildContext(tasks, dataset.input, _backbone_maker(job, dataset))
    cls: type[Architecture] = load(job.architecture.target, Architecture)
    made = call(constructor(cls), cls, context, **job.architecture.options)
    network = check_network(made, cls.__name__)
    check_execution(network, job.traits)
    return network


def build_task(job: Job, name: str, dataset: Dataset) -> Task:
    """Build one task of the protocol for its target of the data set.

    Raises:
        DataError: the data set has no such target.
        ContractError: its metrics break the contract.
    """
    target = target_name(job, name)
    if target not in dataset.targets:
        raise DataError(
            f"Task '{name}' of {job.protocol.id} wants target '{target}', which data set "
            f"'{job.dataset.id}' lacks.{suggest(target, dataset.targets)}"
        )
    component = job.task_components[name]
    task = make_component(component, Task, name, dataset.targets[target])
    task.primary = job.protocol.tasks[name].primary or task.primary
    check_metrics(task)
    return task


def _backbone_maker(job: Job, dataset: Dataset) -> Callable[[], Backbone]:
    """Return what makes a new backbone, as often as the architecture calls it."""
    component = job.backbone
    if component is None:
        return no_backbone

    def make() -> Backbone:
        backbone = make_component(component, Backbone, dataset.input)
        channels = getattr(backbone, "channels", ())
        if not channels or len(channels) != len(getattr(backbone, "reductions", ())):
            raise ContractError(
                f"{type(backbone).__name__} must state 'channels' and 'reductions', one number "
                "for each feature map."
            )
        return backbone

    return make
