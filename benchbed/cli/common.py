"""Options and helpers that several verbs share."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from benchbed.basics.config import default_data_root
from benchbed.basics.errors import BenchbedError
from benchbed.discovery.catalogue import protocols, suites
from benchbed.discovery.own_code import add_file
from benchbed.discovery.registry import Registry, discover

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

results_option = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder where results are read and written.",
)
strict_option = click.option(
    "--strict-plugins", is_flag=True, help="A broken plugin is an error, not a note."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
data_option = click.option(
    "--data-root",
    "--root",
    "data_root",
    type=click.Path(path_type=Path),
    callback=lambda context, parameter, value: value or default_data_root(),
    help="Folder that holds the data sets. [default: $BENCHBED_DATA, or data_root in the "
    "configuration file]",
)


plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A Python file with a method of your own, not packaged. May be given several times.",
)


def open_registry(*, strict: bool, note: bool = True, plugins: Sequence[Path] = ()) -> Registry:
    """Discover the plugins and read their files; name broken ones on standard error.

    Args:
        strict: a broken plugin is an error.
        note: name broken ones.
        plugins: files that the user has named, which are no installed plugins.
    """
    registry = discover()
    for path in plugins:
        add_file(registry, path)
    protocols(registry)
    suites(registry)
    if strict:
        registry.require_sound()
    if note:
        for broken in registry.broken:
            click.echo(f"Note: left out {broken}", err=True)
    return registry


def parse_seeds(text: str | None) -> list[int] | None:
    """Return the seeds meant by ``5`` (0 to 4), by ``0,3,7``, or by ``2,`` (2 alone).

    Raises:
        BenchbedError: it is neither.
    """
    if text is None:
        return None
    numbers = parse_numbers(text)
    if min(numbers) < 0 or ("," not in text and numbers[0] == 0):
        raise BenchbedError(
            f"--seeds {text}: give a number of seeds such as 5, or a list such as 0,3,7 (or 2, "
            "with its comma for seed 2 alone)."
        )
    return numbers if "," in text else list(range(numbers[0]))


def parse_numbers(text: str) -> list[int]:
    """Return the whole numbers of a list such as ``0,3,7`` or ``2,``; -1 where it is none."""
    try:
        return [int(part) for part in text.removesuffix(",").split(",")]
    except ValueError:
        return [-1]


def parse_samples(text: str, most: int) -> int | list[int]:
    """Return how many samples ``8`` means, or which ``3,17,5`` or ``2,``.

    Raises:
        BenchbedError: it is neither, or they are too many.
    """
    numbers = parse_numbers(text)
    picked = "," in text
    count = len(numbers) if picked else numbers[0]
    if min(numbers) < 0 or not 1 <= count <= most:
        raise BenchbedError(
            f"--samples {text}: give a number from 1 to {most}, or a list of at most {most} "
            "positions such as 3,17,5 (or 2, with its comma for sample 2 alone)."
        )
    return numbers if picked else count


def console(*, stderr: bool = False) -> Console:
    """Return a rich console; ``NO_COLOR`` and pipes switch colours and bars off."""
    from rich.console import Console  # slow to import, and many commands do without

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def print_json(value: object) -> None:
    """Print plain data as JSON on standard output."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def seconds_text(seconds: float) -> str:
    """Return a duration in words: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
