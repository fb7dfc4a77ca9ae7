"""Written leaderboards: which are stale, that is, no longer what their records give."""

from __future__ import annotations

import math
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
from benchbed.report.writers import FORMATS

_FILE: Final = re.compile(r"(?:(?P<suite>[a-z0-9_-]+)\.)?(?P<protocol>[a-z0-9_-]+@\d+)\.json\Z")
_NUMBER: Final = re.compile(r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


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


def check_leaderboards(
    results: Path,
    registry: Registry,
    protocol: Protocol | None = None,
    suite: str | None = None,
    name: str | None = None,
) -> list[Checked]:
    """Make the leaderboards in a results folder again and compare; numbers may differ by 1e-9.

    Args:
        results: the folder that holds ``leaderboards``.
        registry: the installed plugins.
        protocol: only its leaderboards; it need not be installed.
        suite: only those of a suite.
        name: how to name the protocol in a command, such as its file; its id by default.

    Raises:
        BenchbedError: there are none.
    """
    folder = results / "leaderboards"
    found = {
        path: match for path in sorted(folder.glob("*.json")) if (match := _FILE.match(path.name))
    }
    chosen = [
        path
        for path, match in found.items()
        if (protocol is None or match["protocol"] == protocol.id)
        and (suite is None or match["suite"] == suite)
    ]
    if not chosen:
        listed = ", ".join(path.stem for path in found) or "none"
        raise BenchbedError(
            f"There is no such leaderboard in {folder} (there: {listed}); name another folder with "
            "--results, or write it with `benchbed report … --write`."
        )
    known = protocols(registry) | ({protocol.id: protocol} if protocol else {})
    return [
        _check(path, found[path]["suite"], found[path]["protocol"], name, known, registry)
        for path in chosen
    ]


def _check(
    path: Path,
    suite: str | None,
    protocol_id: str,
    name: str | None,
    known: Mapping[str, Protocol],
    registry: Registry,
) -> Checked:
    from benchbed.report.with_plugins import leaderboard_of

    try:
        written = msgspec.json.decode(path.read_bytes(), type=_Written)
    except OSError as error:
        return Checked(path, reason=f"{error.strerror}.")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Checked(path, reason=f"it does not say how it was made ({error}); write it anew.")
    remedy = _remedy(path, suite, name or protocol_id, written)
    try:
        protocol = known.get(protocol_id)
        if protocol is None:
            raise ProtocolError(
                f"no installed plugin brings {protocol_id}; name its file, as in "
                "`benchbed report FILE.toml --check`."
            )
        if written.protocol != protocol_id:
            raise ProtocolError(f"it is of {written.protocol}, which its name denies.")
        board = leaderboard_of(
            protocol,
            registry,
            path.parent / written.source.records,
            definition=written.delta_m.definition,
            reference=written.source.reference,
            methods=suite_methods(find_suite(suite, registry), protocol, registry)
            if suite
            else None,
        )
    except BenchbedError as error:
        return Checked(path, reason=str(error), remedy=remedy)
    board = board.from_records(written.source.records)
    stale = [
        file
        for suffix, write in FORMATS.items()
        if not _holds(file := path.with_name(f"{path.stem}.{suffix}"), write(board))
    ]
    return Checked(path, tuple(stale), remedy=remedy)


def suite_methods(suite: Suite, protocol: Protocol, registry: Registry) -> list[str]:
    """Return the canonical names of a suite's methods under a protocol.

    Raises:
        MethodError, PluginError: one is not installed.
    """
    return [resolve_under(protocol, name, registry).name for name in suite.methods]


def _remedy(path: Path, suite: str | None, protocol: str, written: _Written) -> str:
    records = (path.parent / written.source.records).resolve()
    here = Path.cwd()
    shown = records.relative_to(here) if records.is_relative_to(here) else records
    command = ["benchbed", "report", protocol, "--delta-m", written.delta_m.definition]
    command += ["--suite", suite] if suite else []
    command += ["--reference", written.source.reference] if written.source.reference else []
    command += ["--results", str(shown), "--write", "--output", str(path.parent)]
    return shlex.join(command)


def _holds(path: Path, text: str) -> bool:
    try:
        return _alike(path.read_text(encoding="utf-8"), text)
    except (OSError, UnicodeDecodeError):
        return False


def _alike(one: str, two: str) -> bool:
    """Tell whether two texts are equal but for the last digits of their numbers with a point.

    Sums of floats may round otherwise in another version of Python or NumPy.
    """
    parts = _NUMBER.split(one), _NUMBER.split(two)
    return len(parts[0]) == len(parts[1]) and all(
        a == b or (i % 2 == 1 and _close(a, b)) for i, (a, b) in enumerate(zip(*parts, strict=True))
    )


def _close(a: str, b: str) -> bool:
    if a.lstrip("-").isdecimal() or b.lstrip("-").isdecimal():
        return False
    one, two = float(a), float(b)
    return math.isfinite(one) and math.isclose(one, two, rel_tol=1e-9)
