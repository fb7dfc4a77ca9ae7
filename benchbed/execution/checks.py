"""What can be known to go wrong before anything is trained, without torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchbed.basics.errors import ProtocolError, suggest
from benchbed.contracts.dataset import Dataset
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import MetricSpec

_DEVICE: Final = re.compile(r"(auto|cpu|cuda(:\d+)?|mps)\Z")


def require_sound(protocol: Protocol, dataset: Dataset, registry: Registry, device: str) -> None:
    """Refuse a protocol that asks for what is not there; all that is wrong is told at once.

    Args:
        protocol: what is held equal.
        dataset: its data set.
        registry: the installed plugins.
        device: where runs are carried out.

    Raises:
        ProtocolError: with the remedies.
    """
    problems = [
        *_wrong_splits(protocol, dataset),
        *_wrong_targets(protocol, dataset),
        *_wrong_metrics(protocol, registry),
        *_wrong_device(device),
    ]
    if problems:
        raise ProtocolError("\n".join(problems))


def require_batches(protocol: Protocol, dataset: Dataset, root: Path | None) -> None:
    """Refuse a batch size that no batch of the training split has.

    Raises:
        ProtocolError: with the remedy.
        DataError: data is missing or damaged.
    """
    if not protocol.drop_last:
        return  # the last batch may be smaller
    length = dataset.length(protocol.data.train, root)
    samples = None if length is None else protocol.data.trained_on(length)
    if samples is not None and samples < protocol.batch_size:
        raise ProtocolError(
            f"{protocol.id}: 'batch_size' is {protocol.batch_size}, and split "
            f"'{protocol.data.train}' of data set '{protocol.data.dataset}' has {samples} samples, "
            "so that with 'drop_last' no batch is left; lower it, or leave 'drop_last' out."
        )


def _wrong_splits(protocol: Protocol, dataset: Dataset) -> Iterator[str]:
    data = protocol.data
    for role, split in (
        ("train", data.train),
        ("validation", data.validation),
        ("test", data.test),
    ):
        if split not in dataset.splits:
            yield (
                f"{protocol.id}: 'data.{role}' is '{split}', which data set '{data.dataset}' lacks."
                f"{suggest(split, dataset.splits)}"
            )


def _wrong_targets(protocol: Protocol, dataset: Dataset) -> Iterator[str]:
    for name, entry in protocol.tasks.items():
        target = entry.target or name
        if target not in dataset.targets:
            yield (
                f"Task '{name}' of {protocol.id} wants target '{target}', which data set "
                f"'{protocol.data.dataset}' lacks.{suggest(target, dataset.targets)}"
            )


# Metrics ----------------------------------------------------------------------------------------


def _wrong_metrics(protocol: Protocol, registry: Registry) -> Iterator[str]:
    """Yield what is wrong with the metrics that a protocol names, where their Specs state any."""
    for name, entry in protocol.tasks.items():
        if entry.primary:
            where = f"'tasks.{name}.primary'"
            yield from _wrong_metric(protocol, registry, where, name, entry.primary)
    criterion = protocol.selection.criterion
    selects = protocol.selection.rule in {"best-validation", "paper-selection"}
    if not selects or criterion == "loss":
        return
    name, _, metric = criterion.partition("/")
    yield from _wrong_metric(protocol, registry, "'selection.criterion'", name, metric)
    if _metrics(protocol, registry, name).get(metric, _ANY).at_end:
        yield (
            f"{protocol.id}: 'selection.criterion' names '{criterion}', which is computed at the "
            "end only, being too slow for every epoch; name another metric."
        )


_ANY: Final = MetricSpec(higher_is_better=True)


def _wrong_metric(
    protocol: Protocol, registry: Registry, where: str, task: str, metric: str
) -> Iterator[str]:
    known = _metrics(protocol, registry, task)
    # of one class or group, which a Spec does not list
    is_detail = "[" in metric
    if known and metric not in known and not is_detail:
        plugin = protocol.tasks[task].task
        yield (
            f"{protocol.id}: {where} names metric '{metric}', which task '{task}' ({plugin}) lacks."
            f"{suggest(metric, known)}"
        )


def _metrics(protocol: Protocol, registry: Registry, task: str) -> dict[str, MetricSpec]:
    return dict(registry.get("task", protocol.tasks[task].task).spec.metrics)


def _wrong_device(device: str) -> Iterator[str]:
    if _DEVICE.match(device) is None:
        yield f"There is no device '{device}'; --device is auto, cpu, cuda or cuda:N."
