"""Several records of one protocol: their predictions side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbed.basics.canonical import digest
from benchbed.basics.errors import BenchbedError, ProtocolError
from benchbed.discovery.registry import Registry
from benchbed.records.record import Record
from benchbed.records.row_id import RowId
from benchbed.records.store import write_atomically
from benchbed.report.inspect.columns import (
    Column,
    Columns,
    have_one_seed,
    name_columns,
    predict_columns,
)
from benchbed.report.inspect.facts import record_facts, run_name, samples_title
from benchbed.report.inspect.lost_weights import note_lost_weights_of_several
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.request import Request
from benchbed.report.layout.available import require_matplotlib

if TYPE_CHECKING:
    from benchbed.contracts.protocol import Protocol
    from benchbed.engine.session import Session
    from benchbed.report.inspect.predictions.sample import Sample


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was drawn of several records.

    Attributes:
        paths, records: of the records, in the order given.
        figure: ``None`` where no record has weights.
        notes: how to make missing weights again, and what is to be known of predictions.
    """

    paths: Sequence[Path]
    records: Sequence[Record]
    figure: Path | None
    notes: Sequence[str]

    @property
    def exit_code(self) -> int:
        """Return 2 where nothing was drawn."""
        return 0 if self.figure else 2

    @property
    def figures(self) -> list[Path]:
        """Return the file that was written, if one was."""
        return [self.figure] if self.figure else []

    def facts(self) -> dict[str, Any]:
        """Return the figure's path, the records' main facts and the notes, as plain data."""
        return {
            "comparison": str(self.figure) if self.figure else None,
            "records": list(map(record_facts, self.records, self.paths)),
            "notes": list(self.notes),
        }


def compare_records(requests: Sequence[Request], registry: Registry) -> Comparison:
    """Draw the predictions of several records side by side, a column a method and seed.

    Args:
        requests: one a record, with the same folders, samples and protocol.
        registry: the installed plugins.

    Raises:
        BenchbedError: there is no matplotlib, a record cannot be trusted or rebuilt, the records
            cannot share a figure, or the folder cannot be written.
    """
    require_matplotlib()
    paths = [request.path for request in requests]
    records = [read_record(path) for path in paths]
    _require_comparable(records)
    notes = note_lost_weights_of_several(records, registry, requests)
    found = predict_columns(records, registry, requests)
    notes += found.merged_notes()
    if found.session is None:
        return Comparison(paths, records, None, notes)
    key = digest([record.key for record in records])[:32]
    figure = requests[0].folder(key) / "comparison.png"
    write_atomically(figure, _draw_columns(found, found.session))
    return Comparison(paths, records, figure, notes)


def _require_comparable(records: Sequence[Record]) -> None:
    """Refuse records of several protocols, and two of the same prediction."""
    first = records[0]
    seen: dict[tuple[RowId, int, str], Record] = {}
    for record in records:
        if (record.protocol, record.protocol_digest) != (first.protocol, first.protocol_digest):
            raise ProtocolError(
                f"Only records of one protocol can be compared, but {_made_under(first)} and "
                f"{_made_under(record)}."
            )
        for task in record.tasks:
            row = RowId.of(record)
            other = seen.setdefault((row, record.seed, task), record)
            if other is not record:
                raise BenchbedError(
                    f"{run_name(record)}, seed {record.seed}, is given twice, as {other.key[:8]} "
                    f"and {record.key[:8]}; leave one of them out."
                )


def _made_under(record: Record) -> str:
    protocol = f"{record.protocol} of digest {record.protocol_digest[:12]}"
    return f"{record.key[:8]} was made under {protocol}"


def _draw_columns(found: Columns, session: Session) -> bytes:
    """Return the figure of the columns that have predictions."""
    from benchbed.contracts.drawing import to_png
    from benchbed.report.inspect.drawing.comparison import draw_comparison

    protocol, columns = session.job.protocol, found.drawn()
    headings, shared = name_columns(list(columns))
    samples = {headings[column]: predicted for column, predicted in columns.items()}
    lost = {(headings[column], task) for column, task in found.lost if column in headings}
    tasks = {name: found.tasks[name] for name in protocol.tasks if name in found.tasks}
    title = _title(protocol, columns, shared)
    return to_png(draw_comparison(samples, tasks, session.dataset.input, title, lost))


def _title(
    protocol: Protocol, columns: Mapping[Column, Sequence[Sample]], shared: Sequence[str]
) -> str:
    """Return what holds for all columns: the protocol, the seed if it is one, samples, options."""
    column, samples = next(iter(columns.items()))
    title = protocol.id
    if have_one_seed(columns):
        title += f" · seed {column.seed}"
    title += f"\n{samples_title(len(samples), protocol.data.test)}"
    if shared:
        title += f"\nall: {', '.join(shared)}"
    return title
