"""Several records of one protocol: their curves, and their predictions side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbed.basics.canonical import digest
from benchbed.basics.errors import BenchbedError, ProtocolError
from benchbed.discovery.registry import Registry
from benchbed.records.record import Record
from benchbed.records.row_id import RowId
from benchbed.records.store import write_atomically
from benchbed.report.inspect.choosing import choose_samples
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
from benchbed.report.inspect.request import Choice, Request
from benchbed.report.layout.available import require_matplotlib
from benchbed.report.layout.shared_options import leave_out_shared

if TYPE_CHECKING:
    from benchbed.contracts.protocol import Protocol
    from benchbed.engine.session import Session
    from benchbed.report.inspect.predictions.sample import Sample


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was drawn of several records.

    Attributes:
        paths, records: of the records, in the order given.
        curves: the figure of training curves.
        figure: that of predictions; ``None`` where no record has weights.
        notes: how to make missing weights again, and what is to be known of predictions.
    """

    paths: Sequence[Path]
    records: Sequence[Record]
    curves: Path
    figure: Path | None = None
    notes: Sequence[str] = ()
    exit_code: int = 0

    @property
    def figures(self) -> list[Path]:
        """Return the files that were written."""
        return [self.figure, self.curves] if self.figure else [self.curves]

    def facts(self) -> dict[str, Any]:
        """Return the figures' paths, the records' main facts and the notes, as plain data."""
        return {
            "comparison": str(self.figure) if self.figure else None,
            "curves": str(self.curves),
            "records": list(map(record_facts, self.records, self.paths)),
            "notes": list(self.notes),
        }


def compare_records(requests: Sequence[Request], registry: Registry) -> Comparison:
    """Draw the curves of several records, and their predictions in a column a method and seed.

    Args:
        requests: one a record, with the same folders, samples and protocol.
        registry: the installed plugins.

    Raises:
        BenchbedError: there is no matplotlib, a record cannot be trusted, the records cannot share
            a figure, or the folder cannot be written. What keeps only predictions from being drawn
            is in the result.
    """
    require_matplotlib()
    paths = [request.path for request in requests]
    records = [read_record(path) for path in paths]
    _require_comparable(records)
    key = digest([record.key for record in records])[:32]
    folder = requests[0].folder(key)
    curves = folder / "curves.png"
    write_atomically(curves, _draw_curves(records))
    drawn = Comparison(paths, records, curves)

    # the curves are of use alone, so what is wrong with weights or plugins is no error from here on
    try:
        notes = note_lost_weights_of_several(records, registry, requests)
        found = predict_columns(records, registry, choose_samples(records, registry, requests))
    except BenchbedError as error:
        return replace(drawn, notes=[str(error)], exit_code=error.exit_code)
    notes += found.merged_notes()
    if found.session is None:
        return replace(drawn, notes=notes)
    figure = folder / "comparison.png"
    write_atomically(figure, _draw_columns(found, found.session, requests[0].choice))
    return replace(drawn, figure=figure, notes=notes)


def _draw_curves(records: Sequence[Record]) -> bytes:
    """Return the figure of the curves, the records of a method's seeds as one."""
    from benchbed.contracts.drawing import to_png
    from benchbed.report.inspect.drawing.training_curves import draw_curves_of_several

    by_row: dict[str, list[Record]] = {}
    for record in records:
        by_row.setdefault(RowId.of(record).name, []).append(record)
    names = list(by_row)
    shared: list[str] = []
    if len(names) > 1:
        names, shared = leave_out_shared(names)
    methods = dict(zip(names, by_row.values(), strict=True))
    seeds: dict[str, int] = {}
    for name, found in methods.items():
        # of single tasks, several records are of one seed
        distinct = {record.seed for record in found}
        seeds[name] = len(distinct)
    title = f"{records[0].protocol} · {_seeds_in_words(seeds)}"
    if shared:
        title += f"\nall: {', '.join(shared)}"
    return to_png(draw_curves_of_several(methods, title))


def _seeds_in_words(seeds: Mapping[str, int]) -> str:
    """Return how many seeds each method has, and what of them is drawn if there are several."""
    numbers = set(seeds.values())
    if numbers == {1}:
        return "one seed of each method"
    if len(numbers) == 1:
        how_many = f"{numbers.pop()} seeds"
    else:
        each = [f"{name} {number}" for name, number in seeds.items()]
        how_many = f"seeds: {', '.join(each)}"
    return f"{how_many}\nline: their mean; band: from the smallest to the largest"


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


def _draw_columns(found: Columns, session: Session, choice: Choice) -> bytes:
    """Return the figure of the columns that have predictions."""
    from benchbed.contracts.drawing import one_colour_a_class, to_png
    from benchbed.report.inspect.drawing.comparison import draw_comparison

    protocol, columns = session.job.protocol, found.drawn()
    headings, shared = name_columns(list(columns))
    samples = {headings[column]: predicted for column, predicted in columns.items()}
    lost = {(headings[column], task) for column, task in found.lost if column in headings}
    tasks = {name: found.tasks[name] for name in protocol.tasks if name in found.tasks}
    title = _title(protocol, columns, shared, choice)
    with one_colour_a_class(task.target for task in tasks.values()):
        figure = draw_comparison(samples, tasks, session.dataset.input, title, lost)
    return to_png(figure)


def _title(
    protocol: Protocol,
    columns: Mapping[Column, Sequence[Sample]],
    shared: Sequence[str],
    choice: Choice,
) -> str:
    """Return what holds for all columns: the protocol, the seed if it is one, samples, options."""
    column, samples = next(iter(columns.items()))
    title = protocol.id
    if have_one_seed(columns):
        title += f" · seed {column.seed}"
    title += f"\n{samples_title(len(samples), protocol.data.test, choice)}"
    if shared:
        title += f"\nall: {', '.join(shared)}"
    return title
