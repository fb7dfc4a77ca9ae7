"""Contact sheets of a data set: samples with all their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchbed.basics.texts import wrap
from benchbed.contracts.dataset import Input, Target
from benchbed.contracts.drawing import (
    GREY,
    draw_input,
    draw_target,
    new_figure,
    palette,
    set_title,
)
from benchbed.report.data.validity import annotated, class_names, largest, smallest, valid
from benchbed.report.layout.grid import Grid
from benchbed.report.layout.legends import add_named_legends, class_patches, legend_height
from benchbed.report.layout.panel_size import WIDTH, panel_height, panel_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LARGEST: Final = (24.0, 60.0)
"""Of a sheet, width and height in inches; panels shrink where there are more."""
BINARY: Final = ("black", "white")
"""Colours of a map of two classes, such as edges."""
GAP: Final = 0.085
"""Between two panels, in inches: twice the padding of matplotlib's constrained layout."""
SCALE_HEIGHT: Final = 0.1
"""Of a colour scale below the panels, in inches."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Of a sheet's panels, in inches.

    Attributes:
        widths: of the columns, ``(1 + targets,)``.
        heights: of the samples' rows.
    """

    widths: np.ndarray
    heights: np.ndarray

    @classmethod
    def of(cls, described: Input, targets: Mapping[str, Target], samples: int) -> _Sizes:
        """Return the usual sizes, shrunk where the sheet would be too large."""
        widths = np.array([WIDTH, *map(panel_width, targets.values())])
        heights = np.full(samples, panel_height(described))
        largest_width, largest_height = LARGEST
        scale = min(1.0, largest_width / widths.sum(), largest_height / heights.sum())
        return cls(scale * widths, scale * heights)

    @property
    def beside_input(self) -> float:
        """Return the width of all columns but the input's."""
        return float(self.widths[1:].sum())


def draw_sheet(
    samples: Mapping[str, np.ndarray],
    positions: Sequence[int],
    described: Input,
    targets: Mapping[str, Target],
    title: str,
) -> Figure:
    """Return a row for each sample: the input, then each target.

    A map of classes has fixed colours, told below for the classes that are there, and one of two
    classes is black and white (of several annotators: the share of them); a map of numbers has one
    colour scale for all samples, which stands below; normals and colours are RGB. Grey is what is
    ignored or invalid.

    Args:
        samples: ``"input"`` and each target, ``(N, …)``.
        positions: of the samples in the split.
        described: the data set's input.
        targets: the data set's targets.
        title: stands above.
    """
    sizes = _Sizes.of(described, targets, len(positions))
    legends = _legends(samples, targets)
    grid = _grid(sizes, targets, legends)

    inputs = _panels(grid, len(positions), 0, "input", sizes)
    _draw_inputs(inputs, samples["input"], positions, described)
    for column, (name, target) in enumerate(targets.items(), start=1):
        panels = _panels(grid, len(positions), column, name, sizes)
        _draw_column(panels, samples[name], target)
        if _is_scaled(target):
            _add_scale(grid.cell(len(positions), column), panels[0])
    last_rows = len(positions) + _scale_rows(targets)
    add_named_legends(grid, last_rows, legends, sizes.beside_input)
    set_title(grid.figure, title)
    return grid.figure


def _grid(
    sizes: _Sizes, targets: Mapping[str, Target], legends: Mapping[str, Sequence[Patch]]
) -> Grid:
    """Return an empty sheet: rows of samples, one of colour scales if there are any, of legends."""
    scales = [SCALE_HEIGHT] * _scale_rows(targets)
    below = [legend_height(handles, sizes.beside_input) for handles in legends.values()]
    heights = [*sizes.heights, *scales, *below]
    # gaps and margins, and for the numbers of colour scales twice their height
    figure = new_figure(
        sizes.widths.sum() + GAP * len(sizes.widths) + 0.2,
        sum(heights) + GAP * len(heights) + 0.2 + 2 * sum(scales),
    )
    return Grid(figure, heights, sizes.widths.tolist())


def _scale_rows(targets: Mapping[str, Target]) -> int:
    return int(any(_is_scaled(target) for target in targets.values()))


def _panels(grid: Grid, samples: int, column: int, name: str, sizes: _Sizes) -> list[Axes]:
    """Return axes for each sample of a column, with its name above."""
    panels = [grid.cell(row, column) for row in range(samples)]
    panels[0].set_title(wrap(name, int(9 * sizes.widths[column])), fontsize=9)
    return panels


def _draw_inputs(
    panels: Sequence[Axes], values: np.ndarray, positions: Sequence[int], described: Input
) -> None:
    for axes, value, position in zip(panels, torch.tensor(values), positions, strict=True):
        draw_input(axes, value, described)
        axes.set_ylabel(f"sample {position}", fontsize=8)


def _draw_column(panels: Sequence[Axes], values: np.ndarray, target: Target) -> None:
    """Draw one target of several samples, a panel each."""
    if _is_binary(target):
        _draw_shares(panels, _share_marked(values, target))
        return
    if target.kind == "value":
        values = np.where(valid(values, target, smallest(values)), values, np.nan)
    for axes, value in zip(panels, torch.tensor(values), strict=True):
        draw_target(axes, value, target)
    if _is_scaled(target):
        low, high = smallest(values), largest(values)
        if low > high:  # no number is valid
            low, high = 0, 1
        for axes in panels:
            axes.images[0].set_clim(low, high)


def _draw_shares(panels: Sequence[Axes], shares: np.ndarray) -> None:
    """Draw shares of annotators from black to white, ``(N, H, W)``."""
    for axes, share in zip(panels, torch.tensor(shares), strict=True):
        draw_input(axes, share, Input(tuple(share.shape)))


def _add_scale(axes: Axes, panel: Axes) -> None:
    """Fill axes with the colour scale of a panel."""
    axes.figure.colorbar(panel.images[0], cax=axes, orientation="horizontal")
    axes.tick_params(labelsize=6)


def _is_binary(target: Target) -> bool:
    return target.kind == "class" and target.classes == 2 and len(target.shape) >= 2


def _is_scaled(target: Target) -> bool:
    return target.kind == "value" and len(target.shape) == 2


def _share_marked(values: np.ndarray, target: Target) -> np.ndarray:
    """Return the share of annotators who marked a pixel, ``(N, H, W)``; NaN where none looked."""
    by_annotator = values.reshape(len(values), -1, *values.shape[-2:])  # (N, annotators, H, W)
    marked = (by_annotator == 1).sum(axis=1)
    voters = annotated(by_annotator, target).sum(axis=1)
    unknown = np.full(voters.shape, np.nan)
    share: np.ndarray = np.divide(marked, voters, out=unknown, where=voters > 0)
    return share


def _legends(
    samples: Mapping[str, np.ndarray], targets: Mapping[str, Target]
) -> dict[str, list[Patch]]:
    """Return what the colours of maps of classes mean, of the classes that are there."""
    legends = {}
    for name, target in targets.items():
        values = samples[name]
        if _is_binary(target):
            patches = class_patches(class_names(target), BINARY)
            is_complete = not np.isnan(_share_marked(values, target)).any()
        elif target.kind == "class" and len(target.shape) == 2:
            known = annotated(values, target)
            patches = _patches_of(np.unique(values[known]), target)
            is_complete = bool(known.all())
        else:
            continue
        if not is_complete:
            patches += class_patches(["not annotated"], [GREY])
        if patches:
            legends[name] = patches
    return legends


def _patches_of(classes: np.ndarray, target: Target) -> list[Patch]:
    names, indices = class_names(target), classes.tolist()
    colours = palette(target.classes, names)[indices]
    return class_patches([names[index] for index in indices], colours)
