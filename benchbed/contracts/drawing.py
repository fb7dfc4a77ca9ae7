"""One value on matplotlib axes: an input, a target or a prediction. Imported only for drawing."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from benchbed.basics.texts import wrap
from benchbed.contracts.dataset import Input, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY: Final = "0.65"
"""What is ignored, invalid or not annotated; no class has it."""
DARK: Final = 0.2
"""Of each colour channel of the background."""
TITLE_SIZE: Final = 10
"""Of a figure's title, in points."""
DPI: Final = 120


_by_name: ContextVar[Mapping[str, int]] = ContextVar("_by_name", default=MappingProxyType({}))
"""The places in the palette of classes by their names, where several targets share a figure."""
_on_maps: ContextVar[frozenset[str]] = ContextVar("_on_maps", default=frozenset())
"""Names of classes that a map of the figure shows too."""


@contextmanager
def one_colour_a_class(targets: Iterable[Target]) -> Iterator[None]:
    """Within, a class that several targets name has one colour in all of them, and no other has it.

    A class of a whole sample, which is written as a word, is underlaid with the colour that its
    pixels have on a map of the figure.

    ::

        with one_colour_a_class(task.target for task in tasks.values()):
            ...  # draw_target, palette
    """
    places: dict[str, int] = {}
    on_maps: set[str] = set()
    for target in targets:
        if target.kind != "class":
            continue
        for name in target.names:
            places.setdefault(name, len(places))
        if target.size:
            on_maps.update(target.names)
    tokens = _by_name.set(places), _on_maps.set(frozenset(on_maps))
    try:
        yield
    finally:
        _by_name.reset(tokens[0])
        _on_maps.reset(tokens[1])


def palette(classes: int, names: Sequence[str] = ()) -> np.ndarray:
    """Return the classes' colours, ``(classes, 3)`` in [0, 1]; a class always has the same one.

    The 54 first differ: matplotlib's qualitative maps without their greys, the most different
    first. A class of the name ``background`` is dark. Within :func:`one_colour_a_class`, a name
    has one colour, whatever its number.
    """
    tab20 = np.delete(np.array(mpl.colormaps["tab20"].colors), [14, 15], axis=0)  # type: ignore[attr-defined]
    tab20b = np.array(mpl.colormaps["tab20b"].colors)  # type: ignore[attr-defined]
    tab20c = np.array(mpl.colormaps["tab20c"].colors)[:16]  # type: ignore[attr-defined]
    colours = np.concatenate([tab20[::2], tab20[1::2], tab20b, tab20c])
    places = np.arange(classes)
    for number, name in enumerate(names[:classes]):
        places[number] = _by_name.get().get(name, number)
    chosen: np.ndarray = colours[places % len(colours)]
    if "background" in names:
        chosen[names.index("background")] = DARK
    return chosen


def draw_input(axes: Axes, value: Tensor, described: Input) -> None:
    """Draw an input: an image for ``(1, H, W)``, ``(3, H, W)`` and ``(H, W)``, bars for a vector.

    Args:
        axes: what to draw on.
        value: one sample's input.
        described: its range becomes black to white. An evaluation transform may have moved the
            values out of it; then their own smallest and largest do.
    """
    array = _array(value)
    low, high = _shown_range(array, described)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        _bare(axes)
        axes.imshow(array, cmap=_with_grey("gray"), vmin=low, vmax=high)
    elif array.ndim == 3 and array.shape[0] == 3:
        _draw_rgb(axes, (array - low) / ((high - low) or 1.0))
    else:
        _draw_other(axes, array)
        if array.ndim == 1:
            axes.set_ylim(low, high)


def _shown_range(array: np.ndarray, described: Input) -> tuple[float, float]:
    """Return the input's range; where values are out of it, their own smallest and largest."""
    low, high = described.range
    finite = array[np.isfinite(array)]
    if finite.size and (finite.min() < low or finite.max() > high):
        return float(finite.min()), float(finite.max())
    return low, high


def draw_target(axes: Axes, value: Tensor, target: Target) -> None:
    """Draw a target or a prediction of it, as :meth:`benchbed.Task.draw` describes."""
    array = _array(value)
    if target.kind == "class":
        _draw_classes(axes, _class_indices(array, target), target)
        return
    if array.ndim > len(target.shape) and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 2:
        _bare(axes)
        axes.imshow(np.ma.masked_invalid(array), cmap=_with_grey("viridis"))
    elif array.ndim == 3 and array.shape[0] == 3:
        if bool((array[np.isfinite(array)] < 0).any()):
            array = (array + 1) / 2  # of [-1, 1], such as directions
        _draw_rgb(axes, array)
    elif array.ndim == 0:
        text = f"{float(array):.4g}" if np.isfinite(array) else None
        _draw_known(axes, text)
    else:
        _draw_other(axes, array)


def draw_text(
    axes: Axes, text: str, *, grey: bool = False, under: np.ndarray | None = None
) -> None:
    """Write a few words into the middle of empty axes, on a patch of a colour if one is given."""
    _bare(axes, frame=True)
    size = 14 if len(text) <= 6 else 9
    colour = "0.5" if grey else "black"
    axes.text(
        0.5,
        0.5,
        wrap(text, 12),
        fontsize=size,
        color=colour,
        ha="center",
        va="center",
        transform=axes.transAxes,
        parse_math=False,
        bbox=None if under is None else {"facecolor": under, "alpha": 0.6, "edgecolor": "none"},
    )


def _draw_known(axes: Axes, text: str | None, under: np.ndarray | None = None) -> None:
    """Write a value of a sample, or that it has none."""
    if text is None:
        draw_text(axes, "not annotated", grey=True)
    else:
        draw_text(axes, text, under=under)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, which arranges itself around its texts."""
    figure = Figure((width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def set_title(figure: Figure, text: str) -> None:
    """Add the title above, a line for each of the text's, cut where the figure is too narrow."""
    width = max(map(len, text.splitlines()))
    # how wide a text is drawn is known only once it is
    while True:
        lines = [wrap(line, width) for line in text.splitlines()]
        drawn = figure.suptitle("\n".join(lines), fontsize=TITLE_SIZE, parse_math=False)
        share = drawn.get_window_extent().width / figure.bbox.width
        if share <= 0.98 or width == 1:
            break
        width = max(1, min(width - 1, int(width / share)))
    high = drawn.get_window_extent().height / figure.dpi
    figure.set_figheight(figure.get_figheight() + high)


def legend_shape(labels: Sequence[str], inches: float) -> tuple[int, int]:
    """Return the lines and columns of a legend in 6 points that is as wide as stated."""
    longest = max(map(len, labels))
    inches_each = 0.06 * longest + 0.35  # its characters, and the patch of colour before them
    columns = max(1, int(inches / inches_each))
    lines = -(-len(labels) // columns)  # rounded up
    return lines, min(columns, len(labels))


def to_png(figure: Figure) -> bytes:
    """Return the figure as the content of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def _array(value: Tensor) -> np.ndarray:
    plain = value.detach().cpu()
    if plain.is_floating_point():
        plain = plain.double()  # NumPy has no bfloat16
    array: np.ndarray = plain.numpy()
    return array


def _class_indices(array: np.ndarray, target: Target) -> np.ndarray:
    """Return class indices, out of scores of the classes where that is what the task predicts."""
    if array.ndim != len(target.shape) + 1:
        return array
    indices: np.ndarray = array[0]
    if array.shape[0] == target.classes > 1:
        indices = array.argmax(axis=0)
    return indices


def _draw_classes(axes: Axes, indices: np.ndarray, target: Target) -> None:
    known = (indices >= 0) & (indices < target.classes)
    if target.ignore is not None:
        known &= indices != target.ignore
    if indices.ndim == 0:
        _draw_class(axes, int(indices) if known else None, target)
    elif indices.ndim == 2:
        colours = np.full((*indices.shape, 3), float(GREY))
        colours[known] = palette(target.classes, target.names)[indices[known].astype(np.int64)]
        _bare(axes)
        axes.imshow(colours)
    else:
        _draw_other(axes, indices)


def _draw_class(axes: Axes, number: int | None, target: Target) -> None:
    """Write a sample's class, on its colour where a map of the figure shows it too."""
    if number is None:
        _draw_known(axes, None)
        return
    name = _class_name(number, target)
    colour = palette(target.classes, target.names)[number]
    _draw_known(axes, name, colour if name in _on_maps.get() else None)


def _class_name(number: int, target: Target) -> str:
    return target.names[number] if number < len(target.names) else str(number)


def _draw_rgb(axes: Axes, channels_first: np.ndarray) -> None:
    image = np.moveaxis(channels_first, 0, -1)
    valid = np.isfinite(image).all(axis=-1, keepdims=True)
    _bare(axes)
    axes.imshow(np.where(valid, np.clip(np.nan_to_num(image), 0, 1), float(GREY)))


def _draw_other(axes: Axes, array: np.ndarray) -> None:
    """Draw bars for a vector; of anything else say the shape."""
    if array.ndim == 1:
        axes.stairs(array, np.arange(len(array) + 1) - 0.5, baseline=0, fill=True)
        axes.tick_params(labelsize=6)
        axes.set_xmargin(0)
        return
    shape = " × ".join(map(str, array.shape))
    draw_text(axes, shape or f"{float(array):.4g}", grey=True)


def _bare(axes: Axes, *, frame: bool = False) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(frame)
        spine.set_color("0.8")


def _with_grey(name: str) -> mpl.colors.Colormap:
    return mpl.colormaps[name].with_extremes(bad=GREY)
