"""``benchbed inspect``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.cli.common import (
    data_option,
    json_option,
    open_registry,
    print_json,
    results_option,
    strict_option,
)


@click.command("inspect")
@click.argument("record")
@click.option(
    "--samples",
    type=click.IntRange(1, 100),
    default=6,
    show_default=True,
    help="How many samples of the test split, evenly spread.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the figures. [default: RESULTS/inspect/RUN KEY]",
)
@click.option(
    "--protocol", metavar="FILE", help="File of the record's protocol, if no plugin brings it."
)
@data_option
@results_option
@strict_option
@json_option
def command(
    record: str,
    samples: int,
    output: Path | None,
    protocol: str | None,
    data_root: Path | None,
    results: Path,
    strict_plugins: bool,
    as_json: bool,
) -> None:
    """Draw a run's predictions and its training curves.

    RECORD is a record's JSON file, or the first 6 or more characters of its run key.

    \b
    Examples:
      benchbed inspect 380257
      benchbed inspect results/runs/digits/1/hps/equal/380257b3959ddbf7828547231b1032ac.json
      benchbed inspect 380257 --samples 12 --output figures --json
    """
    from benchbed.report.inspect import Request, find_record, inspect_record, require_matplotlib

    require_matplotlib()
    request = Request(find_record(record, results), results, output, samples, protocol, data_root)
    done = inspect_record(request, open_registry(strict=strict_plugins))
    if as_json:
        print_json(done.facts())
    else:
        for path in filter(None, (done.panels, done.curves)):
            click.echo(path)
    if done.note:
        click.echo(f"{'Error' if done.exit_code else 'Note'}: {done.note}", err=True)
    if done.exit_code:
        raise click.exceptions.Exit(done.exit_code)
