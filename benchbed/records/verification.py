"""Verifications: that a run was made again, how far the two agree, and the tiers that follow."""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from benchbed.basics.errors import RecordError
from benchbed.records.index import Summary
from benchbed.records.record import (
    AUXILIARY,
    PHASE,
    Number,
    Record,
    Scores,
    Text,
    Tier,
    content_of,
    decode,
)
from benchbed.records.store import Place, Store, read_regular, write_atomically

TOLERANCE: Final = 0.02
CAP: Final = 0.2
FEWEST_SEEDS: Final = 3
LEVEL: Final = 0.95
Result = Literal["exact", "within", "differs"]


class Difference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A test metric of a record and of the run made again, and how far apart they may be."""

    record: Number
    again: Number
    allowed: Number

    @property
    def relative(self) -> float:
        """The difference in units of the record's value."""
        gap = abs(self.again - self.record)
        return gap / abs(self.record) if self.record else (math.inf if gap else 0.0)

    @property
    def is_within(self) -> bool:
        """Whether it is small enough."""
        return abs(self.again - self.record) <= self.allowed


class Verification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that says that a run was made again with the same outcome.

    ``content`` is the digest of the record's content: of a record edited since, it says nothing.
    """

    schema: Literal["benchbed.verification/1"]
    key: Text
    content: Text
    protocol: Text
    method: Text
    seed: int
    result: Literal["exact", "within"]
    rule: Text
    differences: dict[Text, dict[Text, Difference]]
    environment: dict[Text, Text]
    finished: Text


@dataclass(frozen=True, slots=True)
class Comparison:
    """A record beside the run made again.

    Attributes:
        rule: what the allowed differences are, in words.
        differences: of the test metrics, by task.
    """

    result: Result
    rule: str
    differences: Mapping[str, Mapping[str, Difference]]

    @property
    def largest(self) -> float:
        """The largest relative difference of a test metric."""
        return max(d.relative for ds in self.differences.values() for d in ds.values())


def compare(
    record: Record, again: Record, others: Sequence[Scores], tolerance: float | None = None
) -> Comparison:
    """Compare a record with the run made again.

    ``exact``: test and validation metrics and all curves are the same to the bit, as they are on
    the same machine with the same software. Elsewhere training takes another course, as with
    another seed; then each test metric may differ by the 95 % interval of the difference of two
    seeds: t·s·√2, s the standard deviation over the method's other seeds, Student's t with its
    degrees of freedom and by Bonferroni so that the 95 % hold for all metrics together, but by no
    more than 20 % of the record's value, lest seeds far apart allow anything. With fewer than three
    other seeds, or where they do not vary: by a share of the record's value.

    Args:
        record: the record.
        again: the run made again.
        others: test metrics of the method's other seeds.
        tolerance: share of the record's value, instead of the seeds' spread.

    Raises:
        RecordError: the two have other metrics.
    """
    metrics = [(task, name) for task, scores in record.test.items() for name in scores]
    if {*metrics} != {(task, name) for task, scores in again.test.items() for name in scores}:
        raise RecordError("The record has other metrics than the run made again.")
    share = TOLERANCE if tolerance is None else tolerance
    spread = tolerance is None and len(others) >= FEWEST_SEEDS
    rule = f"{share:.3g} of the record's value"
    if spread:
        rule = (
            f"the {LEVEL:.0%} interval of a difference between two seeds, from {len(others)} other "
            f"seeds and for {len(metrics)} metrics together, but no more than {CAP:.3g} of the "
            f"record's value; where they do not vary, {rule}"
        )
    differences: dict[str, dict[str, Difference]] = {}
    for task, name in metrics:
        value = record.test[task][name]
        seeds = [scores[task][name] for scores in others] if spread else []
        interval = _between_seeds(seeds, len(metrics))
        allowed = min(interval, CAP * abs(value)) if interval else share * abs(value)
        found = Difference(value, again.test[task][name], allowed)
        differences.setdefault(task, {})[name] = found
    return Comparison(_result(record, again, differences), rule, differences)


def _between_seeds(values: Sequence[float], metrics: int) -> float:
    """Return by how much two seeds differ at most, with a confidence shared by several metrics."""
    if not values:
        return 0.0
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(values) - 1, 1 - (1 - LEVEL) / (2 * metrics)))
    return quantile * statistics.stdev(values) * math.sqrt(2)


def _result(
    record: Record, again: Record, differences: Mapping[str, Mapping[str, Difference]]
) -> Result:
    def outcome(run: Record) -> object:
        return run.test, run.validation, _curves_of_both(run, record), run.selected_epoch

    if outcome(record) == outcome(again):
        return "exact"
    within = all(d.is_within for ds in differences.values() for d in ds.values())
    return "within" if within else "differs"


def _curves_of_both(run: Record, record: Record) -> dict[str, list[float | None]]:
    """Return a run's curves without those of a kind that the record's benchbed did not keep yet."""
    kept: dict[str, list[float | None]] = {}
    for name, curve in run.curves.items():
        came_later = name.partition("/")[0] in {AUXILIARY, PHASE}
        if name in record.curves or not came_later:
            kept[name] = curve
    return kept


def write_verification(
    store: Store, record: Record, again: Record, comparison: Comparison
) -> Path | None:
    """Keep that a record was verified; return the file, or ``None`` where the two differ.

    Raises:
        StoreError: the results folder cannot be written.
    """
    if comparison.result == "differs":
        return None
    verification = Verification(
        schema="benchbed.verification/1",
        key=record.key,
        content=content_of(record),
        protocol=record.protocol,
        method=record.method,
        seed=record.seed,
        result=comparison.result,
        rule=comparison.rule if comparison.result == "within" else "the same bits",
        differences={task: dict(found) for task, found in comparison.differences.items()},
        environment=again.environment,
        finished=again.finished,
    )
    path = _path(store, record)
    before = _read(path)
    if before is None or before.content != verification.content or before.result == "within":
        content = msgspec.json.format(msgspec.json.encode(verification), indent=1)
        write_atomically(path, content + b"\n")
    return path


def _path(store: Store, record: Record) -> Path:
    place = Place.of(record)
    folder = store.root / "verifications" / place.protocol / str(place.version)
    return folder / f"{record.key}.json"


def _read(path: Path) -> Verification | None:
    with contextlib.suppress(OSError, RecordError):
        found: Verification = decode(read_regular(path), Verification)
        return found if found.key == path.stem else None
    return None


Verified = Mapping[str, str]
"""The digests of the contents that were verified, by run key."""


def read_verified(store: Store, protocol: str, version: int) -> Verified:
    """Return what was verified of a protocol's records; what cannot be read counts for nothing."""
    top = store.root / "verifications" / protocol / str(version)
    stamps = store.stamps("verifications", protocol, version)
    # files in folders below are of another kind: they tell of sources, not of records
    found = [_read(top / stamp.path) for stamp in stamps if "/" not in stamp.path]
    return {item.key: item.content for item in found if item is not None}


TIERS: Final[Sequence[Tier]] = ("claimed", "reproduced", "verified")


def tier(record: Record | Summary, verified: Verified) -> Tier:
    """Return a record's tier.

    ``verified``: there is a verification of this very content in the results folder; that a record
    says so of itself counts for nothing. Else ``reproduced``: a run of benchbed made it; or
    ``claimed``, if it says that it was made otherwise.
    """
    known = verified.get(record.key)
    if known is not None:
        content = content_of(record) if isinstance(record, Record) else record.content
        if content == known:
            return "verified"
    return "claimed" if record.tier == "claimed" else "reproduced"


def tier_of(record: Record, store: Store) -> Tier:
    """Return the tier of one record in a results folder, as :func:`tier` defines it."""
    found = _read(_path(store, record))
    return tier(record, {found.key: found.content} if found else {})


def lowest_tier(records: Iterable[Record | Summary], verified: Verified) -> Tier:
    """Return the lowest tier among at least one record: what may be said of their mean."""
    return min((tier(record, verified) for record in records), key=TIERS.index)
