"""``benchbed data``."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from benchbed.basics.errors import BenchbedError, DataError, MethodError, StoreError, suggest
from benchbed.cli.common import (
    console,
    data_option,
    json_option,
    open_registry,
    print_json,
    seconds_text,
    strict_option,
)
from benchbed.contracts.dataset import Column, Dataset, check_columns
from benchbed.discovery.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

MOST_SAMPLES: Final = 40
"""On one contact sheet."""
MOST_PROBLEMS: Final = 100
"""That are printed."""


@click.group("data")
def command() -> None:
    """List, prepare, check and show data sets.

    A data set is named with its options, if any: digits, or rooms:height=288,width=384.

    \b
    Examples:
      benchbed data list
      benchbed data show digits --samples 12
    """


@command.command("list")
@json_option
@strict_option
def list_datasets(as_json: bool, strict_plugins: bool) -> None:
    """List the installed data sets: what they hold, what they need, their licences.

    \b
    Example:
      benchbed data list
    """
    registry = open_registry(strict=strict_plugins)
    rows = []
    for entry in registry.of_kind("dataset"):
        try:
            dataset = _find(entry.spec.id, registry)
        except BenchbedError as error:
            if strict_plugins:
                raise
            click.echo(f"Note: left out data set '{entry.spec.id}': {error}", err=True)
        else:
            rows.append({"id": entry.spec.id, "summary": entry.spec.summary, **_facts(dataset)})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        _print_facts(row)


@command.command("prepare")
@click.argument("dataset")
@data_option
@strict_option
def prepare(dataset: str, data_root: Path | None, strict_plugins: bool) -> None:
    """Prepare a data set: make once, in the cache, what all runs share.

    The cache is the folder that $BENCHBED_CACHE names, or the system's for caches; how much will
    be written is told first.

    \b
    Example:
      benchbed data prepare nyuv2 --root /data
    """
    from benchbed.basics.cache import cache_folder
    from benchbed.execution.prepare import prepare as make

    found = _find(dataset, open_registry(strict=strict_plugins))
    _print_source(found)
    if type(found).prepare is Dataset.prepare:
        click.echo(f"{dataset}: nothing to prepare.")
        return
    start = time.perf_counter()
    if make(found, dataset, data_root, console(stderr=True)):
        click.echo(f"{dataset}: prepared in {seconds_text(time.perf_counter() - start)}.")
    else:
        click.echo(f"{dataset}: prepared already.")
    _print_notes(found, data_root)
    click.echo(f"The cache is {cache_folder()}.")


@command.command("check")
@click.argument("dataset")
@data_option
@json_option
@strict_option
def check(dataset: str, data_root: Path | None, as_json: bool, strict_plugins: bool) -> None:
    """Check a data set's files: read them all, and name what is missing or wrong.

    Ends with status 2 if anything is.

    \b
    Example:
      benchbed data check nyuv2 --root /data
    """
    from benchbed.execution.prepare import progress_bar

    found = _find(dataset, open_registry(strict=strict_plugins))
    with progress_bar(f"checking {dataset}", console(stderr=True)) as report:
        problems = found.check(data_root, report)
    if as_json:
        print_json({"dataset": dataset, "problems": problems})
    else:
        lines = problems[:MOST_PROBLEMS]
        if len(problems) > MOST_PROBLEMS:
            lines.append(f"… and {len(problems) - MOST_PROBLEMS} more; --json lists them all.")
        click.echo("\n".join(lines) or f"{dataset}: nothing wrong.")
    if problems:
        raise click.exceptions.Exit(2)
    _print_notes(found, data_root)


@command.command("fixture")
@click.argument("dataset")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@strict_option
def fixture(dataset: str, folder: Path, strict_plugins: bool) -> None:
    """Write a miniature of a data set in its true layout, to try things out.

    FOLDER must be empty or not there yet.

    \b
    Example:
      benchbed data fixture digits miniature
    """
    found = _find(dataset, open_registry(strict=strict_plugins))
    if type(found).fixture is Dataset.fixture:
        raise DataError(f"Data set '{dataset}' needs no files, so there is no miniature of it.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DataError(f"{folder} is not empty; name a new folder.")
        found.fixture(folder)
    except OSError as error:
        raise DataError(f"Cannot write {folder}: {error.strerror}; name another folder.") from error
    click.echo(folder)


@command.command("show")
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
def show(
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
    from benchbed.execution.prepare import prepare as make
    from benchbed.report.layout.available import require_matplotlib

    require_matplotlib()
    if stats and samples is not None:
        raise BenchbedError("--stats is of the whole split; leave out --samples.")
    wanted = _parse_samples("8" if samples is None else samples)
    found = _find(dataset, open_registry(strict=strict_plugins))
    split = split or found.splits[0]
    if split not in found.splits:
        raise DataError(f"'{dataset}' has no split '{split}'.{suggest(split, found.splits)}")
    name = dataset.partition(":")[0]
    path = output or Path(f"{name}-{split}{'-stats' if stats else ''}.png")
    if path.suffix != ".png":
        raise BenchbedError(f"--output {path}: a figure's file must end with .png.")
    make(found, dataset, data_root, console(stderr=True))
    columns = found.load(split, data_root)
    check_columns(found, split, columns)
    length = len(columns["input"])
    if stats:
        figure, facts = _statistics(found, columns, f"{dataset}: split '{split}', {length} samples")
    else:
        positions = _positions(wanted, length, split)
        shown = f"{len(positions)} of {length} samples of split '{split}'"
        figure, facts = _sheet(found, columns, positions, f"{dataset}: {shown}")
    _write(path, figure)
    if as_json:
        facts = {"dataset": dataset, "split": split, "length": length, **facts}
        print_json({**facts, "figure": str(path)})
    else:
        click.echo(path)


def _find(text: str, registry: Registry) -> Dataset:
    """Return the data set meant by ``name:option=value,option=value``.

    Raises:
        PluginError: there is none of that name, or its class cannot be used.
        MethodError: its options are wrong.
    """
    from benchbed.discovery.loading import make_component
    from benchbed.discovery.method import plain_component

    name, colon, tail = text.partition(":")
    options: dict[str, str] = {}
    for item in tail.split(",") if colon else ():
        option, _, value = item.partition("=")
        if not (option and value):
            raise MethodError(f"In data set '{text}', '{item}' must look like option=value.")
        if option in options:
            raise MethodError(f"In data set '{text}', option '{option}' is given twice.")
        options[option] = value
    component = plain_component("dataset", registry.get("dataset", name), options)
    return make_component(component, Dataset)


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "input": list(dataset.input.shape),
        "splits": list(dataset.splits),
        "targets": list(dataset.targets),
        "needs_folder": bool(dataset.check(None)),
        "licence": dataset.licence,
        "homepage": dataset.homepage,
    }


def _print_facts(row: Mapping[str, Any]) -> None:
    lines = {
        "input": " × ".join(map(str, row["input"])),
        "splits": ", ".join(row["splits"]),
        "targets": ", ".join(row["targets"]),
        "files": "in the folder of --data-root" if row["needs_folder"] else "none needed",
        "licence": row["licence"],
        "home page": row["homepage"],
    }
    formatter = click.HelpFormatter()
    formatter.indent()
    formatter.write_text(row["summary"])
    formatter.write_dl([(name, text) for name, text in lines.items() if text])
    click.secho(row["id"], bold=True)
    click.echo(formatter.getvalue())


def _print_source(dataset: Dataset) -> None:
    for name, text in (("Licence", dataset.licence), ("Home page", dataset.homepage)):
        if text:
            click.echo(f"{name}: {text}")


def _print_notes(dataset: Dataset, root: Path | None) -> None:
    for note in dataset.notes(root):
        click.echo(f"Note: {note}", err=True)


def _parse_samples(text: str) -> int | list[int]:
    """Return how many samples ``8`` means, or which ``3,17,5`` or ``2,``.

    Raises:
        BenchbedError: it is neither, or they are too many.
    """
    try:
        numbers = [int(part) for part in text.removesuffix(",").split(",")]
    except ValueError:
        numbers = [-1]
    picked = "," in text
    count = len(numbers) if picked else numbers[0]
    if min(numbers) < 0 or not 1 <= count <= MOST_SAMPLES:
        raise BenchbedError(
            f"--samples {text}: give a number from 1 to {MOST_SAMPLES}, or a list of at most "
            f"{MOST_SAMPLES} positions such as 3,17,5 (or 2, with its comma for sample 2 alone)."
        )
    return numbers if picked else count


def _positions(wanted: int | list[int], length: int, split: str) -> list[int]:
    """Return the positions of the samples to draw.

    Raises:
        BenchbedError: the split has no such sample.
    """
    if isinstance(wanted, list):
        if max(wanted) >= length:
            raise BenchbedError(
                f"There is no sample {max(wanted)}: split '{split}' has 0 to {length - 1}."
            )
        return wanted
    import numpy as np

    spread = np.linspace(0, length - 1, min(wanted, length)).round()
    return [int(position) for position in spread]


def _sheet(
    dataset: Dataset, columns: Mapping[str, Column], positions: Sequence[int], title: str
) -> tuple[Figure, dict[str, Any]]:
    import numpy as np

    from benchbed.report.data.sheet import draw_sheet

    at = np.array(positions, dtype=np.int64)
    samples = {name: np.asarray(columns[name][at]) for name in ("input", *dataset.targets)}
    figure = draw_sheet(samples, positions, dataset.input, dataset.targets, title)
    return figure, {"samples": positions}


def _statistics(
    dataset: Dataset, columns: Mapping[str, Column], title: str
) -> tuple[Figure, dict[str, Any]]:
    from benchbed.execution.prepare import progress_bar
    from benchbed.report.data.charts import draw_statistics
    from benchbed.report.data.statistics import describe

    with progress_bar("reading", console(stderr=True)) as report:
        found = describe(columns, dataset.targets, report)
    figure = draw_statistics(found, dataset.targets, title)
    return figure, {"targets": {name: asdict(item) for name, item in found.items()}}


def _write(path: Path, figure: Figure) -> None:
    from benchbed.contracts.drawing import to_png
    from benchbed.records.store import write_atomically

    try:
        write_atomically(path, to_png(figure))
    except StoreError as error:
        raise BenchbedError(
            f"Cannot write {path}: {error.__cause__}; choose another file with --output."
        ) from error
