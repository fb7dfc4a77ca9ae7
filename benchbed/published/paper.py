"""``paper.toml``: a paper's source, its columns' directions and signs, and its protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from benchbed.basics.errors import ProtocolError
from benchbed.basics.texts import is_plain, visible
from benchbed.contracts.protocol import Name, parse_toml
from benchbed.published.cells import TableError
from benchbed.published.sheet import LONGEST, read_text

Kind = Literal["metric", "cost", "count"]


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of numbers.

    ``kind``: a ``metric`` enters Δm, a ``cost`` is compared with what was measured (as a ratio to
    the row ``relative_to``, where that is given), a ``count`` is neither. ``primary`` marks a
    task's main metric where it has several.
    """

    kind: Kind = "metric"
    better: Literal["higher", "lower", ""] = ""
    unit: str = ""
    primary: bool = False
    relative_to: str = ""

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better."""
        return self.better == "higher"


class PrintedDelta(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which Δm a paper prints, and whether its positive values are better or, as drops, worse."""

    definition: Literal["primary", "per-task-mean", "flat"] = "primary"
    positive_is: Literal["better", "worse"] = "better"


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of how a printed row was made; ``None`` is left open by the paper."""

    dataset: str | None = None
    train: str | None = None
    scored_on: str | None = None
    input: str | None = None
    metrics: str | None = None
    backbone: str | None = None
    pretraining: str | None = None
    optimizer: str | None = None
    lr: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    augmentation: str | None = None
    selection: str | None = None
    seeds: int | None = None
    baseline: str | None = None

    def fields(self) -> dict[str, str | int | float | None]:
        """Return all fields by name."""
        return msgspec.structs.asdict(self)

    def updated(self, other: Statement) -> Statement:
        """Return this with what the other states put over it."""
        stated = {name: value for name, value in other.fields().items() if value is not None}
        return msgspec.structs.replace(self, **stated)


class TableEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table: its number and caption, what it compares, and its data set.

    ``joins``: tables that complete its rows' cells, where tasks are printed apart.
    """

    number: str
    caption: str
    compares: str
    dataset: str = ""
    joins: list[str] = []
    protocol: Statement = Statement()


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A paper in one edition; editions of one ``work`` report the same nets."""

    id: Name
    title: str
    authors: str
    edition: str
    year: Annotated[int, Meta(ge=1900, le=2200)]
    columns: dict[str, Column]
    tables: dict[str, TableEntry]
    work: str = ""
    delta_m: PrintedDelta = PrintedDelta()
    protocol: Statement = Statement()

    @property
    def source(self) -> str:
        """Authors, title and edition."""
        return f"{self.authors}: {self.title}. {self.edition}"


HIGHER: Final = frozenset(
    ["iou", "miou", "acc", "accuracy", "odsf", "oisf", "maxf", "f1", "psnr", "ssim", "recall"]
)
LOWER: Final = frozenset(["rmse", "mse", "mae", "err", "error", "loss", "perplexity"])
"""Words in a metric's name that leave no doubt about its direction."""
_COLUMN: Final = re.compile(r"[a-z0-9_-]+/[a-z0-9_.-]+\Z")


def read_paper(path: Path) -> Paper:
    """Read a ``paper.toml``.

    Raises:
        TableError: it cannot be read, is not such a file, or a text or a direction is wrong.
    """
    try:
        paper: Paper = parse_toml(read_text(path), str(path), Paper)
    except ProtocolError as error:
        raise TableError(visible(str(error), LONGEST)) from error
    for text in _texts(msgspec.to_builtins(paper)):
        if len(text) > LONGEST or not is_plain(text):
            raise TableError(
                f"{path}: the text '{visible(text, 40)}' is longer than {LONGEST} characters or "
                "holds control or invisible ones; mend it."
            )
    for name, column in paper.columns.items():
        problem = _problem(name, column)
        if problem:
            raise TableError(f"{path}: column '{name}' {problem}")
    return paper


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _problem(name: str, column: Column) -> str:
    """Say what is wrong with a column, or nothing."""
    if column.kind != "metric":
        return "is no metric, so 'better' must be left out." if column.better else ""
    if not _COLUMN.match(name):
        return "must be named task/metric."
    if not column.better:
        return 'needs better = "higher" or better = "lower".'
    if column.higher_is_better:
        other, doubtless = "lower", LOWER
    else:
        other, doubtless = "higher", HIGHER
    metric = name.partition("/")[2]
    wrong = doubtless.intersection(re.split(r"[_.-]", metric))
    if not wrong:
        return ""
    return f"has the wrong direction: of '{min(wrong)}' {other} is better, not {column.better}."
