"""``benchbed data show``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from benchbed.basics.errors import BenchbedError, DataError, suggest
from benchbed.cli.common import (
    console,
    data_option,
    json_option,
    parse_samples,
    print_json,
    strict_option,
)
from benchbed.cli.data_command import find_dataset
from benchbed.contracts.dataset import Dataset, check_columns
from benchbed.execution.prepare import prepare
from benchbed.report.layout.available import require_matplotlib

MOST_SAMPLES: Final = 40
"""On one contact sheet."""


@click.command("show")
@click.argument("dataset")
@click.option("--split", help="Which split. [default: the first]")
@click.option(
    "--samples",
    help="How many samples (8), evenly spread over the split, or which (3,17,5 or 2,).",
)
@click.option("--stats", is_flag=True, help="Draw what the whole split holds instead.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The figure's file. [default: DATASET-SPLIT.png or DATASET-SPLIT-stats.png]",
)
@data_option
@json_option
@strict_option
def command(
    dataset: str,
    split: str | None,
    samples: str | None,
    stats: bool,
    output: Path | None,
    data_root: Path | None,
    as_json: bool,
    strict_plugins: bool,
) -> None:
    """Show samples of a data set with all their targets, or what a split holds.

    --stats draws for each class the share of the samples that it is in and its share of the area,
    and histograms of numbers.

    \b
    Examples:
      benchbed data show digits
      benchbed data show digits --split test --samples 3,17,5 --output sheet.png
      benchbed data show digits --stats --json
    """
    require_matplotlib()
    if stats and samples is not None:
        raise BenchbedError("--stats is of the whole split; leave out --samples.")
    wanted = parse_samples("8" if samples is None else samples, MOST_SAMPLES)
    found = find_dataset(dataset, strict=strict_plugins)
    split = _known_split(found, dataset, split)
    path = output or _default_path(dataset, split, stats=stats)
    if path.suffix != ".png":
        raise BenchbedError(f"--output {path}: a figure's file must end with .png.")
    prepare(found, dataset, data_root, console(stderr=True))
    columns = found.load(split, data_root)
    check_columns(found, split, columns)

    # here and not above, since it loads NumPy, torch and matplotlib
    from benchbed.cli.data.drawing import sheet, statistics, write
    from benchbed.report.layout.positions import positions

    length = len(columns["input"])
    if stats:
        title = f"{dataset}: split '{split}', {length} samples"
        figure, facts = statistics(found, columns, title)
    else:
        at = positions(wanted, length, split)
        title = f"{dataset}: {len(at)} of {length} samples of split '{split}'"
        figure, facts = sheet(found, columns, at, title)
    write(path, figure)
    if as_json:
        where = {"dataset": dataset, "split": split, "length": length}
        print_json({**where, **facts, "figure": str(path)})
    else:
        click.echo(path)


def _known_split(found: Dataset, dataset: str, split: str | None) -> str:
    split = split or found.splits[0]
    if split not in found.splits:
        raise DataError(f"'{dataset}' has no split '{split}'.{suggest(split, found.splits)}")
    return split


def _default_path(dataset: str, split: str, *, stats: bool) -> Path:
    name = dataset.partition(":")[0]
    return Path(f"{name}-{split}{'-stats' if stats else ''}.png")
