"""What cannot be in a record that is sound in itself: numbers that contradict one another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from benchbed.contracts.protocol import Protocol
from benchbed.records.record import ENGINE, Record, Scores


def implausible(record: Record, protocol: Protocol | None) -> str:
    """Return what in a sound record cannot be, or nothing.

    Args:
        record: what :func:`~benchbed.records.record.decode_record` has passed.
        protocol: the record's protocol, if it is installed.
    """
    return (
        _implausible_costs(record)
        or _implausible_course(record)
        or _implausible_scores(record, record.test)
        or _implausible_scores(record, record.validation)
        or (_foreign(record, protocol) if protocol else "")
    )


def _implausible_costs(record: Record) -> str:
    parameters, macs = record.costs.parameters, record.costs.macs
    parts = parameters.shared + sum(parameters.per_task.values()) + parameters.unused
    tasks = set(record.tasks)
    if set(parameters.per_task) != tasks or set(macs.per_task) != tasks:
        return "implausible (costs of other tasks)"
    if not parameters.total or not macs.all_tasks:
        return "implausible (a network without parameters or multiply-adds)"
    if parts > parameters.total + parameters.training_only:
        return f"implausible ({parts} parameters in parts of {parameters.total})"
    if max(macs.per_task.values()) > macs.all_tasks:
        return "implausible (one task takes more multiply-adds than all tasks)"
    return ""


def _implausible_course(record: Record) -> str:
    epochs = record.budget.epochs
    if not 1 <= record.selected_epoch <= epochs:
        return f"implausible (epoch {record.selected_epoch} selected of {epochs})"
    for curve in record.curves.values():
        if len(curve) != epochs:
            return f"implausible (a curve has not the {epochs} entries of its epochs)"
    if not record.budget.optimizer_steps or not record.budget.samples:
        return "implausible (trained on nothing)"
    # a day on, because clocks differ
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    if not record.started <= record.finished <= tomorrow:
        return f"implausible (from {record.started} to {record.finished})"
    if record.engine > ENGINE:
        return f"implausible (trainer {record.engine}, where this benchbed's is {ENGINE})"
    return ""


def _implausible_scores(record: Record, scores: Scores) -> str:
    for task, values in scores.items():
        infos = record.metrics.get(task, {})
        for metric, value in values.items():
            if metric not in infos:
                return "implausible (scores of other metrics)"
            if infos[metric].percent and not 0 <= value <= 1:
                return f"implausible ({metric} of {value}, where it goes from 0 to 1)"
    return ""


def _foreign(record: Record, protocol: Protocol) -> str:
    """Return in what a record is not of the protocol that it names."""
    if record.protocol_digest != protocol.digest:
        return f"made under another definition of {protocol.id} (its digest differs)"
    in_order = [task for task in protocol.tasks if task in record.tasks]
    plugins = [protocol.tasks[task].task for task in record.tasks if task in protocol.tasks]
    other: list[str] = []
    if record.tasks != in_order:
        other.append("tasks")
    if record.budget.epochs != protocol.epochs:
        other.append("epochs")
    if record.selection != str(protocol.selection):
        other.append("selection")
    if _ids(record, "dataset") != [protocol.data.dataset]:
        other.append("data set")
    if _ids(record, "task") != plugins:
        other.append("task plugins")
    return f"altered ({', '.join(other)}: not those of {protocol.id})" if other else ""


def _ids(record: Record, kind: str) -> list[str]:
    return [component.id for component in record.components if component.kind == kind]
