"""``benchbed run``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import click

from benchbed.api import requests
from benchbed.api.benchmark import Outcome, benchmark
from benchbed.basics.texts import counted
from benchbed.cli.asked import (
    accept_stale_option,
    changes_of,
    jobs_option,
    methods_argument,
    notes_option,
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
from benchbed.cli.board import print_board
from benchbed.cli.common import (
    console,
    data_option,
    open_registry,
    parse_seeds,
    plugin_option,
    results_option,
    strict_option,
)
from benchbed.cli.log_file import lines_to
from benchbed.execution.executor import Observer, Result
from benchbed.execution.lines import EpochLines
from benchbed.execution.plan import Plan, Settings
from benchbed.execution.preflight import PreflightError
from benchbed.execution.run import Summary
from benchbed.records.store import Store
from benchbed.report.formats.files import write_leaderboard


@click.command("run")
@protocol_argument
@methods_argument
@suite_option
@set_option
@subset_option
@seeds_option
@jobs_option
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each run."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--executor", default="local", show_default=True, help="Where runs are carried out.")
@pretrained_option
@accept_stale_option
@click.option(
    "--log-gradients", is_flag=True, help="Log norms and cosines of gradients once an epoch."
)
@click.option(
    "--no-preflight",
    is_flag=True,
    help="Do not try each method out on one mini-batch before any is trained.",
)
@click.option("-v", "--verbose", is_flag=True, help="A line an epoch, on standard error.")
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add a line an epoch to a file, with the time.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="LOGGER",
    help="Log the curves of runs: csv, tensorboard, wandb, mlflow or a plugin's.",
)
@notes_option
@click.option("--no-measure", is_flag=True, help="Do not measure step time and memory.")
@data_option
@results_option
@plugin_option
@strict_option
def command(
    protocol: str | None,
    methods: tuple[str, ...],
    suites: tuple[str, ...],
    settings_text: tuple[str, ...],
    subset: float | None,
    seeds_text: str | None,
    jobs: int | None,
    threads: int,
    device: str,
    executor: str,
    pretrained: Path | None,
    accept_stale: bool,
    log_gradients: bool,
    no_preflight: bool,
    verbose: bool,
    log_file: Path | None,
    logs: tuple[str, ...],
    notes: bool,
    no_measure: bool,
    data_root: Path | None,
    results: Path,
    plugins: tuple[Path, ...],
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
      benchbed run digits hps+dwa --set optimizer.lr=1e-2 --set epochs=3 --subset 0.1
      benchbed run --suite sweep.toml
      benchbed run digits hps+my-weighting --plugin mine.py
      benchbed run digits hps+dwa --log csv --log tensorboard
    """
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    seeds = parse_seeds(seeds_text)
    settings = Settings(
        results=results,
        data_root=data_root,
        threads=threads,
        device=device,
        accept_stale=accept_stale,
        pretrained=pretrained,
        log_gradients=log_gradients,
    )
    terminal = _Terminal()
    listeners: list[Observer] = []
    if verbose:
        listeners.append(EpochLines(terminal.print))
    if log_file is not None:
        listeners.append(EpochLines(lines_to(log_file)))
    outcomes = benchmark(
        requests(
            registry,
            protocol,
            methods,
            suites,
            changes=changes_of(settings_text, subset),
            results=results,
        ),
        registry,
        settings,
        terminal,
        seeds=seeds,
        jobs=jobs,
        executor=executor,
        measure=not no_measure,
        try_out=not no_preflight,
        logs=logs,
        listeners=listeners,
    )
    status = 0
    try:
        for outcome in outcomes:
            status = max(status, outcome.summary.exit_code)
            _tell_failures(outcome.summary, results)
            if not outcome.all_failed:
                _show_and_write(outcome, named=bool(suites and outcome.request.suite), notes=notes)
                _name_logs(outcome)
    except PreflightError as error:
        show_tracebacks(error)
        raise
    if status:
        raise click.exceptions.Exit(status)


class _Terminal:
    """Says on standard error what is about to happen, and how to go on after an interrupt."""

    def __init__(self) -> None:
        self.console = console(stderr=True)

    def print(self, line: str) -> None:
        """Print a line above the bars, if there are any."""
        self.console.print(line, markup=False, soft_wrap=True)

    def planning(self) -> AbstractContextManager[object]:
        return planning()

    def trying(self, plans: Sequence[Plan]) -> AbstractContextManager[object]:
        return trying(plans)

    @contextlib.contextmanager
    def training(self, plan: Plan) -> Iterator[None]:
        _announce(plan)
        try:
            yield
        except KeyboardInterrupt:
            click.echo(
                "Interrupted. Finished runs are kept; the others go on from their last epoch when "
                "you give the same command again.",
                err=True,
            )
            raise click.exceptions.Exit(130) from None


def _announce(plan: Plan) -> None:
    missing = plan.missing
    click.echo(
        f"{plan.protocol.id}: {counted(len(plan.methods), 'method')}, "
        f"{counted(len(plan.seeds), 'seed')}, {counted(len(plan.runs), 'run')}; "
        f"{len(plan.runs) - len(missing)} cached, {len(missing)} to train.",
        err=True,
    )
    stale: set[str] = set()
    for run in missing:
        stale.update(run.stale)
    if stale:
        click.echo(
            "Repeated because a plugin's source changed at the same version: "
            f"{', '.join(sorted(stale))} (--accept-stale keeps the old records).",
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


def _name_logs(outcome: Outcome) -> None:
    """Say where curves of this command's runs are."""
    for folder in outcome.logs:
        click.echo(f"  {folder}  (curves)")


def _tell_failures(summary: Summary, results: Path) -> None:
    """Say once what was asked for wrongly, and for each run that failed in training why."""
    wrong = {result.message for result in summary.failed if result.usage}
    for message in sorted(wrong):
        click.echo(f"Error: {message}", err=True)
    for result in summary.failed:
        if not result.usage:
            _explain(result, results)


def _explain(result: Result, results: Path) -> None:
    click.echo(f"\nFailed: {result.run.label}: {result.message}", err=True)
    if result.traceback:
        click.echo(result.traceback.rstrip(), err=True)
    log = Store(results).log_path(result.run.key)
    if log.exists() and log.stat().st_size:
        click.echo(f"Its output: {log}", err=True)


def _show_and_write(outcome: Outcome, *, named: bool, notes: bool) -> None:
    """Show the leaderboard of the methods, and write that of all that have records.

    Args:
        outcome: of one protocol.
        notes: all notes stand below the table.
        named: an installed suite was named: its part of the leaderboard is written too, under its
            name.
    """
    everything, board = outcome.everything(), outcome.leaderboard()
    print_board(board, notes=notes)

    protocol = outcome.plan.protocol
    folder = outcome.results / "leaderboards"
    click.echo("\nWritten:")
    written = write_leaderboard(everything, folder)
    if named:
        written += write_leaderboard(board, folder, f"{outcome.request.suite}.{protocol.id}")
    for path in written:
        click.echo(f"  {path}")
    runs = outcome.results / "runs" / protocol.name / str(protocol.version)
    click.echo(f"  {runs}  (records and weights)")
