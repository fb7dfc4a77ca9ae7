"""``benchbed run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchbed.cli.common import (
    console,
    data_option,
    open_registry,
    parse_seeds,
    results_option,
    strict_option,
)

if TYPE_CHECKING:
    from benchbed.execution.executor import Result
    from benchbed.execution.plan import Plan


@click.command("run")
@click.argument("protocol", required=False)
@click.argument("methods", nargs=-1)
@click.option("--suite", help="Methods (and protocols) of a suite instead of named methods.")
@click.option("--seeds", "seeds_text", help="How many seeds (5), or which (0,3,7 or 2,).")
@click.option("--jobs", type=click.IntRange(1), help="Runs side by side. [default: one a core]")
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each run."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--executor", default="local", show_default=True, help="Where runs are carried out.")
@click.option(
    "--pretrained",
    type=click.Path(path_type=Path),
    help="Start from the weights in a safetensors file; its digest enters the run key.",
)
@click.option("--accept-stale", is_flag=True, help="Keep records made by an older plugin source.")
@click.option(
    "--log-gradients", is_flag=True, help="Log norms and cosines of gradients once an epoch."
)
@click.option("--no-measure", is_flag=True, help="Do not measure step time and memory.")
@data_option
@results_option
@strict_option
def command(
    protocol: str | None,
    methods: tuple[str, ...],
    suite: str | None,
    seeds_text: str | None,
    jobs: int | None,
    threads: int,
    device: str,
    executor: str,
    pretrained: Path | None,
    accept_stale: bool,
    log_gradients: bool,
    no_measure: bool,
    data_root: Path | None,
    results: Path,
    strict_plugins: bool,
) -> None:
    """Train what is missing, then show the leaderboard.

    Without arguments: the default suite on data that comes with benchbed. Runs that have a record
    are not repeated; an interrupted run goes on from its last epoch.

    \b
    Examples:
      benchbed run
      benchbed run digits hps+dwa:T=2 hps+mgda --seeds 5
      benchbed run digits hps:backbone=resnet18 --jobs 2
    """
    from benchbed.api import execute_plan, leaderboard_of, requests
    from benchbed.environment import commit_of
    from benchbed.execution.plan import Settings
    from benchbed.execution.run import default_jobs
    from benchbed.report.formats.files import write_leaderboard
    from benchbed.report.formats.terminal import to_terminal
    from benchbed.store import Store

    registry = open_registry(strict=strict_plugins)
    seeds = parse_seeds(seeds_text)
    status = 0
    commit, dirty = commit_of(Path.cwd())
    settings = Settings(
        results=results,
        data_root=data_root,
        threads=threads,
        device=device,
        accept_stale=accept_stale,
        pretrained=pretrained,
        log_gradients=log_gradients,
        commit=commit,
        dirty=dirty,
    )
    for request in requests(registry, protocol, methods, suite):
        with console(stderr=True).status("planning: looking at the data"):
            plan = request.plan(registry, settings, seeds)
        Store(results).require_writable()
        err = console(stderr=True)
        _announce(plan)
        try:
            summary = execute_plan(
                plan,
                registry,
                jobs=jobs or default_jobs(),
                console=err,
                executor=executor,
                measure=not no_measure,
            )
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. Finished runs are kept; the others go on from their last epoch when "
                "you give the same command again.",
                err=True,
            )
            raise click.exceptions.Exit(130) from None
        wrong = {result.message for result in summary.failed if result.usage}
        for message in sorted(wrong):
            click.echo(f"Error: {message}", err=True)
        for result in summary.failed:
            if not result.usage:
                _explain(result, results)
        status = max(status, summary.exit_code)
        if len(summary.failed) == len(plan.runs):
            continue
        everything = leaderboard_of(plan.protocol, registry, results)
        board = everything.only(method.name for method in plan.methods)
        out = console()
        out.print(to_terminal(board, out.width))
        click.echo("\nWritten:")
        written = write_leaderboard(everything, results / "leaderboards")
        if suite is not None:
            name = f"{request.suite}.{plan.protocol.id}"
            written += write_leaderboard(board, results / "leaderboards", name)
        for path in written:
            click.echo(f"  {path}")
        runs = results / "runs" / plan.protocol.name / str(plan.protocol.version)
        click.echo(f"  {runs}  (records and weights)")
    if status:
        raise click.exceptions.Exit(status)


def _announce(plan: Plan) -> None:
    cached = len(plan.runs) - len(plan.missing)
    stale = sorted({name for run in plan.missing for name in run.stale})
    click.echo(
        f"{plan.protocol.id}: {len(plan.methods)} methods, {len(plan.seeds)} seeds, "
        f"{len(plan.runs)} runs; {cached} cached, {len(plan.missing)} to train.",
        err=True,
    )
    if stale:
        click.echo(
            f"Repeated because a plugin's source changed at the same version: {', '.join(stale)} "
            "(--accept-stale keeps the old records).",
            err=True,
        )
    unlogged = sum(run.unlogged for run in plan.runs)
    if unlogged:
        click.echo(
            f"{unlogged} of the cached runs have no norms and cosines of gradients, and are not "
            "repeated for them; to log them too, name another folder with --results.",
            err=True,
        )
    for refused in plan.damaged:
        click.echo(f"Repeated because its record cannot be trusted: {refused}", err=True)


def _explain(result: Result, results: Path) -> None:
    from benchbed.store import Store

    click.echo(f"\nFailed: {result.run.label}: {result.message}", err=True)
    if result.traceback:
        click.echo(result.traceback.rstrip(), err=True)
    log = Store(results).log_path(result.run.job.key)
    if log.exists() and log.stat().st_size:
        click.echo(f"Its output: {log}", err=True)
