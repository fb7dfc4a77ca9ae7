"""``benchbed inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from benchbed.basics.errors import BenchbedError
from benchbed.cli.common import (
    data_option,
    json_option,
    open_registry,
    parse_samples,
    plugin_option,
    print_json,
    results_option,
    strict_option,
)
from benchbed.report.inspect.one_run import Inspection, inspect_record
from benchbed.report.inspect.records import find_records
from benchbed.report.inspect.request import Choice, Request
from benchbed.report.inspect.several_runs import Comparison, compare_records
from benchbed.report.layout.available import require_matplotlib

MOST_SAMPLES: Final = 100


@click.command("inspect")
@click.argument("records", nargs=-1, required=True, metavar="RECORD...")
@click.option(
    "--samples",
    default="6",
    show_default=True,
    help="How many samples of the test split, evenly spread, or which (3,17,5 or 2,).",
)
@click.option("--worst", "choice", flag_value="worst", help="Those with the highest losses.")
@click.option("--typical", "choice", flag_value="typical", help="Those nearest the median loss.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures. "
    "[default: RESULTS/inspect/RUN KEY; of several records the digest of their run keys]",
)
@click.option(
    "--protocol", metavar="FILE", help="File of the records' protocol, if no plugin brings it."
)
@data_option
@results_option
@plugin_option
@strict_option
@json_option
def command(
    records: tuple[str, ...],
    samples: str,
    choice: Choice | None,
    output: Path | None,
    protocol: str | None,
    data_root: Path | None,
    results: Path,
    plugins: tuple[Path, ...],
    strict_plugins: bool,
    as_json: bool,
) -> None:
    """Draw a run's predictions and its training curves, or several runs' side by side.

    RECORD is a record's JSON file, a folder with records, or the first 6 or more characters of a
    run key. Several, of one protocol, are drawn on the same samples, a column a method and seed;
    records of one method and seed for single tasks share a column. Of their curves, the seeds of
    a method are one line with a band.

    \b
    Examples:
      benchbed inspect 380257
      benchbed inspect results/runs/digits/1/hps/equal/380257b3959ddbf7828547231b1032ac.json
      benchbed inspect 380257 --samples 12 --output figures --json
      benchbed inspect 380257 --samples 3,17,5
      benchbed inspect 380257 --worst
      benchbed inspect results/runs/digits/1/hps
      benchbed inspect 380257 9c41d0 e27b55 --samples 3
    """
    require_matplotlib()
    wanted = parse_samples(samples, MOST_SAMPLES)
    if choice and not isinstance(wanted, int):
        raise BenchbedError(f"--{choice} chooses the samples, so --samples must be their number.")
    requests = [
        Request(path, results, output, wanted, choice or "spread", protocol, data_root)
        for path in find_records(records, results)
    ]
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    done: Inspection | Comparison
    if len(requests) > 1:
        done = compare_records(requests, registry)
    else:
        done = inspect_record(requests[0], registry)
    if as_json:
        print_json(done.facts())
    else:
        for path in done.figures:
            click.echo(path)
    word = "Error" if done.exit_code else "Note"
    for note in done.notes:
        click.echo(f"{word}: {note}", err=True)
    if done.exit_code:
        raise click.exceptions.Exit(done.exit_code)
