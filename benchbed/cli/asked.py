"""What ``run`` and ``plan`` share: the options that say what is asked for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import click

from benchbed.cli.common import console

protocol_argument = click.argument("protocol", required=False)
methods_argument = click.argument("methods", nargs=-1)
suite_option = click.option(
    "--suite", help="Methods (and protocols) of a suite instead of named methods."
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
    help="Start from the weights in a safetensors file; its digest enters the run key.",
)
accept_stale_option = click.option(
    "--accept-stale", is_flag=True, help="Keep records made by an older plugin source."
)


def planning() -> AbstractContextManager[object]:
    """Say on a terminal that a plan is being made: large data takes its time."""
    return console(stderr=True).status("planning: looking at the data")
