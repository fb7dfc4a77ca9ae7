"""The data set contract. Imports no deep-learning library: planning digests data through it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Protocol

from benchbed.basics.errors import ContractError, DataError

Report = Callable[[int, int], None]
"""Told (done, total) while data is prepared or checked."""


def silent(done: int, total: int) -> None:
    """Tell nobody."""


class Column(Protocol):
    """One array of a split, sample first: NumPy arrays and memory maps fit as they are."""

    def __len__(self) -> int:
        """Return the number of samples."""
        ...

    def __getitem__(self, indices: Any) -> Any:
        """Return the samples at an int64 NumPy array of indices, as a NumPy array."""
        ...


@dataclass(frozen=True, slots=True)
class Input:
    """The input of a data set.

    Attributes:
        shape: of one sample, channels first, e.g. ``(3, 288, 384)``; ``(128,)`` for a table's row
            or a sequence of tokens.
        range: smallest and largest possible value.
        dtype: of the numbers; ``int64`` for tokens, which range from 0 to the vocabulary's size
            less 1.
    """

    shape: tuple[int, ...]
    range: tuple[float, float] = (0.0, 1.0)
    dtype: Literal["float32", "int64"] = "float32"


@dataclass(frozen=True, slots=True)
class Target:
    """One target of a data set.

    Attributes:
        kind: ``class`` (an integer a sample or pixel) or ``value`` (real numbers).
        shape: of one sample's target; ``()`` for one value a sample, ``(H, W)`` for a map.
        classes: number of classes, for ``class``.
        names: the classes' names, in order.
        ignore: the class index that marks what is not annotated.
        geometry: what transforms of the image do to the numbers: ``direction`` for ``(3, H, W)``
            vectors in the camera's frame (x right, y down), which turn with it; ``distance`` for
            lengths along the optical axis, which scale with it.
        groups: ways to group the samples for scores a group, each with its groups' names, such as
            ``{"device": ("A", "B", "C")}``; the data set has a column of that name with each
            sample's group, int64.
    """

    kind: Literal["class", "value"]
    shape: tuple[int, ...] = ()
    classes: int = 0
    names: tuple[str, ...] = ()
    ignore: int | None = None
    geometry: Literal["", "direction", "distance"] = ""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.geometry:
            return
        fits = True
        if self.geometry == "direction":
            fits = len(self.shape) == 3 and self.shape[0] == 3
        elif self.geometry == "distance":
            fits = len(self.shape) >= 2
        if not fits or self.kind != "value":
            raise ContractError(
                f"A target of shape {self.shape} and kind '{self.kind}' cannot have the geometry "
                f"'{self.geometry}': directions are (3, H, W), distances (H, W), both of values."
            )

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of a target that is a map; ``()`` for one value or vector a sample."""
        if len(self.shape) < 2:
            return ()
        return self.shape[-2:]


class Dataset(ABC):
    """Inputs with a target for each of its tasks, in named splits.

    A plugin's options arrive as keyword arguments of ``__init__``.

    Attributes:
        input: shape and range of the input.
        targets: the targets by name.
        splits: names of the splits.
        official: what the data's authors call splits that have other names here, such as
            ``{"trainval": "train", "test": "val"}``.
        licence, homepage: told to users before they use the data.
    """

    input: Input
    targets: Mapping[str, Target]
    splits: tuple[str, ...]
    official: ClassVar[Mapping[str, str]] = MappingProxyType({})
    licence: ClassVar[str] = ""
    homepage: ClassVar[str] = ""

    @abstractmethod
    def load(self, split: str, root: Path | None) -> Mapping[str, Column]:
        """Return the columns of a split: ``"input"``, one for each target and each way to group.

        All have one length.

        Args:
            split: one of :attr:`splits`.
            root: the folder that holds the data; ``None`` for data sets that need none.

        Raises:
            DataError: data is missing or damaged; the message names the file and the remedy.
        """

    @abstractmethod
    def digest(self, root: Path | None) -> str:
        """Return a digest of the data; part of every run key. Must not import torch."""

    def prepare(  # noqa: B027 - most data sets have nothing to prepare
        self, root: Path | None, report: Report = silent
    ) -> None:
        """Make what ``load`` would have to make first, such as a cache; nothing by default.

        Called once before runs start, so that they need not wait for one another; ``load`` must
        work without it. Must not import torch.

        Args:
            root: the folder that holds the data; ``None`` for data sets that need none.
            report: told how much is done, of how much in all.

        Raises:
            DataError: data is missing or damaged, or the cache cannot be written.
        """

    def length(self, split: str, root: Path | None) -> int | None:
        """Return how many samples a split has; ``None`` where that takes long to tell.

        By default it is told where nothing has to be prepared. Must not import torch.

        Args:
            split: one of :attr:`splits`.
            root: the folder that holds the data; ``None`` for data sets that need none.

        Raises:
            DataError: data is missing or damaged.
        """
        if type(self).prepare is not Dataset.prepare:
            return None
        return len(self.load(split, root)["input"])

    def size(self, root: Path | None) -> int:
        """Return how many bytes ``prepare`` would write, which users are told before; 0 if none.

        Raises:
            DataError: data is missing or damaged.
        """
        return 0

    def notes(self, root: Path | None) -> list[str]:
        """Return what is not wrong but should be known of the data, a sentence each.

        Raises:
            DataError: data is missing or damaged.
        """
        return []

    def check(self, root: Path | None, report: Report = silent) -> list[str]:
        """Return what is missing or wrong, a sentence each with its path; empty if all is well.

        Args:
            root: the folder that holds the data; ``None`` for data sets that need none.
            report: told how much is done, of how much in all.
        """
        return []

    def fixture(self, root: Path) -> None:
        """Write a miniature of the data in its true on-disk layout, for tests."""
        raise DataError(f"{type(self).__name__} {_without_fixture(self)}")


def has_fixture(dataset: Dataset) -> bool:
    """Tell whether a data set writes a miniature of itself."""
    return type(dataset).fixture is not Dataset.fixture


def needs_files(dataset: Dataset) -> bool:
    """Tell whether a data set misses something where no folder is given."""
    return has_fixture(dataset) or bool(dataset.check(None))


def _without_fixture(dataset: Dataset) -> str:
    """Return why there is no miniature of a data set."""
    if needs_files(dataset):
        return "has no fixture, so there is no miniature of it; take its own files."
    return "needs no files, so it has no fixture."


def check_columns(dataset: Dataset, split: str, columns: Mapping[str, Column]) -> None:
    """Refuse what ``load`` returned if it breaks the contract.

    Raises:
        ContractError: a column is missing, or lengths differ.
    """
    name = f"{type(dataset).__name__}.load('{split}')"
    if not isinstance(columns, Mapping) or "input" not in columns:
        raise ContractError(f"{name} must return a mapping with a column 'input'.")
    for key, target in dataset.targets.items():
        if key not in columns:
            raise ContractError(f"{name} returned no column for target '{key}'.")
        for group in target.groups:
            if group not in columns:
                raise ContractError(f"{name} returned no column for the groups '{group}'.")
    for key, column in columns.items():
        if not hasattr(column, "__len__") or not hasattr(column, "__getitem__"):
            raise ContractError(
                f"{name}: column '{key}' must be an array, not {type(column).__name__}."
            )
    _check_dtype(name, columns["input"], dataset.input)
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) != 1 or not lengths["input"]:
        raise ContractError(f"{name} must return columns of one length above 0, got {lengths}.")


def _check_dtype(name: str, column: Column, described: Input) -> None:
    """Refuse tokens that are described as numbers with a point, and the other way about.

    Bytes pass: a protocol's transform may make numbers of them.

    Raises:
        ContractError: they do not fit.
    """
    # a column that is read when it is asked for may tell no dtype
    kind = getattr(getattr(column, "dtype", None), "kind", "")
    wrong = "f" if described.dtype == "int64" else "i"
    if kind == wrong:
        raise ContractError(
            f"{name}: the input is {column.dtype} and its description says {described.dtype}; "  # type: ignore[attr-defined]
            "describe it by Input(…, dtype='int64') where it is of whole numbers such as tokens, "
            "and return float32 elsewhere."
        )
