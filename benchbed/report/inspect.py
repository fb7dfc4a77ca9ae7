"""Looking at runs: records found, curves of one drawn, and predictions where they can be."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchbed.canonical import digest
from benchbed.catalogue import find_protocol, protocols
from benchbed.errors import BenchbedError, ProtocolError, RecordError, StoreError
from benchbed.protocol import Protocol
from benchbed.record import Record, decode_record
from benchbed.registry import Registry
from benchbed.store import Store, write_atomically

if TYPE_CHECKING:
    from benchbed.engine.session import Session
    from benchbed.report.panels import Sample
    from benchbed.task import Task


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
        notes: whose weights are missing, and what is to be known of predictions.
    """

    paths: Sequence[Path]
    records: Sequence[Record]
    figure: Path | None
    notes: Sequence[str]
    exit_code: int = 0

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
    from benchbed.drawing import to_png
    from benchbed.report.curves import draw_curves

    record = read_record(request.path)
    folder = request.output or request.results / "inspect" / record.key
    curves, panels = folder / "curves.png", folder / "panels.png"
    write_atomically(curves, to_png(draw_curves(record, _title(record))))
    weights = request.path.with_suffix(".safetensors")
    try:
        if not weights.exists():
            note = _no_weights(record, weights, registry, request)
            return Inspection(record, request.path, curves, note=note)
        content, note = _draw_panels(record, weights, registry, request)
    except BenchbedError as error:
        code = error.exit_code
        return Inspection(record, request.path, curves, note=str(error), exit_code=code)
    write_atomically(panels, content)
    return Inspection(record, request.path, curves, panels, note)


def _draw_panels(
    record: Record, weights: Path, registry: Registry, request: Request
) -> tuple[bytes, str]:
    """Return the figure, and what is to be known of it."""
    from benchbed.drawing import to_png
    from benchbed.report.panels import draw_panels

    session, samples, note = _predict(record, weights, registry, request)
    title = f"{_title(record)}\n{_samples(session, samples)}"
    return to_png(draw_panels(samples, session.tasks, session.dataset.input, title)), note


def _predict(
    record: Record, weights: Path, registry: Registry, request: Request
) -> tuple[Session, list[Sample], str]:
    """Return the rebuilt run, its predictions, and what is to be known of them."""
    from benchbed.execution.plan import stale_components
    from benchbed.report.rebuild import predict, rebuild

    protocol = protocol_of(record, registry, request.protocol)
    session = rebuild(record, protocol, registry, weights, request.data_root)
    stale = dict.fromkeys(stale_components(record, session.job))
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
    from benchbed.drawing import to_png
    from benchbed.report.panels import draw_comparison

    paths = [request.path for request in requests]
    records = [read_record(path) for path in paths]
    _require_comparable(records)
    found = _predict_all(records, registry, requests)
    if found.session is None:
        return Comparison(paths, records, None, found.notes)
    protocol, described = found.session.job.protocol, found.session.dataset.input
    columns = {heading: samples for heading, samples in found.columns.items() if samples}
    tasks = {name: found.tasks[name] for name in protocol.tasks if name in found.tasks}
    seed = f" · seed {records[0].seed}" if _have_one_seed(records) else ""
    drawn = _samples(found.session, next(iter(columns.values())))
    title = f"{protocol.id}{seed}\n{drawn}"
    content = to_png(draw_comparison(columns, tasks, described, title, found.lost))
    key = digest([record.key for record in records])[:32]
    folder = requests[0].output or requests[0].results / "inspect" / key
    write_atomically(folder / "comparison.png", content)
    return Comparison(paths, records, folder / "comparison.png", found.notes)


@dataclass(slots=True)
class _Found:
    """What records predict.

    Attributes:
        columns: by title, in the order given; without samples where all weights are missing.
        tasks: of which there are predictions.
        lost: columns and tasks whose weights are missing.
        session: the last record's that has weights.
    """

    columns: dict[str, list[Sample]] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    lost: set[tuple[str, str]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    session: Session | None = None


def _predict_all(
    records: Sequence[Record], registry: Registry, requests: Sequence[Request]
) -> _Found:
    """Predict with one network at a time, so that there is room for many."""
    from benchbed.report.panels import join

    found = _Found()
    one_seed = _have_one_seed(records)
    for record, request in zip(records, requests, strict=True):
        heading = record.method if one_seed else f"{record.method}, seed {record.seed}"
        column = found.columns.setdefault(heading, [])
        weights = request.path.with_suffix(".safetensors")
        if weights.exists():
            found.session, samples, note = _predict(record, weights, registry, request)
            found.columns[heading] = join(column, samples)
            found.tasks |= found.session.tasks
        else:
            note = _no_weights(record, weights, registry, request)
            found.lost |= {(heading, task) for task in record.tasks}
        if note:
            found.notes.append(f"{_name(record)}, seed {record.seed}: {note}")
    return found


def _have_one_seed(records: Sequence[Record]) -> bool:
    return len({record.seed for record in records}) == 1


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
    return f"{len(samples)} samples of split '{session.job.protocol.data.test}'"


def _title(record: Record) -> str:
    return (
        f"{_name(record)}\n{record.protocol} · seed {record.seed} · epoch "
        f"{record.selected_epoch} of {record.budget.epochs} ({record.selection})"
    )


def _no_weights(record: Record, weights: Path, registry: Registry, request: Request) -> str:
    """Return how to make the weights again, in a folder where the record is no cache hit."""
    if request.protocol:
        protocol_of(record, registry, request.protocol)
    installed = protocols(registry).get(record.protocol)
    known = installed is not None and installed.digest == record.protocol_digest
    protocol = request.protocol or (record.protocol if known else "FILE.toml")
    options = ["--results", str(request.results / "inspect" / "again")]
    options += ["--data-root", str(request.data_root)] if request.data_root else []
    pretrained = ["--pretrained", "FILE.safetensors"] if record.pretrained else []
    run = ["run", protocol, record.method, "--seeds", f"{record.seed},", "--no-measure"]
    look = ["inspect", record.key, *([] if known else ["--protocol", protocol])]
    commands = [
        shlex.join(["benchbed", *run, *pretrained, *options]),
        shlex.join(["benchbed", *look, *options]),
    ]
    where = (
        f" FILE.toml is the file of {record.protocol}, digest {record.protocol_digest[:12]}."
        if protocol == "FILE.toml"
        else ""
    )
    if pretrained:
        where += (
            f" FILE.safetensors is the file of SHA-256 {record.pretrained[:12]} that it began with."
        )
    return (
        f"No samples were drawn: the weights {weights} are not there. This trains the run again "
        f"and draws it:{where}\n  " + "\n  ".join(commands)
    )
