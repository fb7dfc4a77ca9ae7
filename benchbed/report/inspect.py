"""Looking at runs: records found, curves of one drawn, and predictions where they can be."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from benchbed.basics.canonical import digest
from benchbed.basics.errors import BenchbedError, ProtocolError, RecordError, StoreError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import find_protocol, protocols
from benchbed.discovery.registry import Registry
from benchbed.records.record import Record, decode_record
from benchbed.records.store import Place, Store, write_atomically

if TYPE_CHECKING:
    from benchbed.contracts.task import Task
    from benchbed.engine.session import Session
    from benchbed.report.panels import Sample


@dataclass(frozen=True, slots=True)
class Request:
    """What to draw, and out of what.

    Attributes:
        path: the record's file.
        output: where figures are written; ``inspect/<run key>`` of the results folder if ``None``.
        samples: how many samples of the test split.
        protocol: the file of a protocol that no plugin brings.
    """

    path: Path
    results: Path = Path("results")
    output: Path | None = None
    samples: int = 6
    protocol: str | None = None
    data_root: Path | None = None

    @property
    def weights(self) -> Path:
        """Return where the record's weights lie, if they do."""
        return self.path.with_suffix(".safetensors")

    @property
    def data_option(self) -> list[str]:
        """Return the option of the data's folder, if one was given."""
        return ["--data-root", str(self.data_root)] if self.data_root else []


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was drawn.

    Attributes:
        note: why there are no panels, or what is to be known of them.
        exit_code: not 0 where something is wrong that keeps panels from being drawn.
    """

    record: Record
    path: Path
    curves: Path
    panels: Path | None = None
    note: str = ""
    exit_code: int = 0

    @property
    def figures(self) -> list[Path]:
        """Return the files that were written."""
        return [self.panels, self.curves] if self.panels else [self.curves]

    @property
    def notes(self) -> list[str]:
        """Return the note, if there is one."""
        return [self.note] if self.note else []

    def facts(self) -> dict[str, Any]:
        """Return the figures' paths and the record's main facts, as plain data."""
        return {
            **_facts(self.record, self.path),
            "curves": str(self.curves),
            "panels": str(self.panels) if self.panels else None,
            "note": self.note,
        }


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
            "records": list(map(_facts, self.records, self.paths)),
            "notes": list(self.notes),
        }


def _facts(record: Record, path: Path) -> dict[str, Any]:
    return {
        "key": record.key,
        "record": str(path),
        "protocol": record.protocol,
        "protocol_digest": record.protocol_digest,
        "method": record.method,
        "tasks": record.tasks,
        "seed": record.seed,
        "selection": record.selection,
        "selected_epoch": record.selected_epoch,
        "epochs": record.budget.epochs,
        "test": record.test,
        "validation": record.validation,
        "parameters": record.costs.parameters.total,
        "macs": record.costs.macs.all_tasks,
        "tier": record.tier,
        "notes": record.notes,
    }


def require_matplotlib() -> None:
    """Refuse where figures cannot be drawn.

    Raises:
        BenchbedError: with the remedy.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise BenchbedError(
            "Drawing needs matplotlib, which is not installed: pip install 'benchbed[plots]'."
        ) from error


def find_record(text: str, results: Path) -> Path:
    """Return the file of a record, named by its path or by its run key's first characters.

    Raises:
        StoreError: there is none, or more than one.
    """
    path = Path(text)
    if path.suffix == ".json" or path.is_file():
        if not path.is_file():
            raise StoreError(f"There is no record {path}.")
        return path
    if not re.fullmatch("[0-9a-f]{6,32}", text):
        raise StoreError(
            f"'{text}' names no record; give the path of its JSON file, or at least the first 6 "
            "characters of its run key."
        )
    found = Store(results).find_key(text)
    if not found:
        raise StoreError(
            f"No record in {results} has a run key that begins with {text}; --results names "
            "another folder."
        )
    if len(found) > 1:
        listed = ", ".join(str(path.relative_to(results / "runs")) for path in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise StoreError(f"Several run keys begin with {text}; give more of one: {listed}{more}.")
    return found[0]


def read_record(path: Path) -> Record:
    """Read a record that is to be trusted.

    Raises:
        RecordError: damaged, altered or of another schema.
        StoreError: it cannot be read.
    """
    try:
        return decode_record(path.read_bytes(), path.stem)
    except RecordError as error:
        raise RecordError(f"Record {path} cannot be trusted: {error}.") from error
    except OSError as error:
        raise StoreError(f"Cannot read {path}: {error.strerror}.") from error


def protocol_of(record: Record, registry: Registry, file: str | None) -> Protocol:
    """Return the protocol that a record was made under, found by its id and proved by its digest.

    Args:
        record: the record.
        registry: the installed plugins.
        file: where the protocol stands if no plugin brings it.

    Raises:
        ProtocolError: it is not there, or only another one under its name.
    """
    found = find_protocol(file, registry) if file else protocols(registry).get(record.protocol)
    if found is None:
        raise ProtocolError(
            f"No installed plugin brings protocol {record.protocol} of this record; give its file "
            "with --protocol FILE."
        )
    if found.digest != record.protocol_digest:
        raise ProtocolError(
            f"{file or f'Protocol {found.id} as installed'} has digest {found.digest[:12]}, but "
            f"the record was made under {record.protocol} of digest {record.protocol_digest[:12]}; "
            "give the file of that one with --protocol FILE."
        )
    return found


def inspect_record(request: Request, registry: Registry) -> Inspection:
    """Draw a record's curves, and its panels where there are weights and plugins for them.

    Raises:
        BenchbedError: there is no matplotlib, the record cannot be trusted, or the folder cannot
            be written. What keeps only the panels from being drawn is in the result.
    """
    require_matplotlib()
    from benchbed.contracts.drawing import to_png
    from benchbed.report.curves import draw_curves

    record = read_record(request.path)
    folder = request.output or request.results / "inspect" / record.key
    curves, panels = folder / "curves.png", folder / "panels.png"
    write_atomically(curves, to_png(draw_curves(record, _title(record))))
    try:
        if not request.weights.exists():
            note = _no_weights(record, registry, request)
            return Inspection(record, request.path, curves, note=note)
        content, note = _draw_panels(record, registry, request)
    except BenchbedError as error:
        code = error.exit_code
        return Inspection(record, request.path, curves, note=str(error), exit_code=code)
    write_atomically(panels, content)
    return Inspection(record, request.path, curves, panels, note)


def _draw_panels(record: Record, registry: Registry, request: Request) -> tuple[bytes, str]:
    """Return the figure, and what is to be known of it."""
    from benchbed.contracts.drawing import to_png
    from benchbed.report.panels import draw_panels

    session, samples, note = _predict(record, registry, request)
    title = f"{_title(record)}\n{_samples(session, samples)}"
    return to_png(draw_panels(samples, session.tasks, session.dataset.input, title)), note


def _predict(
    record: Record, registry: Registry, request: Request
) -> tuple[Session, list[Sample], str]:
    """Return the rebuilt run, its predictions, and what is to be known of them."""
    from benchbed.execution.staleness import stale_components
    from benchbed.report.rebuild import predict, rebuild

    protocol = protocol_of(record, registry, request.protocol)
    session = rebuild(record, protocol, registry, request.weights, request.data_root)
    shown = msgspec.structs.replace(session.job, transforms=[])
    stale = dict.fromkeys(stale_components(record, shown))
    note = (
        f"The source of {', '.join(stale)} has changed since the record was made; the predictions "
        "are what it gives today."
        if stale
        else ""
    )
    return session, predict(session, request.samples), note


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
    from benchbed.contracts.drawing import to_png
    from benchbed.report.panels import draw_comparison

    paths = [request.path for request in requests]
    records = [read_record(path) for path in paths]
    _require_comparable(records)
    notes = _missing_weights(records, registry, requests)
    found = _predict_all(records, registry, requests)
    notes += found.merged_notes()
    if found.session is None:
        return Comparison(paths, records, None, notes)
    protocol, described = found.session.job.protocol, found.session.dataset.input
    columns = {column: samples for column, samples in found.columns.items() if samples}
    headings, shared = _headings(list(columns))
    drawn = {headings[column]: samples for column, samples in columns.items()}
    lost = {(headings[column], task) for column, task in found.lost if column in headings}
    tasks = {name: found.tasks[name] for name in protocol.tasks if name in found.tasks}
    first = next(iter(columns))
    title = (
        protocol.id
        + (f" · seed {first.seed}" if _have_one_seed(columns) else "")
        + f"\n{_samples(found.session, columns[first])}"
        + (f"\nall: {', '.join(shared)}" if shared else "")
    )
    content = to_png(draw_comparison(drawn, tasks, described, title, lost))
    key = digest([record.key for record in records])[:32]
    folder = requests[0].output or requests[0].results / "inspect" / key
    write_atomically(folder / "comparison.png", content)
    return Comparison(paths, records, folder / "comparison.png", notes)


class _Column(NamedTuple):
    method: str
    seed: int


@dataclass(slots=True)
class _Found:
    """What records predict.

    Attributes:
        columns: in the order given; without samples where all weights are missing.
        tasks: of which there are predictions.
        lost: columns and tasks whose weights are missing.
        notes: what is to be known of predictions, and of which columns.
        session: the last record's that has weights.
    """

    columns: dict[_Column, list[Sample]] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    lost: set[tuple[_Column, str]] = field(default_factory=set)
    notes: dict[str, list[_Column]] = field(default_factory=dict)
    session: Session | None = None

    def merged_notes(self) -> list[str]:
        """Return each note once, behind the columns that it is of."""
        one_seed = _have_one_seed(self.columns)
        named = {
            note: dict.fromkeys(
                column.method if one_seed else f"{column.method} seed {column.seed}"
                for column in columns
            )
            for note, columns in self.notes.items()
        }
        return [f"{', '.join(names)}: {note}" for note, names in named.items()]


def _predict_all(
    records: Sequence[Record], registry: Registry, requests: Sequence[Request]
) -> _Found:
    """Predict with one network at a time, so that there is room for many."""
    from benchbed.report.panels import join

    found = _Found()
    for record, request in zip(records, requests, strict=True):
        column = _Column(record.method, record.seed)
        samples = found.columns.setdefault(column, [])
        if not request.weights.exists():
            found.lost |= {(column, task) for task in record.tasks}
            continue
        found.session, more, note = _predict(record, registry, request)
        found.columns[column] = join(samples, more)
        found.tasks |= found.session.tasks
        if note:
            found.notes.setdefault(note, []).append(column)
    return found


def _headings(columns: Sequence[_Column]) -> tuple[dict[_Column, str], list[str]]:
    """Return what stands above columns, and the options that are left out as all have them."""
    from benchbed.report.layout import leave_out_shared

    methods, shared = [column.method for column in columns], list[str]()
    if len(columns) > 1:
        methods, shared = leave_out_shared(methods)
    if not _have_one_seed(columns):
        seeds = [column.seed for column in columns]
        methods = [f"{method}\nseed {seed}" for method, seed in zip(methods, seeds, strict=True)]
    return dict(zip(columns, methods, strict=True)), shared


def _have_one_seed(columns: Iterable[_Column]) -> bool:
    return len({column.seed for column in columns}) == 1


def _require_comparable(records: Sequence[Record]) -> None:
    """Refuse records of several protocols, and two of the same prediction."""
    first = records[0]
    seen: dict[tuple[str, int, str], Record] = {}
    for record in records:
        if (record.protocol, record.protocol_digest) != (first.protocol, first.protocol_digest):
            raise ProtocolError(
                "Only records of one protocol can be compared, but "
                + " and ".join(
                    f"{r.key[:8]} was made under {r.protocol} of digest {r.protocol_digest[:12]}"
                    for r in (first, record)
                )
                + "."
            )
        for task in record.tasks:
            other = seen.setdefault((record.method, record.seed, task), record)
            if other is not record:
                raise BenchbedError(
                    f"{_name(record)}, seed {record.seed}, is given twice, as {other.key[:8]} and "
                    f"{record.key[:8]}; leave one of them out."
                )


def _name(record: Record) -> str:
    task = "" if any(c.kind == "weighting" for c in record.components) else f" ({record.tasks[0]})"
    return f"{record.method}{task}"


def _samples(session: Session, samples: Sequence[Sample]) -> str:
    plural = "" if len(samples) == 1 else "s"
    return f"{len(samples)} sample{plural} of split '{session.job.protocol.data.test}'"


def _title(record: Record) -> str:
    return (
        f"{_name(record)}\n{record.protocol} · seed {record.seed} · epoch "
        f"{record.selected_epoch} of {record.budget.epochs} ({record.selection})"
    )


def _no_weights(record: Record, registry: Registry, request: Request) -> str:
    """Return how to make a record's weights again and draw it."""
    again = _again([record], registry, request)
    look = ["benchbed", "inspect", record.key, *again.protocol_option, *again.folders]
    return (
        f"No samples were drawn: the weights {request.weights} are not there. This trains the run "
        f"again and draws it:{again.remark}\n  {again.train(record)}\n  {shlex.join(look)}"
    )


def _missing_weights(
    records: Sequence[Record], registry: Registry, requests: Sequence[Request]
) -> list[str]:
    """Return, if weights are missing, how to make them again and draw all records then."""
    given = list(zip(records, requests, strict=True))
    lost = [(record, request) for record, request in given if not request.weights.exists()]
    if not lost:
        return []
    first = requests[0]
    again = _again([record for record, _ in lost], registry, first)
    paths = [
        request.path if request.weights.exists() else again.path(record)
        for record, request in given
    ]
    look = ["benchbed", "inspect", *map(str, paths), *again.protocol_option]
    look += ["--samples", str(first.samples), "--results", str(first.results)]
    look += ["--output", str(first.output)] if first.output else []
    look += first.data_option
    commands = dict.fromkeys([*(again.train(record) for record, _ in lost), shlex.join(look)])
    listed = "; ".join(
        f"{_name(record)}, seed {record.seed} ({request.weights})" for record, request in lost
    )
    return [
        ("Nothing was drawn. " if len(lost) == len(given) else "")
        + f"These weights are not there: {listed}. This trains the runs again and draws the "
        f"comparison:{again.remark}\n  " + "\n  ".join(commands)
    ]


@dataclass(frozen=True, slots=True)
class _Again:
    """How weights are made again, in a folder where the records are no cache hits.

    Attributes:
        protocol: as ``benchbed run`` takes it.
        protocol_option: of ``benchbed inspect``.
        pretrained: what stands for the files that runs began with, by their digests.
        remark: which files are meant where only the user can know them.
    """

    request: Request
    protocol: str
    protocol_option: list[str]
    pretrained: dict[str, str]
    remark: str

    @property
    def folder(self) -> Path:
        return self.request.results / "inspect" / "again"

    @property
    def folders(self) -> list[str]:
        return ["--results", str(self.folder), *self.request.data_option]

    def path(self, record: Record) -> Path:
        """Return where the record will lie."""
        return Store(self.folder).path("runs", Place.of(record), record.key)

    def train(self, record: Record) -> str:
        """Return the command."""
        run = ["run", self.protocol, record.method, "--seeds", f"{record.seed},", "--no-measure"]
        run += ["--pretrained", self.pretrained[record.pretrained]] if record.pretrained else []
        return shlex.join(["benchbed", *run, *self.folders])


def _again(records: Sequence[Record], registry: Registry, request: Request) -> _Again:
    """Return how the weights of records of one protocol are made again.

    Raises:
        ProtocolError: the file given is of another protocol.
    """
    first = records[0]
    if request.protocol:
        protocol_of(first, registry, request.protocol)
    installed = protocols(registry).get(first.protocol)
    known = installed is not None and installed.digest == first.protocol_digest
    protocol = request.protocol or (first.protocol if known else "FILE.toml")
    remark = (
        f" FILE.toml is the file of {first.protocol}, digest {first.protocol_digest[:12]}."
        if protocol == "FILE.toml"
        else ""
    )
    digests = dict.fromkeys(record.pretrained for record in records if record.pretrained)
    pretrained = {
        begun: f"FILE{number if len(digests) > 1 else ''}.safetensors"
        for number, begun in enumerate(digests, start=1)
    }
    began = "it" if len(records) == 1 else "training"
    for begun, file in pretrained.items():
        remark += f" {file} is the file of SHA-256 {begun[:12]} that {began} began with."
    option = [] if known else ["--protocol", protocol]
    return _Again(request, protocol, option, pretrained, remark)
