"""Parameters, multiply-adds and model size of a network at its protocol's input size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture
from benchbed.engine.session import Session, build_session
from benchbed.engine.sharing import partition
from benchbed.engine.updates import Effort
from benchbed.records.cost_sum import add_costs, size_kb
from benchbed.records.job import Job
from benchbed.records.record import Costs, Macs, Parameters

MAC_OPERATORS: Final = frozenset(
    {"conv", "linear", "addmm", "matmul", "bmm", "baddbmm", "mm", "einsum", "attention"}
)


class _Outputs(nn.Module):
    """A network as a function of its input alone, for tracing."""

    def __init__(self, network: Architecture, tasks: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.tasks = list(tasks)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(x, self.tasks)
        return tuple(outputs[task] for task in self.tasks)


def static_costs(session: Session) -> Costs:
    """Return a network's costs that do not depend on the machine.

    Parameters are attributed to the tasks whose outputs reach them in the graph; MACs are counted
    by fvcore for all tasks in one pass and for each task alone.
    """
    network, names = session.network, list(session.tasks)
    training = network.training
    network.eval()
    x = session.example()
    try:
        parameters = count_parameters(network, x, names)
        all_tasks, other, uncounted = count_operations(network, x, names)
        alone = {name: count_operations(network, x, [name])[0] for name in names}
    finally:
        network.train(training)
    return Costs(
        parameters=parameters,
        macs=Macs(all_tasks, alone),
        other_ops=other,
        uncounted=uncounted,
        size_kb=size_kb(parameters.total),
    )


def training_macs(session: Session, efforts: Sequence[Effort]) -> int:
    """Return the multiply-adds of all passes; a backward pass costs two forward passes.

    Args:
        session: the run's parts; the network is left in the phase of the last effort.
        efforts: what each phase of training took, from the first on.
    """
    network = session.network
    training = network.training
    network.eval()
    x = session.example()
    total = 0
    for phase, effort in enumerate(efforts):
        network.set_phase(phase)
        for key in {*effort.forward, *effort.backward}:
            per_sample = count_operations(network, x, key.split("+"))[0]
            passes = effort.forward.get(key, 0) + 2 * effort.backward.get(key, 0)
            total += per_sample * passes
    network.train(training)
    return total


def method_costs(jobs: Iterable[Job]) -> dict[str, Costs]:
    """Return the costs of methods by name, each job standing for one method with all its tasks.

    Raises:
        BenchbedError: a network cannot be built.
    """
    costs: dict[str, Costs] = {}
    for job in jobs:
        nets = [job.tasks]
        if job.one_run_per_task:
            nets = [[name] for name in job.tasks]
        costs[job.method] = add_costs(static_costs(build_session(job, tasks)) for tasks in nets)
    return costs


def count_parameters(network: Architecture, x: Tensor, tasks: Sequence[str]) -> Parameters:
    """Count parameters by the tasks whose outputs depend on them; frozen ones too.

    Args:
        network: to count.
        x: an input, ``(1, *shape)``.
        tasks: names of the tasks.
    """
    # the autograd graph tells who reaches what, and what is frozen is not in it
    frozen = [p for p in network.parameters() if not p.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        with torch.enable_grad():
            outputs = network(x, list(tasks))
            split = partition({task: outputs[task] for task in tasks}, network.named_parameters())
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
    auxiliary = set(map(id, network.auxiliary_parameters()))
    everything = list(network.parameters())
    training_only = _size(p for p in everything if id(p) in auxiliary)
    return Parameters(
        _size(everything) - training_only,
        _size(split.shared.values()),
        {task: _size(split.own[task].values()) for task in tasks},
        training_only=training_only,
        unused=_size(p for p in split.unreached.values() if id(p) not in auxiliary),
    )


def _size(parameters: Iterable[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)


def count_operations(
    network: Architecture, x: Tensor, tasks: Sequence[str]
) -> tuple[int, dict[str, int], list[str]]:
    """Count one forward pass for the given tasks.

    Args:
        network: in evaluation mode.
        x: an input, ``(1, *shape)``.
        tasks: names of the tasks.

    Returns:
        Multiply-adds; fvcore's count of every other operator; operators that it cannot count.
    """
    analysis = flop_analysis()(_Outputs(network, tasks), x)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
    analysis.set_op_handle("aten::baddbmm", _baddbmm)
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    analysis.tracer_warnings("none")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        counts = analysis.by_operator()
    macs = 0
    other: dict[str, int] = {}
    for name in sorted(counts):
        count = int(counts[name])
        if name in MAC_OPERATORS:
            macs += count
        elif count:
            other[name] = count
    uncounted = sorted(name.removeprefix("aten::") for name in analysis.unsupported_ops())
    return macs, other, uncounted


def flop_analysis() -> Any:
    """Import fvcore's counter; it calls ``torch.jit.script``, and only that warning is hidden."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.script.*", category=FutureWarning)
        warnings.filterwarnings(
            "ignore", message=r".*torch\.jit\.script.*", category=DeprecationWarning
        )
        from fvcore.nn import FlopCountAnalysis
    return FlopCountAnalysis


def _baddbmm(inputs: list[Any], outputs: list[Any]) -> dict[str, int]:
    """Count a batch of matrix products to which something is added."""
    from fvcore.nn.jit_handles import get_shape

    batch, rows, inner = get_shape(inputs[1])
    return {"baddbmm": batch * rows * inner * get_shape(inputs[2])[-1]}


def _attention(inputs: list[Any], outputs: list[Any]) -> dict[str, int]:
    """Count Q·Kᵀ and the product with V: 2·B·H·L·S·E for E-wide heads."""
    from fvcore.nn.jit_handles import get_shape

    query, key, value = map(get_shape, inputs[:3])
    pairs = math.prod(query[:-1]) * key[-2]
    return {"attention": pairs * (query[-1] + value[-1])}
