"""``benchbed plan``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.cli.common import (
    console,
    data_option,
    json_option,
    open_registry,
    parse_seeds,
    print_json,
    results_option,
    seconds_text,
    strict_option,
)


@click.command("plan")
@click.argument("protocol", required=False)
@click.argument("methods", nargs=-1)
@click.option("--suite", help="Methods (and protocols) of a suite instead of named methods.")
@click.option("--seeds", "seeds_text", help="How many seeds (5), or which (0,3,7 or 2,).")
@click.option("--jobs", type=click.IntRange(1), help="Runs side by side. [default: one a core]")
@click.option(
    "--pretrained",
    type=click.Path(path_type=Path),
    help="Start from the weights in a safetensors file; its digest enters the run key.",
)
@click.option("--accept-stale", is_flag=True, help="Keep records made by an older plugin source.")
@data_option
@results_option
@strict_option
@json_option
def command(
    protocol: str | None,
    methods: tuple[str, ...],
    suite: str | None,
    seeds_text: str | None,
    jobs: int | None,
    pretrained: Path | None,
    accept_stale: bool,
    data_root: Path | None,
    results: Path,
    strict_plugins: bool,
    as_json: bool,
) -> None:
    """Show what would be trained, and about how long it takes.

    \b
    Examples:
      benchbed plan
      benchbed plan digits hps+mgda --seeds 5 --json
    """
    from benchbed.api import requests
    from benchbed.execution.estimate import estimate_seconds
    from benchbed.execution.plan import Settings
    from benchbed.execution.run import default_jobs
    from benchbed.records.store import Store

    registry = open_registry(strict=strict_plugins)
    settings = Settings(results, data_root, accept_stale=accept_stale, pretrained=pretrained)
    documents: list[dict[str, object]] = []
    for request in requests(registry, protocol, methods, suite):
        with console(stderr=True).status("planning: looking at the data"):
            plan = request.plan(registry, settings, parse_seeds(seeds_text))
        records, _ = Store(results).records(plan.protocol.name, plan.protocol.version)
        side_by_side = jobs or default_jobs()
        estimate = estimate_seconds(plan, side_by_side, records)
        if as_json:
            documents.append(
                {
                    "protocol": plan.protocol.id,
                    "digest": plan.protocol.digest,
                    "seconds": estimate[0] if estimate else None,
                    "runs": [
                        {
                            "key": run.job.key,
                            "method": run.job.method,
                            "tasks": run.job.tasks,
                            "seed": run.job.seed,
                            "state": run.state,
                        }
                        for run in plan.runs
                    ],
                }
            )
            continue
        click.echo(f"{plan.protocol.id} (digest {plan.protocol.digest[:12]})")
        for method in plan.methods:
            runs = [run for run in plan.runs if run.job.method == method.name]
            states = {
                state: sum(r.state == state for r in runs) for state in (r.state for r in runs)
            }
            summary = ", ".join(f"{count} {state}" for state, count in states.items())
            click.echo(f"  {method.name:<40} {summary}")
        missing = len(plan.missing)
        if not missing:
            click.echo("Nothing to train: every run has a record.")
        elif estimate is None:
            click.echo(f"{missing} runs to train; how long is not known before the first one.")
        else:
            click.echo(
                f"{missing} runs to train, about {seconds_text(estimate[0])} with "
                f"{side_by_side} side by side ({estimate[1]})."
            )
    if as_json:
        print_json(documents)
