"""Written leaderboards: which are stale, that is, no longer what their records give."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from benchbed.basics.errors import BenchbedError, ProtocolError
from benchbed.basics.texts import LONGEST, visible
from benchbed.contracts.delta import Definition
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import Suite, find_suite, protocols
from benchbed.discovery.method import resolve_under
from benchbed.discovery.registry import Registry
from benchbed.records.tries import read_tries
from benchbed.report.alike import alike
from benchbed.report.formats.files import FORMATS
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.with_plugins import leaderboard_of

_FILE: Final = re.compile(r"(?:(?P<suite>[a-z0-9_-]+)\.)?(?P<protocol>[a-z0-9_-]+@\d+)\.json\Z")


class _DeltaM(msgspec.Struct):
    definition: Definition


class _Source(msgspec.Struct):
    records: Annotated[str, msgspec.Meta(min_length=1)]
    reference: str | None


class _Written(msgspec.Struct):
    """What of a leaderboard's JSON tells how it was made."""

    protocol: str
    delta_m: _DeltaM
    source: _Source


@dataclass(frozen=True, slots=True)
class Checked:
    """One leaderboard in all its formats.

    Attributes:
        path: its JSON file.
        stale: the files that are not what the records give.
        reason: why it could not be made again, if so; then all of it counts as stale.
        remedy: the command that writes it anew, where that is known.
    """

    path: Path
    stale: tuple[Path, ...] = ()
    reason: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" Run `{self.remedy}`." if self.remedy else ""
        stale = f"Stale: {', '.join(map(str, self.stale))}."
        text = f"{self.path} cannot be checked: {self.reason}" if self.reason else stale
        return visible(text + remedy, LONGEST)

    @property
    def is_stale(self) -> bool:
        """Whether it is not what its records give, or that cannot be told."""
        return bool(self.stale or self.reason)


@dataclass(frozen=True, slots=True)
class _File:
    """A leaderboard's JSON file, whose name says of which protocol and suite it is."""

    path: Path
    protocol: str
    suite: str | None

    def is_of(self, protocol: Protocol | None, suite: str | None) -> bool:
        """Tell whether it is what was asked for; ``None`` asks for any."""
        if protocol is not None and self.protocol != protocol.id:
            return False
        return suite is None or self.suite == suite


def check_leaderboards(
    results: Path,
    registry: Registry,
    protocol: Protocol | None = None,
    suite: str | None = None,
    name: str | None = None,
    data_root: Path | None = None,
) -> list[Checked]:
    """Make the leaderboards in a results folder again and compare; numbers may differ by 1e-9.

    Args:
        results: the folder that holds ``leaderboards``.
        registry: the installed plugins.
        protocol: only its leaderboards; it need not be installed.
        suite: only those of a suite.
        name: how to name the protocol in a command, such as its file; its id by default.
        data_root: the folder of the data sets, asked for where records are of several states.

    Raises:
        BenchbedError: there are none.
    """
    folder = results / "leaderboards"
    found = _files(folder)
    chosen = [file for file in found if file.is_of(protocol, suite)]
    if not chosen:
        listed = ", ".join(file.path.stem for file in found) or "none"
        raise BenchbedError(
            f"There is no such leaderboard in {folder} (there: {listed}); name another folder with "
            "--results, or write it with `benchbed report … --write`."
        )
    known = {**read_tries(results), **protocols(registry)}
    if protocol is not None:
        known[protocol.id] = protocol
    return [_check(file, name or file.protocol, known, registry, data_root) for file in chosen]


def _files(folder: Path) -> list[_File]:
    """Return the leaderboards in a folder, by name."""
    found: list[_File] = []
    for path in sorted(folder.glob("*.json")):
        match = _FILE.match(path.name)
        if match:
            found.append(_File(path, match["protocol"], match["suite"]))
    return found


def _check(
    file: _File,
    name: str,
    known: Mapping[str, Protocol],
    registry: Registry,
    data_root: Path | None,
) -> Checked:
    """Make one leaderboard again and compare.

    Args:
        file: its JSON.
        name: how to name the protocol in a command.
        known: the protocols by id.
        registry: the installed plugins.
        data_root: the folder of the data sets.
    """
    path = file.path
    try:
        written = _read(path)
    except BenchbedError as error:
        return Checked(path, reason=str(error))
    remedy = _remedy(file, name, written) if file.protocol in known else ""
    try:
        board = _rebuild(file, written, known, registry, data_root)
    except BenchbedError as error:
        return Checked(path, reason=str(error), remedy=remedy)
    stale: list[Path] = []
    for suffix, write in FORMATS.items():
        other = path.with_name(f"{path.stem}.{suffix}")
        if not _holds(other, write(board)):
            stale.append(other)
    return Checked(path, tuple(stale), remedy=remedy)


def rebuild_leaderboards(results: Path, registry: Registry) -> dict[Path, Leaderboard]:
    """Make the leaderboards in a results folder again; return them by their JSON files.

    Raises:
        BenchbedError: one cannot be read, or its records or its protocol are missing.
    """
    known = protocols(registry)
    files = _files(results / "leaderboards")
    return {file.path: _rebuild(file, _read(file.path), known, registry) for file in files}


def _read(path: Path) -> _Written:
    """Return how a leaderboard was made.

    Raises:
        BenchbedError: it cannot be read, or does not say so.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Written)
    except OSError as error:
        raise BenchbedError(f"{error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BenchbedError(f"it does not say how it was made ({error}); write it anew.") from error


def _rebuild(
    file: _File,
    written: _Written,
    known: Mapping[str, Protocol],
    registry: Registry,
    data_root: Path | None = None,
) -> Leaderboard:
    """Make a leaderboard again from its records.

    Raises:
        BenchbedError: its protocol or its records are missing, or a method of its suite.
    """
    protocol = known.get(file.protocol)
    if protocol is None:
        raise ProtocolError(
            f"no installed plugin brings {file.protocol}; name its file, as in "
            "`benchbed report FILE.toml --check`."
        )
    if written.protocol != protocol.id:
        raise ProtocolError(f"it is of {written.protocol}, which its name denies.")
    methods: list[str] | None = None
    if file.suite is not None:
        methods = suite_methods(find_suite(file.suite, registry), protocol, registry)
    board = leaderboard_of(
        protocol,
        registry,
        file.path.parent / written.source.records,
        definition=written.delta_m.definition,
        reference=written.source.reference,
        methods=methods,
        data_root=data_root,
    )
    return board.from_records(written.source.records)


def suite_methods(suite: Suite, protocol: Protocol, registry: Registry) -> list[str]:
    """Return the canonical names of a suite's methods under a protocol.

    Raises:
        MethodError, PluginError: one is not installed.
    """
    return [resolve_under(protocol, name, registry).name for name in suite.methods]


def _remedy(file: _File, name: str, written: _Written) -> str:
    """Return the command that writes a leaderboard anew."""
    source, folder = written.source, file.path.parent
    records = (folder / source.records).resolve()
    here = Path.cwd()
    shown = records.relative_to(here) if records.is_relative_to(here) else records
    command = ["benchbed", "report", name, "--delta-m", written.delta_m.definition]
    if file.suite:
        command += ["--suite", file.suite]
    if source.reference:
        command += ["--reference", source.reference]
    command += ["--results", str(shown), "--write", "--output", str(folder)]
    return shlex.join(command)


def _holds(path: Path, text: str) -> bool:
    try:
        return alike(path.read_text(encoding="utf-8"), text)
    except (OSError, UnicodeDecodeError):
        return False
