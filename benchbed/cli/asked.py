"""What ``run`` and ``plan`` share: the options that say what is asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from benchbed.basics.texts import counted
from benchbed.cli.common import console
from benchbed.contracts.derived import parse_change
from benchbed.execution.plan import Plan
from benchbed.execution.preflight import PreflightError

protocol_argument = click.argument("protocol", required=False)
methods_argument = click.argument("methods", nargs=-1)
suite_option = click.option(
    "--suite",
    "suites",
    multiple=True,
    help="Methods (and protocols) of a suite, by name or TOML file, instead of named methods. May "
    "be given several times.",
)
set_option = click.option(
    "--set",
    "settings_text",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A quick try: change a field of the protocol, such as optimizer.lr=0.01. The try has a "
    "name, records and tables of its own. May be given several times.",
)
subset_option = click.option(
    "--subset",
    type=float,
    metavar="SHARE",
    help="A quick try: train on a share of the training split, such as 0.1.",
)
seeds_option = click.option(
    "--seeds", "seeds_text", help="How many seeds (5), or which (0,3,7 or 2,)."
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(1), help="Runs side by side. [default: one a core]"
)
pretrained_option = click.option(
    "--pretrained",
    type=click.Path(path_type=Path),
    help="Start from the weights in a file (safetensors, .pth), also of timm or torchvision; its "
    "digest enters the run key.",
)
notes_option = click.option(
    "--notes", is_flag=True, help="All that is to be known of a table below it, on a terminal too."
)
accept_stale_option = click.option(
    "--accept-stale", is_flag=True, help="Keep records made by an older plugin source."
)


def changes_of(settings: Sequence[str], subset: float | None) -> dict[str, Any]:
    """Return what --set and --subset change, by field.

    Raises:
        ProtocolError: one does not look like FIELD=VALUE.
    """
    changes = dict(map(parse_change, settings))
    if subset is not None:
        changes["data.share"] = subset
    return changes


def planning() -> AbstractContextManager[object]:
    """Say on a terminal that a plan is being made: large data takes its time."""
    return console(stderr=True).status("planning: looking at the data")


@contextlib.contextmanager
def trying(plans: Sequence[Plan]) -> Iterator[None]:
    """Say on a terminal that methods are tried out, and how to go on after an interrupt."""
    methods = {(plan.protocol.id, run.method) for plan in plans for run in plan.missing}
    what = f"trying {counted(len(methods), 'method')} out on a mini-batch"
    try:
        with console(stderr=True).status(what):
            yield
    except KeyboardInterrupt:
        click.echo("Interrupted. Nothing was trained.", err=True)
        raise click.exceptions.Exit(130) from None


def show_tracebacks(error: PreflightError) -> None:
    """Print where plugins failed that were tried out, each once."""
    told: dict[str, str] = {}
    for result in error.failed:
        if result.traceback and not result.usage:
            told.setdefault(result.traceback, result.run.method)
    for text, method in told.items():
        click.echo(f"{method}:\n{text.rstrip()}\n", err=True)
