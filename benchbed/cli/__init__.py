"""The command line. Each verb is a file of this package, imported when it is used."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final, NoReturn, TextIO

import click

from benchbed.basics.errors import BenchbedError, BenchbedWarning, suggest
from benchbed.cli.lazy import LazyGroup

VERBS: Final = {
    "run": "Train what is missing, then show the leaderboard.",
    "plan": "Show what would be trained, and about how long it takes.",
    "list": "List the installed plugins, protocols and suites.",
    "show": "Show one plugin, protocol, suite or method.",
    "inspect": "Draw a run's predictions and its training curves.",
    "evaluate": "Score a record's network, or a checkpoint of your own.",
    "report": "Show, write or check a protocol's leaderboard.",
    "compare": "Compare printed rows of a paper with own ones.",
    "published": "List, show, import, audit and compare printed tables of papers.",
    "cost": "Count parameters and multiply-adds of methods.",
    "data": "List, prepare, check and show data sets.",
    "protocol": "List, show, hash, compare and derive protocols.",
    "results": "List, measure and remove what lies in a results folder.",
    "import": "Take others' records, one by one.",
    "verify": "Run a record again and compare.",
    "doctor": "Check the installation, the plugins and the results folder.",
}


class _Verbs(LazyGroup):
    """The verbs; their help needs no import of theirs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name not in VERBS and not name.startswith("-"):
            raise click.UsageError(f"There is no command '{name}'.{suggest(name, VERBS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=_Verbs,
    modules={verb: f"benchbed.cli.{verb}_command" for verb in VERBS},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="benchbed", prog_name="benchbed")
def cli() -> None:
    """Benchmarks of deep multi-task learning under fixed protocols.

    \b
    benchbed run                        train the first leaderboard
    benchbed run digits hps+dwa:T=2     one method under one protocol
    benchbed list weightings            what there is to combine
    """


def guarded(function: Callable[[], Any]) -> int:
    """Call a command; turn errors into one sentence and the right exit status."""
    try:
        status = function()
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return 130
    except BenchbedError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:  # `benchbed list | head -1` is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = 0
    return status if isinstance(status, int) else 0


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning of benchbed's own as a sentence, and others as Python does."""
    if issubclass(category, BenchbedWarning):
        click.echo(f"Warning: {message}", err=True)
    else:
        text = warnings.formatwarning(message, category, filename, lineno, line)
        (file or sys.stderr).write(text)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave the process with its status."""
    given = sys.argv[1:] if arguments is None else arguments

    def call() -> None:
        with cli.make_context("benchbed", list(given)) as context:
            cli.invoke(context)

    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        status = guarded(call)
    raise SystemExit(status)
