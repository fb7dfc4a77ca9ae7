"""Parameters, multiply-adds and model size of a network at its protocol's input size."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from benchbed.basics.errors import one_line
from benchbed.contracts.architecture import Architecture
from benchbed.engine.operations import count_operations, count_pass, on_shapes
from benchbed.engine.second_count import disagreement
from benchbed.engine.session import Session, build_session
from benchbed.engine.sharing import partition
from benchbed.engine.updates import Effort
from benchbed.records.cost_sum import EVERYTHING, add_costs, size_kb
from benchbed.records.job import Job
from benchbed.records.record import Costs, Macs, Parameters


def static_costs(session: Session) -> Costs:
    """Return a network's costs that do not depend on the machine.

    Parameters are attributed to the tasks whose outputs reach them in the graph; multiply-adds are
    counted for all tasks in one pass and for each task alone.
    """
    names = list(session.tasks)
    with evaluating(session.network):
        return on_shapes(
            session.network, session.example(), lambda network, x: _costs(network, x, names)
        )


def _costs(network: Architecture, x: Tensor, names: Sequence[str]) -> Costs:
    parameters = _count_parameters(network, x, names)
    together = count_pass(network, x, names)
    alone = dict.fromkeys(names, together.macs)
    if len(names) > 1:
        alone = {name: count_pass(network, x, [name]).macs for name in names}
    return Costs(
        parameters=parameters,
        macs=Macs(together.macs, alone),
        other_ops=dict(sorted(together.other.items())),
        uncounted=sorted(together.unknown),
        size_kb=size_kb(parameters.total),
    )


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Have a network in evaluation mode for a while."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def costs_or_none(session: Session) -> tuple[Costs, list[str]]:
    """Return a network's costs, and what is to be known of them; a run is not lost for want of any.

    Where multiply-adds cannot be counted they are 0, and ``uncounted`` says so.
    """
    try:
        costs = static_costs(session)
    except Exception as error:  # noqa: BLE001 - whatever a plugin's network makes of an example
        note = f"The multiply-adds could not be counted: {one_line(error)}."
        return _unknown_costs(session), [note]
    notes = []
    if costs.uncounted:
        listed = ", ".join(costs.uncounted)
        notes.append(f"Multiply-adds of these operators are not counted: {listed}.")
    return costs, notes


def second_opinion(session: Session, costs: Costs) -> list[str]:
    """Return what fvcore says of a network's multiply-adds where it says something else."""
    with evaluating(session.network):
        found = disagreement(
            session.network, session.example(), list(session.tasks), costs.macs.all_tasks
        )
    return [found] if found else []


def _unknown_costs(session: Session) -> Costs:
    """Return costs of which only the number of parameters is known."""
    everything = _size(session.network.parameters())
    return Costs(
        parameters=Parameters(everything, everything, dict.fromkeys(session.tasks, 0)),
        macs=Macs(0, dict.fromkeys(session.tasks, 0)),
        other_ops={},
        uncounted=[EVERYTHING],
        size_kb=size_kb(everything),
    )


def training_macs(session: Session, efforts: Sequence[Effort]) -> int:
    """Return the multiply-adds of all passes; a backward pass costs two forward passes.

    Args:
        session: the run's parts; the network is left in the phase of the last effort.
        efforts: what each phase of training took, from the first on.
    """
    network = session.network
    x = session.example()
    total = 0
    with evaluating(network):
        for phase, effort in enumerate(efforts):
            network.set_phase(phase)
            for key in {*effort.forward, *effort.backward}:
                per_sample = count_operations(network, x, key.split("+")).macs
                passes = effort.forward.get(key, 0) + 2 * effort.backward.get(key, 0)
                total += per_sample * passes
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
        costs[job.method] = add_costs(costs_or_none(build_session(job, tasks))[0] for tasks in nets)
    return costs


def count_parameters(network: Architecture, x: Tensor, tasks: Sequence[str]) -> Parameters:
    """Count parameters by the tasks whose outputs depend on them; frozen ones too.

    Args:
        network: to count.
        x: an input, ``(1, *shape)``.
        tasks: names of the tasks.
    """
    return on_shapes(network, x, lambda found, given: _count_parameters(found, given, tasks))


def _count_parameters(network: Architecture, x: Tensor, tasks: Sequence[str]) -> Parameters:
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
