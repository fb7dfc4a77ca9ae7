"""The figures of ``benchbed data show``, and what they show as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchbed.basics.errors import BenchbedError, StoreError
from benchbed.cli.common import console
from benchbed.contracts.dataset import Column, Dataset
from benchbed.contracts.drawing import one_colour_a_class, to_png
from benchbed.execution.prepare import progress_bar
from benchbed.records.store import write_atomically
from benchbed.report.data.charts import draw_statistics
from benchbed.report.data.sheet import draw_sheet
from benchbed.report.data.statistics import describe


def sheet(
    dataset: Dataset, columns: Mapping[str, Column], positions: Sequence[int], title: str
) -> tuple[Figure, dict[str, Any]]:
    """Draw samples with all their targets."""
    at = np.array(positions, dtype=np.int64)
    samples = {name: np.asarray(columns[name][at]) for name in ("input", *dataset.targets)}
    with one_colour_a_class(dataset.targets.values()):
        figure = draw_sheet(samples, positions, dataset.input, dataset.targets, title)
    return figure, {"samples": positions}


def statistics(
    dataset: Dataset, columns: Mapping[str, Column], title: str
) -> tuple[Figure, dict[str, Any]]:
    """Draw what a whole split holds."""
    with progress_bar("reading", console(stderr=True)) as report:
        found = describe(columns, dataset.targets, report)
    figure = draw_statistics(found, dataset.targets, title)
    return figure, {"targets": {name: asdict(item) for name, item in found.items()}}


def write(path: Path, figure: Figure) -> None:
    """Write a figure.

    Raises:
        BenchbedError: the file cannot be written.
    """
    try:
        write_atomically(path, to_png(figure))
    except StoreError as error:
        raise BenchbedError(
            f"Cannot write {path}: {error.__cause__}; choose another file with --output."
        ) from error
