"""``benchbed plan``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click

from benchbed.api import requests
from benchbed.api.benchmark import planned
from benchbed.basics.texts import counted
from benchbed.cli.asked import (
    accept_stale_option,
    changes_of,
    jobs_option,
    methods_argument,
    planning,
    pretrained_option,
    protocol_argument,
    seeds_option,
    set_option,
    show_tracebacks,
    subset_option,
    suite_option,
    trying,
)
from benchbed.cli.common import (
    console,
    data_option,
    json_option,
    open_registry,
    parse_seeds,
    plugin_option,
    print_json,
    results_option,
    seconds_text,
    strict_option,
)
from benchbed.contracts.derived import is_derived
from benchbed.discovery.registry import Registry
from benchbed.execution.estimate import estimate_seconds
from benchbed.execution.plan import Plan, PlannedRun, Settings
from benchbed.execution.preflight import PreflightError, preflight
from benchbed.execution.run import default_jobs, make_executor, prepare_data
from benchbed.records.store import Store

Estimate = tuple[float, str] | None


@click.command("plan")
@protocol_argument
@methods_argument
@suite_option
@set_option
@subset_option
@seeds_option
@jobs_option
@pretrained_option
@click.option(
    "--preflight",
    "with_preflight",
    is_flag=True,
    help="Also try each method that has runs to train out on one mini-batch.",
)
@accept_stale_option
@data_option
@results_option
@plugin_option
@strict_option
@json_option
def command(
    protocol: str | None,
    methods: tuple[str, ...],
    suites: tuple[str, ...],
    settings_text: tuple[str, ...],
    subset: float | None,
    seeds_text: str | None,
    jobs: int | None,
    pretrained: Path | None,
    with_preflight: bool,
    accept_stale: bool,
    data_root: Path | None,
    results: Path,
    plugins: tuple[Path, ...],
    strict_plugins: bool,
    as_json: bool,
) -> None:
    """Show what would be trained, and about how long it takes.

    \b
    Examples:
      benchbed plan
      benchbed plan digits hps+mgda --seeds 5 --json
      benchbed plan digits hps+dwa --preflight
    """
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    changes = changes_of(settings_text, subset)
    asked = requests(registry, protocol, methods, suites, changes=changes, results=results)
    seeds = parse_seeds(seeds_text)
    settings = Settings(results, data_root, accept_stale=accept_stale, pretrained=pretrained)
    side_by_side = jobs or default_jobs()
    documents: list[dict[str, object]] = []
    plans = [plan for _, plan in planned(asked, registry, settings, seeds, planning)]
    if with_preflight:
        _try_out(plans, registry, side_by_side)
    for plan in plans:
        records, _ = Store(results).records(plan.protocol.name, plan.protocol.version)
        estimate = estimate_seconds(plan, side_by_side, records)
        if as_json:
            documents.append(_document(plan, estimate))
        else:
            _show(plan, estimate, side_by_side)
    if as_json:
        print_json(documents)


def _try_out(plans: Sequence[Plan], registry: Registry, jobs: int) -> None:
    """Prepare the data and try the methods out.

    Raises:
        PreflightError: one failed.
    """
    out = console(stderr=True)
    with make_executor("local", registry, jobs) as workers:
        for plan in plans:
            prepare_data(plan, out, measure=False)
        try:
            with trying(plans):
                preflight(plans, workers)
        except PreflightError as error:
            show_tracebacks(error)
            raise


def _document(plan: Plan, estimate: Estimate) -> dict[str, object]:
    """Return a plan as plain data."""
    return {
        "protocol": plan.protocol.id,
        "digest": plan.protocol.digest,
        "seconds": estimate[0] if estimate else None,
        "runs": [_facts(run) for run in plan.runs],
    }


def _facts(run: PlannedRun) -> dict[str, object]:
    return {
        "key": run.key,
        "method": run.method,
        "tasks": run.tasks,
        "seed": run.seed,
        "state": run.state,
        "linked": run.linked,
    }


def _show(plan: Plan, estimate: Estimate, side_by_side: int) -> None:
    """Print a line a method with the states of its runs, then how long the missing ones take."""
    click.echo(f"{plan.protocol.id} (digest {plan.protocol.digest[:12]})")
    if is_derived(plan.protocol):
        click.echo(f"  a quick try of {plan.protocol.title}")
    states: dict[str, Counter[str]] = {method.name: Counter() for method in plan.methods}
    for run in plan.runs:
        states[run.method][run.state] += 1
    for name, counts in states.items():
        summary = ", ".join(f"{count} {state}" for state, count in counts.items())
        click.echo(f"  {name:<40} {summary}")

    linked = sum(run.linked for run in plan.runs)
    if linked:
        click.echo(
            f"{linked} cached runs were made by another source, which means the same or was seen "
            "to give the same bits (benchbed verify --stale)."
        )

    missing = len(plan.missing)
    if not missing:
        click.echo("Nothing to train: every run has a record.")
    elif estimate is None:
        click.echo(
            f"{counted(missing, 'run')} to train; how long is not known before the first one."
        )
    else:
        seconds, basis = estimate
        click.echo(
            f"{counted(missing, 'run')} to train, about {seconds_text(seconds)} with "
            f"{side_by_side} side by side ({basis})."
        )
