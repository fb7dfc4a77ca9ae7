"""The columns of a comparison: one a method and seed, with what its records predict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from benchbed.discovery.registry import Registry
from benchbed.records.record import Record
from benchbed.records.row_id import RowId
from benchbed.report.inspect.request import Request
from benchbed.report.layout.shared_options import leave_out_shared

if TYPE_CHECKING:
    from benchbed.contracts.task import Task
    from benchbed.engine.session import Session
    from benchbed.report.inspect.predictions.sample import Sample


class Column(NamedTuple):
    """Records of one row of a leaderboard and one seed; those of single tasks share a column."""

    method: str
    seed: int


@dataclass(slots=True)
class Columns:
    """What records predict.

    Attributes:
        samples: in the order given; empty where all weights of a column are missing.
        tasks: of which there are predictions.
        lost: columns and tasks whose weights are missing.
        notes: what is to be known of predictions, and of which columns.
        session: the last record's that has weights.
    """

    samples: dict[Column, list[Sample]] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    lost: set[tuple[Column, str]] = field(default_factory=set)
    notes: dict[str, list[Column]] = field(default_factory=dict)
    session: Session | None = None

    def drawn(self) -> dict[Column, list[Sample]]:
        """Return the columns of which there are predictions."""
        return {column: samples for column, samples in self.samples.items() if samples}

    def merged_notes(self) -> list[str]:
        """Return each note once, behind the columns that it is of."""
        merged = []
        for note, columns in self.notes.items():
            names = dict.fromkeys(self._name(column) for column in columns)
            merged.append(f"{', '.join(names)}: {note}")
        return merged

    def _name(self, column: Column) -> str:
        if have_one_seed(self.samples):
            return column.method
        return f"{column.method} seed {column.seed}"


def predict_columns(
    records: Sequence[Record], registry: Registry, requests: Sequence[Request]
) -> Columns:
    """Predict with one network at a time, so that there is room for many.

    Raises:
        BenchbedError: a record cannot be rebuilt.
    """
    from benchbed.report.inspect.predictions.of_record import predict_record
    from benchbed.report.inspect.predictions.sample import join

    found = Columns()
    for record, request in zip(records, requests, strict=True):
        column = Column(RowId.of(record).name, record.seed)
        samples = found.samples.setdefault(column, [])
        if not request.has_weights:
            found.lost |= {(column, task) for task in record.tasks}
            continue
        found.session, more, note = predict_record(record, registry, request)
        found.samples[column] = join(samples, more)
        found.tasks |= found.session.tasks
        if note:
            found.notes.setdefault(note, []).append(column)
    return found


def name_columns(columns: Sequence[Column]) -> tuple[dict[Column, str], list[str]]:
    """Return what stands above columns, and the options that are left out as all have them."""
    methods = [column.method for column in columns]
    shared: list[str] = []
    # a method alone keeps its options, all of which it would share with itself
    if len(columns) > 1:
        methods, shared = leave_out_shared(methods)
    one_seed = have_one_seed(columns)
    headings: dict[Column, str] = {}
    for column, method in zip(columns, methods, strict=True):
        headings[column] = method if one_seed else f"{method}\nseed {column.seed}"
    return headings, shared


def have_one_seed(columns: Iterable[Column]) -> bool:
    """Tell whether the seed is the same everywhere, and so need not be told of each."""
    return len({column.seed for column in columns}) == 1
