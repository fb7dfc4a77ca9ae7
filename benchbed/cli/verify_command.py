"""``benchbed verify``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec

from benchbed.cli.common import (
    console,
    data_option,
    json_option,
    open_registry,
    plugin_option,
    print_json,
    results_option,
    strict_option,
)
from benchbed.cli.stale_verification import Request, verify_stale
from benchbed.exchange.verify import Means, job_again, other_seeds, run_again
from benchbed.execution.progress import ProgressDisplay
from benchbed.execution.staleness import stale_components
from benchbed.records.record import Record, Tier
from benchbed.records.store import Store
from benchbed.records.verification import Comparison, compare, tier_of, write_verification
from benchbed.report.inspect.records import find_record, protocol_of, read_record


@click.command("verify")
@click.argument("record", required=False)
@click.option(
    "--stale",
    is_flag=True,
    help="Make one seed of each method again whose records another source made; the argument is "
    "then a protocol.",
)
@click.option(
    "--against",
    metavar="COMMIT",
    help="With --stale: run the source of a commit beside the present one where bits differ from "
    "the record ('recorded': the commit that each record names).",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    help="With --stale: where runs made again are kept until all is decided. [default: again in "
    "the results folder]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    help="Share by which test metrics may differ. [default: by the spread over seeds]",
)
@click.option(
    "--protocol", metavar="FILE", help="File of the record's protocol, if no plugin brings it."
)
@click.option(
    "--pretrained",
    type=click.Path(path_type=Path),
    help="The safetensors file that the record's run began with.",
)
@click.option("--device", help="auto, cpu, cuda or cuda:N. [default: the record's]")
@data_option
@results_option
@plugin_option
@strict_option
@json_option
def command(
    record: str | None,
    stale: bool,
    against: str | None,
    work: Path | None,
    tolerance: float | None,
    protocol: str | None,
    pretrained: Path | None,
    device: str | None,
    data_root: Path | None,
    results: Path,
    plugins: tuple[Path, ...],
    strict_plugins: bool,
    as_json: bool,
) -> None:
    """Run a record again and compare.

    RECORD is a record's JSON file, or the first 6 or more characters of its run key. If the two
    agree, the record's tier in RESULTS becomes verified; if not, the status is 1. The record itself
    stays as it is.

    With --stale, RECORD is a protocol (default: all that have records). Where a seed comes out to
    the same bits, all seeds of its method count as made by the present source; tiers stay.

    \b
    Examples:
      benchbed verify 380257
      benchbed verify 380257 --tolerance 0.01 --json
      benchbed verify --stale digits --results results/weightings --against recorded
    """
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    means = Means(data_root, pretrained, device)
    if stale:
        if protocol is not None or tolerance is not None:
            raise click.UsageError("--stale takes neither --protocol nor --tolerance.")
        request = Request(record, against, results, work, means)
        status = verify_stale(request, registry, as_json=as_json)
        if status:
            raise click.exceptions.Exit(status)
        return
    if against is not None or work is not None:
        raise click.UsageError("--against and --work go with --stale.")
    if record is None:
        raise click.UsageError("Name a record, or give --stale.")
    store = Store(results)
    path = find_record(record, results)
    claimed = read_record(path)
    under = protocol_of(claimed, registry, protocol, results)
    job = job_again(claimed, under, registry, means)
    store.require_writable()
    with ProgressDisplay(1, console(stderr=True), "verifying") as display:
        again = run_again(job, registry, display)
    comparison = compare(claimed, again, other_seeds(claimed, store), tolerance)
    kept = write_verification(store, claimed, again, comparison)
    found = _Verified(
        record=claimed,
        path=path,
        comparison=comparison,
        tier=tier_of(claimed, store),
        environment=_changed(claimed.environment, again.environment),
        stale=stale_components(claimed, job),
        kept=kept,
    )
    if as_json:
        print_json(_plain(found))
    else:
        _print(found)
    if comparison.result == "differs":
        raise click.exceptions.Exit(1)


@dataclass(frozen=True, slots=True)
class _Verified:
    """A record beside its run made again.

    Attributes:
        environment: what differs between the environments of the two runs, as (before, now).
        stale: components whose source changed at the same version.
        kept: the verification's file, if the two agree.
    """

    record: Record
    path: Path
    comparison: Comparison
    tier: Tier
    environment: Mapping[str, tuple[str, str]]
    stale: Sequence[str]
    kept: Path | None


def _plain(found: _Verified) -> dict[str, object]:
    return {
        "key": found.record.key,
        "record": str(found.path),
        "result": found.comparison.result,
        "tier": found.tier,
        "rule": found.comparison.rule,
        "differences": msgspec.to_builtins(found.comparison.differences),
        "environment": found.environment,
        "stale": list(found.stale),
        "verification": str(found.kept) if found.kept else None,
    }


def _print(found: _Verified) -> None:
    _print_comparison(found.record, found.comparison)
    for name, (before, now) in found.environment.items():
        click.echo(f"Environment: {name} was {before}, is {now}.")
    if found.stale:
        click.echo(f"Source changed since at the same version: {', '.join(found.stale)}.")
    if found.kept:
        click.echo(f"Written: {found.kept}")


def _print_comparison(record: Record, comparison: Comparison) -> None:
    label = f"{record.method} seed {record.seed} ({record.key[:12]})"
    if comparison.result == "exact":
        click.echo(f"Verified, the same bits: {label}.")
        return
    for task, metrics in comparison.differences.items():
        for name, found in metrics.items():
            mark = "" if found.is_within else "  TOO FAR"
            click.echo(
                f"{task}/{name}: {found.record:.6g} in the record, {found.again:.6g} again; "
                f"{found.relative:.2%} apart, {found.allowed:.3g} allowed{mark}"
            )
    verdict = "Verified, within" if comparison.result == "within" else "Not verified, beyond"
    click.echo(f"{verdict} {comparison.rule}: {label}; {comparison.largest:.2%} apart at most.")


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return what differs between two environments."""
    changed: dict[str, tuple[str, str]] = {}
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            changed[name] = before.get(name, "unknown"), now.get(name, "unknown")
    return changed
