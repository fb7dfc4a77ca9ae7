"""``benchbed verify --stale``: one seed a method made again, where the source has changed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import click

from benchbed.basics.errors import BenchbedError, ProtocolError
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

    ``protocol``: a name or a file; all protocols that have records if ``None``. ``work``: where
    runs made again are kept until all is decided.
    """

    protocol: str | None
    against: str | None
    results: Path
    work: Path
    means: Means


def verify_stale(request: Request, registry: Registry, *, as_json: bool) -> int:
    """Make one seed of each method with stale records again; return the exit status.

    Raises:
        BenchbedError: no such protocol, the results folder cannot be written, a run failed.
    """
    store = Store(request.results)
    store.require_writable()
    findings: list[Finding] = []
    unknown: list[Unknown] = []
    failures: list[str] = []
    for protocol, shown_as in _protocols(request, registry, store):
        families, others = stale_families(store, protocol, registry, request.means)
        unknown += others
        against = Against(request.against, Path.cwd(), shown_as) if request.against else None
        for family in families:
            try:
                finding = _verified(family, store, registry, request.work, against)
            except BenchbedError as error:
                failures.append(f"{family.label}: {error}")
                click.echo(f"{family.label}: {error}", err=True)
                continue
            findings.append(finding)
            if not as_json:
                click.echo(_sentence(finding))
    if as_json:
        print_json(_document(findings, unknown, failures))
    else:
        _conclude(findings, unknown, failures, request)
    undecided = failures or any(finding.outcome != "same" for finding in findings)
    if not undecided:
        shutil.rmtree(request.work, ignore_errors=True)
    return 1 if undecided else 0


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
    pairs = [
        (found.relative, f"{task}/{name} {found.record:.6g} and {found.again:.6g}")
        for task, metrics in finding.comparison.differences.items()
        for name, found in metrics.items()
        if found.relative
    ]
    pairs.sort(reverse=True)
    texts = [text for _, text in pairs[:SHOWN_METRICS]]
    more = len(pairs) - len(texts)
    if more > 0:
        texts.append(f"and {more} more")
    return ", ".join(texts) or "test metrics are equal, curves are not"


def _conclude(
    findings: list[Finding], unknown: list[Unknown], failures: list[str], request: Request
) -> None:
    for item in unknown:
        click.echo(f"{item.method}: {item.count} records cannot be made again here: {item.reason}")
    still_open = sum(finding.outcome == "open" for finding in findings)
    if still_open:
        commits = sorted({f.family.first.commit[:10] for f in findings if f.outcome == "open"})
        click.echo(
            f"{still_open} of {len(findings)} differ from their records, as they may on another "
            "machine or with another torch. --against COMMIT (--against recorded: that of each "
            f"record, here {', '.join(commits)}) runs the records' own source beside; what has "
            f"been run is kept in {request.work}."
        )
    if not (findings or unknown or failures):
        click.echo("No record is stale: every source is that of the record, or gave the same bits.")


def _document(
    findings: list[Finding], unknown: list[Unknown], failures: list[str]
) -> dict[str, object]:
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
                "largest_difference": finding.comparison.largest,
                "file": str(finding.path) if finding.path else None,
            }
            for finding in findings
        ],
        "unknown": [
            {"method": item.method, "records": item.count, "reason": item.reason}
            for item in unknown
        ],
        "failed": failures,
    }
