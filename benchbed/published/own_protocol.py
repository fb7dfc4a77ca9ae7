"""Our own protocol in the terms in which papers state theirs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from benchbed.contracts.protocol import Protocol, Schedule
from benchbed.published.paper import Statement

if TYPE_CHECKING:
    from benchbed.report.leaderboard import Leaderboard


def statement_of(
    protocol: Protocol,
    *,
    metrics: str,
    input_size: str | None,
    pretrained: bool,
    official: Mapping[str, str] = MappingProxyType({}),
) -> Statement:
    """Return a protocol in the terms in which papers state theirs.

    Args:
        protocol: ours.
        metrics: those that enter Δm, see :func:`metrics_of`.
        input_size: such as ``288x384``.
        pretrained: whether the runs began with given weights.
        official: what the data's authors call splits, where they have other names here.
    """
    data = protocol.data
    return Statement(
        dataset=data.dataset,
        train=official.get(data.train, data.train),
        scored_on=official.get(data.test, data.test),
        input=input_size,
        metrics=metrics,
        backbone=protocol.backbone or None,
        pretraining=pretraining(given=pretrained),
        optimizer=protocol.optimizer.name,
        lr=protocol.optimizer.lr,
        weight_decay=protocol.optimizer.weight_decay,
        schedule=_schedule(protocol.schedule),
        epochs=protocol.epochs,
        batch_size=protocol.batch_size * protocol.accumulate,
        augmentation=", ".join(entry.name for entry in protocol.transforms) or "none",
        selection=str(protocol.selection),
        seeds=len(protocol.seeds),
        baseline=protocol.delta_m.baseline,
    )


def pretraining(*, given: bool) -> str:
    """Return what runs began with, as papers state it."""
    return "given weights" if given else "none"


def metrics_of(board: Leaderboard) -> str:
    """Return the metrics that enter a leaderboard's Δm."""
    primary_only = board.definition == "primary"
    entering: list[str] = []
    for task, metrics in board.metrics.items():
        for metric, info in metrics.items():
            name = f"{task}/{metric}"
            if info.primary or not primary_only:
                entering.append(name)
    return ", ".join(sorted(entering))


def _schedule(schedule: Schedule) -> str:
    words = schedule.name.replace("-", " ")
    details = {
        "constant": "",
        "step": f", x{schedule.gamma:g} every {schedule.step_epochs} epochs",
        "poly": f", power {schedule.power:g}, per {schedule.per}",
        "cosine": f", per {schedule.per}",
        "cosine-restarts": f", every {schedule.restart_epochs:g} epochs, per {schedule.per}",
    }
    warmup = ", with warm-up" if schedule.warmup else ""
    return words + details[schedule.name] + warmup
