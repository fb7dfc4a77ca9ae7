"""``benchbed verify --stale``: one seed a method made again, where the source has changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchbed.basics.errors import BenchbedError, ProtocolError
from benchbed.basics.texts import counted
from benchbed.cli.common import console, print_json
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.catalogue import find_protocol, protocols
from benchbed.discovery.registry import Registry
from benchbed.exchange.stale import (
    Against,
    Family,
    Finding,
    Unknown,
    stale_families,
    verify_sources,
)
from benchbed.exchange.verify import Means
from benchbed.execution.progress import ProgressDisplay
from benchbed.records.store import Store

SHOWN_METRICS = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        protocol: a name or a file; all protocols that have records if ``None``.
        against: a commit, or ``recorded``; the records alone if ``None``.
        work: where runs made again are kept; if ``None``, in the results folder until all is
            decided.
    """

    protocol: str | None
    against: str | None
    results: Path
    work: Path | None
    means: Means


@dataclass(slots=True)
class Outcomes:
    """What came out for all methods: found, not to be made again here, failed."""

    findings: list[Finding] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def all_same(self) -> bool:
        """Whether every method that could be made again came out to the same bits."""
        return not self.failures and all(found.outcome == "same" for found in self.findings)


def verify_stale(request: Request, registry: Registry, *, as_json: bool) -> int:
    """Make one seed of each method with stale records again; return the exit status.

    Raises:
        BenchbedError: no such protocol, or the results folder cannot be written.
    """
    store = Store(request.results)
    store.require_writable()
    work = request.work or request.results / "again"
    outcomes = Outcomes()
    for protocol, shown_as in _protocols(request, registry, store):
        families, unknown = stale_families(store, protocol, registry, request.means)
        outcomes.unknown += unknown
        against = Against(request.against, Path.cwd(), shown_as) if request.against else None
        for family in families:
            try:
                finding = _verified(family, store, registry, work, against)
            except BenchbedError as error:
                outcomes.failures.append(f"{family.label}: {error}")
                click.echo(outcomes.failures[-1], err=True)
                continue
            outcomes.findings.append(finding)
            if not as_json:
                click.echo(_sentence(finding))
    if as_json:
        print_json(_document(outcomes))
    else:
        _conclude(outcomes, work)
    if outcomes.all_same and request.work is None:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if outcomes.all_same else 1


def _verified(
    family: Family, store: Store, registry: Registry, work: Path, against: Against | None
) -> Finding:
    with ProgressDisplay(1, console(stderr=True), "making again") as display:
        return verify_sources(family, store, registry, display, work, against)


def _protocols(request: Request, registry: Registry, store: Store) -> list[tuple[Protocol, str]]:
    """Return the protocols to look at, each with what a command line calls it."""
    if request.protocol is not None:
        protocol = find_protocol(request.protocol, registry)
        is_file = request.protocol.endswith(".toml")
        return [(protocol, str(Path(request.protocol).absolute()) if is_file else protocol.id)]
    found = [
        protocol
        for protocol in protocols(registry).values()
        if store.stamps("runs", protocol.name, protocol.version)
    ]
    if not found:
        raise ProtocolError(
            f"No installed protocol has records in {store.root}; name one, or another folder with "
            "--results."
        )
    return [(protocol, protocol.id) for protocol in found]


def _sentence(finding: Finding) -> str:
    family = finding.family
    seed, count = family.first.seed, len(family.records)
    records = f"{count} record{'s' if count > 1 else ''}"
    if finding.outcome == "same" and finding.comparison is None:
        return (
            f"{family.label}: the source at commit {finding.against} means the same as the present "
            f"one; {records} count as made by it."
        )
    if finding.outcome == "same":
        other = "the record" if finding.against == "the record" else f"commit {finding.against}"
        return (
            f"{family.label}: seed {seed} has the same bits as {other}; {records} count as made by "
            "the present source."
        )
    differences = _differences(finding)
    if finding.outcome == "open":
        return f"{family.label}: seed {seed} differs from the record: {differences}."
    return (
        f"{family.label}: seed {seed} differs from what commit {finding.against} gives here: "
        f"{differences}; {records} stay stale ({', '.join(family.changed)})."
    )


def _differences(finding: Finding) -> str:
    """Return in words how two runs differ, the largest differences of test metrics first."""
    comparison = finding.comparison
    assert comparison is not None
    pairs = [
        (found.relative, f"{task}/{name} {found.record:.6g} and {found.again:.6g}")
        for task, metrics in comparison.differences.items()
        for name, found in metrics.items()
        if found.relative
    ]
    pairs.sort(reverse=True)
    texts = [text for _, text in pairs[:SHOWN_METRICS]]
    more = len(pairs) - len(texts)
    if more > 0:
        texts.append(f"and {more} more")
    return ", ".join(texts) or "test metrics are equal, curves are not"


def _conclude(outcomes: Outcomes, work: Path) -> None:
    for item in outcomes.unknown:
        click.echo(
            f"{item.method}: {counted(item.count, 'record')} cannot be made again here: "
            f"{item.reason}"
        )
    left_open = [found for found in outcomes.findings if found.outcome == "open"]
    if left_open:
        commits = sorted({found.family.first.commit[:10] or "none" for found in left_open})
        click.echo(
            f"{len(left_open)} of {len(outcomes.findings)} differ from their records, as they may "
            "on another machine or with another torch. --against COMMIT (--against recorded: that "
            f"of each record, here {', '.join(commits)}) runs the records' own source beside; what "
            f"has been run is kept in {work}."
        )
    if not (outcomes.findings or outcomes.unknown or outcomes.failures):
        click.echo("No record is stale: every source is that of the record, or gave the same bits.")


def _document(outcomes: Outcomes) -> dict[str, object]:
    return {
        "methods": [
            {
                "method": finding.family.first.method,
                "tasks": finding.family.job.tasks,
                "seed": finding.family.first.seed,
                "records": len(finding.family.records),
                "changed": list(finding.family.changed),
                "against": finding.against,
                "outcome": finding.outcome,
                "largest_difference": finding.comparison.largest if finding.comparison else None,
                "file": str(finding.path) if finding.path else None,
            }
            for finding in outcomes.findings
        ],
        "unknown": [
            {"method": item.method, "records": item.count, "reason": item.reason}
            for item in outcomes.unknown
        ],
        "failed": outcomes.failures,
    }
