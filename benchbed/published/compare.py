"""Printed rows beside our own under one Δm, and why they are not comparable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.delta import Definition
from benchbed.published.audit import range_of
from benchbed.published.cells import Printed, TableError
from benchbed.published.interval import entering
from benchbed.published.library import Library
from benchbed.published.own_protocol import pretraining
from benchbed.published.paper import Statement
from benchbed.published.table import Row, Table
from benchbed.records.record import Tier

if TYPE_CHECKING:
    from benchbed.report.leaderboard import Leaderboard
    from benchbed.report.row import Row as OwnRow

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
        ours: the protocol of the own rows (of those from scratch, where there are any), see
            :mod:`benchbed.published.own_protocol`.
        anyway: rank everything, under a banner that says why not to read it so.
    """
    definition = board.definition
    own = [_own_entry(board, row, ours) for row in board.rows]
    printed = [_printed_entry(library, table, row, definition, ours) for row in table.rows]
    entries = own + printed
    incomparable = any(not entry.comparable for entry in entries)
    return Comparison(
        table.id,
        board.protocol.id,
        definition,
        tuple(_ranked(entries, anyway=anyway)),
        BANNER if anyway and incomparable else "",
    )


def _own_entry(board: Leaderboard, row: OwnRow, ours: Statement) -> Entry:
    begun = pretraining(given=bool(row.pretrained))
    differs: dict[str, tuple[Value, Value]] = {}
    if begun != ours.pretraining:
        differs["pretraining"] = begun, ours.pretraining
    return Entry(
        name=row.name,
        source=board.protocol.id,
        tier=row.tier,
        delta_m=row.delta_m.mean if row.delta_m else None,
        note="reference" if row.is_baseline else row.delta_note,
        differs=differs,
    )


def _printed_entry(
    library: Library, table: Table, row: Row, definition: Definition, ours: Statement
) -> Entry:
    delta, note = _delta(library, table, row, definition)
    theirs = _their_statement(library, table, row, definition).fields()
    known = ours.fields()
    differs: dict[str, tuple[Value, Value]] = {}
    left_open: list[str] = []
    for name, value in theirs.items():
        if value is None:
            left_open.append(name)
        elif not _same(name, value, known[name]):
            differs[name] = value, known[name]
    return Entry(
        name=row.label,
        source=table.id,
        tier="claimed",
        delta_m=delta,
        note=note,
        differs=differs,
        left_open=tuple(left_open),
    )


def _their_statement(library: Library, table: Table, row: Row, definition: Definition) -> Statement:
    """Return what is known of how a row was made, with the metrics that enter its Δm."""
    columns = table.paper.columns
    present = {name: columns[name] for name in library.cells(table, row)}
    metrics = ", ".join(sorted(entering(present, definition)))
    return table.statement(row).updated(Statement(metrics=metrics))


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
    """Return a printed row's Δm under a definition, and where it is from or why there is none."""
    if not row.baseline:
        return None, "reference" if _is_reference(table, row) else "compared with nothing"
    try:
        found = range_of(library, table, row, definition)
    except TableError as error:
        # the paper's own Δm stands in where cells are missing, if it is the Δm that is asked for
        same = table.paper.delta_m.definition == definition
        if same and isinstance(row.delta_m, Printed):
            return float(row.delta_m.number), "as printed"
        return None, str(error)
    except BenchbedError as error:
        return None, str(error)
    return float(found.value), "from the printed cells"


def _is_reference(table: Table, row: Row) -> bool:
    return any(
        (other.baseline, other.backbone, other.dataset) == row.identity for other in table.rows
    )


def _ranked(entries: list[Entry], *, anyway: bool) -> list[Entry]:
    """Return the entries that are ranked, best first, then the others in their order."""
    ranked: list[tuple[float, Entry]] = []
    others: list[Entry] = []
    for entry in entries:
        if entry.delta_m is not None and (anyway or entry.comparable):
            ranked.append((entry.delta_m, entry))
        else:
            others.append(entry)
    ranked.sort(key=lambda item: -item[0])
    numbered = [replace(entry, rank=place) for place, (_, entry) in enumerate(ranked, 1)]
    return numbered + others
