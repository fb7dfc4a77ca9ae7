"""What leaderboards need of records, kept so that a file that has not changed is not read again.

A cache and nothing else: each time, size, times and inode of every file are looked up; what changed
is read anew; what cannot be read, or was written by another benchbed, is as good as none. It lies
in the folder ``index`` of a results folder and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import structs
from msgspec.structs import astuple

from benchbed.basics.canonical import digest
from benchbed.basics.errors import StoreError
from benchbed.discovery.component import Component
from benchbed.records.record import Budget, Costs, MetricInfo, Record, Scores, Tier, content_of
from benchbed.records.store import Refused, Stamp, Store, write_atomically

FEWEST: Final = 1000
"""Fewer records are read as quickly as an index of them."""
SETTLED: Final = 2_000_000_000
"""Nanoseconds; a file could change twice within them and look the same, so younger files do not
enter the index."""
MOST_ANSWERS: Final = 16
SHELVES: Final = ("runs", "failed", "measurements", "verifications", "imports")
T = TypeVar("T")


class _Shared(msgspec.Struct, frozen=True, gc=False):
    """The first fields of a summary; without ``gc``, since 100,000 of them slow collection down."""

    method: str
    tasks: list[str]
    protocol_digest: str
    engine: int
    data_digest: str
    components: list[Component]
    metrics: dict[str, dict[str, MetricInfo]]
    costs: Costs
    budget: Budget
    notes: list[str]
    tier: Tier
    pretrained: str


class Setup(_Shared, frozen=True, array_like=True, gc=False):
    """What the runs of one method share, but for details."""


class Summary(_Shared, frozen=True, gc=False):
    """What a leaderboard needs of a record; fields are the record's.

    ``cosines``: of the tasks' gradients, by the curve's name without ``cosine/``: the mean over the
    epochs that have one. ``budget`` is without the seconds, which differ from run to run.
    """

    key: str
    seed: int
    finished: str
    content: str
    test: Scores
    cosines: dict[str, float]
    validation: Scores


Own = tuple[str, int, str, str, Scores, dict[str, float], Scores]
"""The fields of a summary that are not of its setup."""


class _Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One file: why it was refused, or its own fields and the number of its setup."""

    stamp: Stamp
    reason: str
    own: Own | None
    setup: int


class _Summaries(msgspec.Struct, frozen=True):
    maker: str
    setups: list[Setup]
    entries: list[_Entry]


class _Answers(msgspec.Struct, frozen=True):
    state: str
    answers: dict[str, msgspec.Raw]


class Index:
    """The files of one protocol in a results folder, as they are now.

    Args:
        store: the results folder.
        protocol: the protocol's name.
        version: its version.
    """

    def __init__(self, store: Store, protocol: str, version: int) -> None:
        self.store, self.protocol, self.version = store, protocol, version
        self._began = time.time_ns()
        self._files = {shelf: store.stamps(shelf, protocol, version) for shelf in SHELVES}

    def answer(self, question: object, kind: type[T], build: Callable[[Index], T]) -> T:
        """Return what was built of these very files before, or build it.

        Args:
            question: plain data that tells apart what is built of the same files.
            kind: of the result, a Struct or dataclass.
            build: makes it.
        """
        if not self._worthwhile:
            return build(self)
        path, name = self._path("answers"), digest(question)
        state = _sha256([maker(), list(self._files.values())])
        answers: dict[str, msgspec.Raw] = {}
        kept = _load(path, _Answers)
        if kept is not None and kept.state == state:
            answers = kept.answers
        with contextlib.suppress(KeyError, msgspec.MsgspecError):
            return msgspec.json.decode(answers[name], type=kind)
        result = build(self)
        if all(map(self._settled, self._files.values())):
            answers[name] = msgspec.Raw(_encoder.encode(result))
            newest = list(answers.items())[-MOST_ANSWERS:]
            _save(path, _Answers(state, dict(newest)))
        return result

    def summaries(self) -> tuple[list[Summary], list[Refused]]:
        """Return the summaries of all records by method and seed, and the files refused."""
        path = self._path("records")
        known = _load(path, _Summaries) if self._worthwhile else None
        if known is not None and known.maker != maker():
            known = None
        reading = _Reading(self, known)
        summaries: list[Summary] = []
        refused: list[Refused] = []
        for stamp in self._files["runs"]:
            found = reading.summary(stamp)
            if isinstance(found, Summary):
                summaries.append(found)
            else:
                refused.append(found)
        if self._worthwhile and reading.changed:
            entries = [entry for entry in reading.entries if self._settled([entry.stamp])]
            _save(path, _Summaries(maker(), reading.setups, entries))
        summaries.sort(key=lambda summary: (summary.method, summary.seed, summary.tasks))
        refused.sort(key=lambda item: item.path)
        return summaries, refused

    @property
    def _worthwhile(self) -> bool:
        return len(self._files["runs"]) >= FEWEST

    def _path(self, name: str) -> Path:
        return self.store.root / "index" / f"{self.protocol}@{self.version}.{name}"

    def _settled(self, stamps: Iterable[Stamp]) -> bool:
        """Tell whether files are old enough for a later change to show in their stamps."""
        before = self._began - SETTLED
        return all(stamp.modified < before and stamp.changed < before for stamp in stamps)


class _Reading:
    """Reads files or takes them from the index; setups that are equal become one object."""

    def __init__(self, index: Index, known: _Summaries | None) -> None:
        self.index = index
        self.known: dict[str, _Entry] = {}
        self.setups: list[Setup] = []
        if known is not None:
            self.known = {entry.stamp.path: entry for entry in known.entries}
            self.setups = known.setups
        # by their JSON, which unlike a setup can be hashed
        self.numbers = {_encoder.encode(setup): n for n, setup in enumerate(self.setups)}
        self.fields = [astuple(setup) for setup in self.setups]
        self.entries: list[_Entry] = []
        self.hits = 0

    @property
    def changed(self) -> bool:
        """Whether the files read are others than those in the index."""
        return not self.hits == len(self.entries) == len(self.known)

    def summary(self, stamp: Stamp) -> Summary | Refused:
        """Return what a file holds."""
        entry = self.known.get(stamp.path)
        if entry is not None and entry.stamp == stamp:
            self.hits += 1
        else:
            entry = self._read(stamp)
        self.entries.append(entry)
        if entry.own is None:
            index = self.index
            top = index.store.root / "runs" / index.protocol / str(index.version)
            return Refused(top / stamp.path, entry.reason)
        # by position, since keywords take several times as long, 100,000 times over
        values: tuple[Any, ...] = (*self.fields[entry.setup], *entry.own)
        return Summary(*values)

    def _read(self, stamp: Stamp) -> _Entry:
        index = self.index
        record = index.store.read(index.protocol, index.version, stamp.path)
        if isinstance(record, Refused):
            return _Entry(stamp, record.reason, None, 0)
        own, setup = _split(record)
        return _Entry(stamp, "", own, self._number(setup))

    def _number(self, setup: Setup) -> int:
        """Return the number of a setup, the next one if no setup before was equal."""
        number = self.numbers.setdefault(_encoder.encode(setup), len(self.setups))
        if number == len(self.setups):
            self.setups.append(setup)
            self.fields.append(astuple(setup))
        return number


def _split(record: Record) -> tuple[Own, Setup]:
    """Divide what leaderboards need of a record into what is its own and what many share."""
    cosines: dict[str, float] = {}
    for name, curve in record.curves.items():
        if name.startswith("cosine/"):
            mean = _mean(curve)
            if mean is not None:
                cosines[name.removeprefix("cosine/")] = mean
    own = (
        record.key,
        record.seed,
        record.finished,
        content_of(record),
        record.test,
        cosines,
        record.validation,
    )
    setup = Setup(
        record.method,
        record.tasks,
        record.protocol_digest,
        record.engine,
        record.data_digest,
        record.components,
        record.metrics,
        record.costs,
        structs.replace(record.budget, seconds=0.0),
        record.notes,
        record.tier,
        record.pretrained,
    )
    return own, setup


def _mean(curve: Sequence[float | None]) -> float | None:
    values = [value for value in curve if value is not None]
    if not values:
        return None
    return sum(values) / len(values)


@lru_cache(maxsize=1)
def maker() -> str:
    """Return a digest of when benchbed's sources were written: others would read otherwise."""
    package = Path(__file__).parents[1]
    sources: list[tuple[str, int, int]] = []
    for path in sorted(package.rglob("*.py")):
        stat = path.stat()
        sources.append((path.name, stat.st_size, stat.st_mtime_ns))
    return _sha256(sources)


def _sha256(value: object) -> str:
    return hashlib.sha256(_encoder.encode(value)).hexdigest()


_encoder: Final = msgspec.json.Encoder()


def _load(path: Path, kind: type[T]) -> T | None:
    """Return what a file of the index holds, or ``None`` where it is not to be trusted."""
    try:
        # a view: what follows the digest is not copied
        content = memoryview(path.read_bytes())
        if content[:32] != hashlib.sha256(content[32:]).digest():
            return None
        return msgspec.json.decode(content[32:], type=kind)
    except (OSError, msgspec.DecodeError, RecursionError):
        return None


def _save(path: Path, value: object) -> None:
    """Write a file of the index; where that cannot be done, there is none."""
    with contextlib.suppress(StoreError):
        ignore = path.with_name(".gitignore")
        if not ignore.exists():
            write_atomically(ignore, b"*\n")
        content = _encoder.encode(value)
        write_atomically(path, hashlib.sha256(content).digest() + content)
