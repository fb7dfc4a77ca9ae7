"""Weights that are not there: the commands that train them again and draw what was asked for."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchbed.discovery.catalogue import protocols
from benchbed.discovery.registry import Registry
from benchbed.records.record import Record
from benchbed.records.store import Place, Store
from benchbed.records.tries import path_of_try, read_tries
from benchbed.report.inspect.facts import run_name
from benchbed.report.inspect.records import protocol_of
from benchbed.report.inspect.request import Request

PLACEHOLDER: Final = "FILE.toml"
"""Stands for a protocol's file that only the user knows."""


def note_lost_weights(record: Record, registry: Registry, request: Request) -> str:
    """Return how to make a record's weights again and draw it.

    Raises:
        ProtocolError: the file given is of another protocol.
    """
    again = _retraining([record], registry, request)
    look = ["benchbed", "inspect", record.key, *again.protocol_option, *again.folders]
    return (
        f"No samples were drawn: the weights {request.weights} are not there. This trains the run "
        f"again and draws it:{again.remark}\n  {again.train(record)}\n  {shlex.join(look)}"
    )


def command_for_weights(record: Record, registry: Registry, request: Request) -> tuple[str, str]:
    """Return the command that makes a record's weights again, and the record that it leaves.

    Raises:
        ProtocolError: the file given is of another protocol.
    """
    again = _retraining([record], registry, request)
    return again.train(record), again.path(record)


def note_lost_weights_of_several(
    records: Sequence[Record], registry: Registry, requests: Sequence[Request]
) -> list[str]:
    """Return, if weights are missing, how to make them again and draw all records then.

    Raises:
        ProtocolError: the file given is of another protocol.
    """
    given = list(zip(records, requests, strict=True))
    lost = [(record, request) for record, request in given if not request.has_weights]
    if not lost:
        return []
    again = _retraining([record for record, _ in lost], registry, requests[0])
    named: list[str] = []
    commands: list[str] = []
    for record, request in lost:
        named.append(f"{run_name(record)}, seed {record.seed} ({request.weights})")
        # one command trains the single tasks of one method and seed
        if again.train(record) not in commands:
            commands.append(again.train(record))
    commands.append(shlex.join(_draw_all_again(given, again)))
    note = (
        f"These weights are not there: {'; '.join(named)}. This trains the runs again and draws "
        f"the comparison:{again.remark}\n  " + "\n  ".join(commands)
    )
    if len(lost) == len(given):
        note = f"No samples were drawn. {note}"
    return [note]


@dataclass(frozen=True, slots=True)
class _Retraining:
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
    def store(self) -> Store:
        return Store(self.request.results / "inspect" / "again")

    @property
    def folders(self) -> list[str]:
        return ["--results", str(self.store.root), *self.request.data_option]

    def path(self, record: Record) -> str:
        """Return where the record will lie."""
        return str(self.store.path("runs", Place.of(record), record.key))

    def train(self, record: Record) -> str:
        """Return the command."""
        run = ["benchbed", "run", self.protocol, record.method]
        run += ["--seeds", f"{record.seed},", "--no-measure"]
        if record.pretrained:
            run += ["--pretrained", self.pretrained[record.pretrained]]
        return shlex.join([*run, *self.folders])


def _draw_all_again(given: Sequence[tuple[Record, Request]], again: _Retraining) -> list[str]:
    """Return the command that draws all records, those without weights from where they will lie."""
    paths = []
    for record, request in given:
        paths.append(str(request.path) if request.has_weights else again.path(record))
    first = again.request
    look = ["benchbed", "inspect", *paths, *again.protocol_option]
    look += [*first.samples_option, "--results", str(first.results)]
    if first.output:
        look += ["--output", str(first.output)]
    return look + first.data_option


def _retraining(records: Sequence[Record], registry: Registry, request: Request) -> _Retraining:
    """Return how the weights of records of one protocol are made again.

    Raises:
        ProtocolError: the file given is of another protocol.
    """
    first = records[0]
    if request.protocol:
        protocol_of(first, registry, request.protocol, request.results)
    installed = protocols(registry).get(first.protocol)
    known = installed is not None and installed.digest == first.protocol_digest
    protocol = request.protocol or (first.protocol if known else _file_of_try(first, request))
    remark = ""
    if protocol == PLACEHOLDER:
        digest = first.protocol_digest[:12]
        remark = f" {PLACEHOLDER} is the file of {first.protocol}, digest {digest}."
    pretrained = _pretrained_files(records)
    began = "it" if len(records) == 1 else "training"
    for sha256, file in pretrained.items():
        remark += f" {file} is the file of SHA-256 {sha256[:12]} that {began} began with."
    option = [] if known else ["--protocol", protocol]
    return _Retraining(request, protocol, option, pretrained, remark)


def _file_of_try(record: Record, request: Request) -> str:
    """Return the file of the quick try that a record is of, or what stands for an unknown file."""
    tried = read_tries(request.results).get(record.protocol)
    if tried is None or tried.digest != record.protocol_digest:
        return PLACEHOLDER
    return str(path_of_try(tried.id, request.results))


def _pretrained_files(records: Sequence[Record]) -> dict[str, str]:
    """Return what stands for the files that runs began with, numbered where there are several."""
    digests = dict.fromkeys(record.pretrained for record in records if record.pretrained)
    if len(digests) == 1:
        return dict.fromkeys(digests, "FILE.safetensors")
    return {digest: f"FILE{number}.safetensors" for number, digest in enumerate(digests, start=1)}
