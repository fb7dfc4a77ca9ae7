"""Printed rows beside our own under one Δm, and why they are not comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol, Schedule
from benchbed.published.audit import range_of
from benchbed.published.cells import Printed, TableError
from benchbed.published.interval import entering
from benchbed.published.library import Library
from benchbed.published.paper import Statement
from benchbed.published.table import Row, Table
from benchbed.records.record import Tier

if TYPE_CHECKING:
    from benchbed.report.leaderboard import Leaderboard

Value = str | int | float | None
BANNER: Final = (
    "Do not read this as a ranking: rows marked * were made under other protocols, or under "
    "protocols that their paper leaves open, and their order may say more of that than of the "
    "methods. What differs is listed below."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a comparison.

    Attributes:
        name: benchbed's method, or the printed row's system and backbone.
        delta_m: in percent, positive is better; ``None`` where there is none, and ``note`` says
            why.
        differs: protocol fields in which it differs from ours, as (theirs, ours).
        left_open: protocol fields that the paper does not state.
        rank: 1 for the best of what is ranked; ``None`` for what is not.
    """

    name: str
    source: str
    tier: Tier | None
    delta_m: float | None
    note: str = ""
    differs: Mapping[str, tuple[Value, Value]] = field(default_factory=dict)
    left_open: tuple[str, ...] = ()
    rank: int | None = None

    @property
    def comparable(self) -> bool:
        """Whether nothing known or unknown stands between this row and ours."""
        return not self.differs and not self.left_open


@dataclass(frozen=True, slots=True)
class Comparison:
    """Own and printed rows; ``banner`` is set where incomparable ones are ranked all the same."""

    table: str
    protocol: str
    definition: Definition
    entries: tuple[Entry, ...]
    banner: str


def compare(
    library: Library,
    table: Table,
    board: Leaderboard,
    ours: Statement,
    *,
    anyway: bool = False,
) -> Comparison:
    """Put a printed table's rows beside a leaderboard's, under the leaderboard's Δm definition.

    Own rows and printed rows that are comparable with them are ranked together; the others are
    listed without a rank, unless ``anyway``.

    Args:
        library: where baselines in other tables are found.
        table: the printed table.
        board: own rows.
        ours: the protocol of the own rows, see :func:`statement_of`.
        anyway: rank everything, under a banner that says why not to read it so.
    """
    entries = [
        Entry(
            name=row.method,
            source=board.protocol.id,
            tier=row.tier,
            delta_m=row.delta_m.mean if row.delta_m else None,
            note="reference" if row.is_baseline else row.delta_note,
        )
        for row in board.rows
    ]
    entries += [_printed(library, table, row, board.definition, ours) for row in table.rows]
    incomparable = any(not entry.comparable for entry in entries)
    return Comparison(
        table.id,
        board.protocol.id,
        board.definition,
        tuple(_ranked(entries, anyway=anyway)),
        BANNER if anyway and incomparable else "",
    )


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
        pretrained: whether any run began from given weights.
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
        pretraining="given weights" if pretrained else "none",
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


def metrics_of(board: Leaderboard) -> str:
    """Return the metrics that enter a leaderboard's Δm."""
    return ", ".join(
        sorted(
            f"{task}/{metric}"
            for task, infos in board.metrics.items()
            for metric, info in infos.items()
            if info.primary or board.definition != "primary"
        )
    )


def _schedule(schedule: Schedule) -> str:
    details = {
        "constant": "",
        "step": f", x{schedule.gamma:g} every {schedule.step_epochs} epochs",
        "poly": f", power {schedule.power:g}, per {schedule.per}",
        "cosine": f", per {schedule.per}",
        "cosine-restarts": f", every {schedule.restart_epochs:g} epochs, per {schedule.per}",
    }[schedule.name]
    warmup = ", with warm-up" if schedule.warmup else ""
    return schedule.name.replace("-", " ") + details + warmup


def _printed(
    library: Library, table: Table, row: Row, definition: Definition, ours: Statement
) -> Entry:
    delta, note = _delta(library, table, row, definition)
    present = {name: table.paper.columns[name] for name in library.cells(table, row)}
    metrics = ", ".join(sorted(entering(present, definition)))
    theirs = table.statement(row).updated(Statement(metrics=metrics)).fields()
    known = ours.fields()
    return Entry(
        name=f"{row.system}, {row.backbone}" if row.backbone else row.system,
        source=table.id,
        tier="claimed",
        delta_m=delta,
        note=note,
        differs={
            name: (value, known[name])
            for name, value in theirs.items()
            if value is not None and not _same(name, value, known[name])
        },
        left_open=tuple(name for name, value in theirs.items() if value is None),
    )


def _same(name: str, theirs: object, ours: object) -> bool:
    """Tell whether two statements agree; names may differ in case, backbones' in hyphens too."""
    if isinstance(theirs, str) and isinstance(ours, str):
        theirs, ours = theirs.casefold(), ours.casefold()
        if name == "backbone":
            theirs, ours = theirs.replace("-", ""), ours.replace("-", "")
    return theirs == ours


def _delta(
    library: Library, table: Table, row: Row, definition: Definition
) -> tuple[float | None, str]:
    if not row.baseline:
        return None, "reference" if _is_reference(table, row) else "compared with nothing"
    try:
        return float(range_of(library, table, row, definition).value), "from the printed cells"
    except TableError as error:
        same = table.paper.delta_m.definition == definition
        if same and isinstance(row.delta_m, Printed):
            return float(row.delta_m.number), "as printed"
        return None, str(error)
    except BenchbedError as error:
        return None, str(error)


def _is_reference(table: Table, row: Row) -> bool:
    return any(
        (other.baseline, other.backbone, other.dataset) == row.identity for other in table.rows
    )


def _ranked(entries: list[Entry], *, anyway: bool) -> list[Entry]:
    ranked = [e for e in entries if e.delta_m is not None and (anyway or e.comparable)]
    ranked.sort(key=lambda entry: -(entry.delta_m or 0.0))
    kept = {id(entry) for entry in ranked}
    numbered = [replace(entry, rank=place) for place, entry in enumerate(ranked, 1)]
    return numbered + [entry for entry in entries if id(entry) not in kept]
