"""What every data set must fulfil."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import pytest

from benchbed.basics.errors import DataError, one_line
from benchbed.contracts.dataset import (
    Column,
    Dataset,
    Target,
    check_columns,
    has_fixture,
    needs_files,
)
from benchbed.discovery.loading import make_component
from benchbed.discovery.spec import Kind, Value
from benchbed.testing.comparison import difference
from benchbed.testing.contract import Contract

CHUNK: Final = 256
LABELS: Final = frozenset({"int64", "uint8"})
"""What ``cross_entropy`` takes as classes."""

_DIGEST = """
import json, sys
from pathlib import Path
from benchbed.contracts.dataset import Dataset
from benchbed.discovery.loading import load
target, options, root = json.loads(sys.argv[1])
text = load(target, Dataset)(**options).digest(None if root is None else Path(root))
print(json.dumps([text, "torch" in sys.modules]))
"""


class DatasetContract(Contract):
    """Conformance of a data set.

    Where the data set needs files, the fixture ``root`` is the folder that ``Dataset.fixture``
    wrote its miniature to; override it to test with other files.

    Attributes:
        input_dtype: of the input column, if it is another one than the description's; it wants a
            transform in every protocol.
    """

    kind: ClassVar[Kind] = "dataset"
    base: ClassVar[type[Any]] = Dataset

    input_dtype: ClassVar[str] = ""

    @pytest.fixture
    def root(self, given: Mapping[str, Value], tmp_path: Path) -> Path | None:
        """Return the folder of the data; ``None`` for data sets that need no files."""
        dataset = self.construct(given)
        if not needs_files(dataset):
            return None
        if not has_fixture(dataset):
            pytest.skip(
                f"{self.name} needs files and has no fixture; write Dataset.fixture, or override "
                "the fixture 'root' with a folder of its files."
            )
        folder = tmp_path / "data"
        folder.mkdir()
        dataset.fixture(folder)
        return folder

    def construct(self, given: Mapping[str, Value]) -> Any:
        """Return a data set."""
        return make_component(self.component(given), Dataset)

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Make a data set; a test of its own uses it, since that may take files."""
        return self.construct(given)

    def test_it_states_its_splits_input_and_targets(self, given: Mapping[str, Value]) -> None:
        """Splits have names of their own; class targets say how many classes there are."""
        dataset = self.construct(given)
        splits, low_high = tuple(dataset.splits), dataset.input.range
        named = splits and len(set(splits)) == len(splits) and all(splits)
        assert named, f"{self.name}.splits must be different names, not {splits}."
        assert low_high[0] < low_high[1], f"{self.name}.input.range must rise, not {low_high}."
        assert dataset.targets, f"{self.name}.targets is empty."
        for key, target in dataset.targets.items():
            name = f"{self.name}.targets['{key}']"
            assert target.kind in {"class", "value"}, f"{name}.kind must be 'class' or 'value'."
            classes = target.classes > 1 or target.kind == "value"
            assert classes, f"{name}.classes must be above 1, not {target.classes}."
            fits = len(target.names) in {0, target.classes}
            assert fits, f"{name} has {len(target.names)} names for {target.classes} classes."

    def test_its_data_is_there(self, given: Mapping[str, Value], root: Path | None) -> None:
        """``check`` finds nothing wrong with the files that the tests use."""
        found = self.construct(given).check(root)
        assert found == [], f"{self.name}.check finds fault with its own data: {found}."

    def test_missing_data_is_named(self, given: Mapping[str, Value], tmp_path: Path) -> None:
        """Without a folder or in an empty one, ``check`` says so and ``load`` raises DataError."""
        dataset = self.construct(given)
        if not needs_files(dataset):
            pytest.skip(f"{self.name} needs no files.")
        empty = tmp_path / "empty"
        empty.mkdir()
        for root in (None, empty):
            found = dataset.check(root)
            told = found and all(isinstance(sentence, str) for sentence in found)
            assert told, f"{self.name}.check({_shown(root)}) must say what is missing, got {found}."
            raised = "nothing"
            try:
                _read(dataset, dataset.splits[0], root)
            except DataError:
                continue
            except Exception as error:  # noqa: BLE001 - told to the author
                raised = one_line(error)
            raise AssertionError(
                f"{self.name}.load raises {raised} where its data is missing; raise "
                "benchbed.basics.errors.DataError with the file and the remedy."
            )

    def test_its_columns_match_input_and_targets(
        self, given: Mapping[str, Value], root: Path | None
    ) -> None:
        """Shapes, dtypes and ranges hold for every sample of every split."""
        dataset = self.construct(given)
        for split in dataset.splits:
            columns = dataset.load(split, root)
            check_columns(dataset, split, columns)
            name = f"{self.name}.load('{split}')"
            low, high = dataset.input.range
            for values in _chunks(columns["input"]):
                dtype = self.input_dtype or dataset.input.dtype
                _fit(f"{name}['input']", values, dataset.input.shape, {dtype})
                inside = bool(((values >= low) & (values <= high)).all())
                assert inside, (
                    f"{name}['input'] holds {values.min()} to {values.max()}, and the stated range "
                    f"is {low} to {high}."
                )
            for key, target in dataset.targets.items():
                for values in _chunks(columns[key]):
                    _fit_target(f"{name}['{key}']", values, target)

    def test_its_columns_give_any_samples_in_any_order(
        self, given: Mapping[str, Value], root: Path | None
    ) -> None:
        """A column takes an int64 array of positions, in no order and some of them twice."""
        dataset = self.construct(given)
        split = dataset.splits[0]
        for key, column in dataset.load(split, root).items():
            last = len(column) - 1
            at = np.array([last, 0, last // 2, 0], dtype=np.int64)
            values = column[at]
            name = f"{self.name}.load('{split}')['{key}']"
            assert isinstance(values, np.ndarray), f"{name} must give NumPy arrays."
            for place, position in enumerate(at):
                one = column[np.array([position], dtype=np.int64)][0]
                same = np.array_equal(values[place], one, equal_nan=values.dtype.kind == "f")
                assert same, f"{name}: position {position} among several gives another sample."

    def test_it_holds_the_same_at_every_load(
        self, given: Mapping[str, Value], root: Path | None
    ) -> None:
        """Two data sets of the same options load the same bits."""
        one, other = self.construct(given), self.construct(given)
        for split in one.splits:
            first, second = _read(one, split, root), _read(other, split, root)
            place = difference(first, second)
            assert place is None, f"{self.name}.load('{split}') gives another '{place}' every time."

    def test_its_digest_is_stable_and_needs_no_torch(
        self, given: Mapping[str, Value], root: Path | None
    ) -> None:
        """A text, the same in another process, where torch is not imported for it."""
        text = self.construct(given).digest(root)
        name = f"{self.name}.digest"
        assert isinstance(text, str) and text, f"{name} must return a text, not {text!r}."  # noqa: PT018
        assert self.construct(given).digest(root) == text, f"{name} changes from call to call."
        component = self.component(given)
        asked = [component.target, component.options, None if root is None else str(root)]
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST, json.dumps(asked)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{name} fails in a process of its own:\n{done.stderr}"
        other, torch = json.loads(done.stdout.splitlines()[-1])
        assert other == text, f"{name} is '{text}' here and '{other}' in another process."
        assert not torch, (
            f"{name} imports torch, which planning must not wait for; import it inside load()."
        )

    def test_using_it_changes_nothing_global(
        self, given: Mapping[str, Value], root: Path | None
    ) -> None:
        """Checking, digesting and loading changes no setting and seeds no generator."""
        dataset = self.construct(given)

        def use() -> None:
            dataset.check(root)
            dataset.digest(root)
            for split in dataset.splits:
                dataset.load(split, root)

        self.unchanged(use, f"{self.name}, as it loads,")


def _shown(root: Path | None) -> str:
    return "None" if root is None else "an empty folder"


def _chunks(column: Column) -> Iterator[np.ndarray]:
    """Yield a column's samples, some hundred at a time: it may be larger than memory."""
    for start in range(0, len(column), CHUNK):
        yield column[np.arange(start, min(start + CHUNK, len(column)))]


def _read(dataset: Dataset, split: str, root: Path | None) -> dict[str, list[np.ndarray]]:
    columns = dataset.load(split, root)
    return {key: list(_chunks(column)) for key, column in columns.items()}


def _fit(name: str, values: np.ndarray, shape: tuple[int, ...], dtypes: set[str]) -> None:
    got = values.shape[1:]
    assert got == shape, f"{name}: a sample has shape {got}, and {shape} is stated."
    wanted = " or ".join(sorted(dtypes))
    assert values.dtype.name in dtypes, f"{name} is {values.dtype}, and must be {wanted}."


def _fit_target(name: str, values: np.ndarray, target: Target) -> None:
    if target.kind == "value":
        _fit(name, values, target.shape, {"float32"})
        return
    _fit(name, values, target.shape, set(LABELS))
    known = (values >= 0) & (values < target.classes)
    if target.ignore is not None:
        known |= values == target.ignore
    ignored = ", none" if target.ignore is None else f" and {target.ignore}"
    assert bool(known.all()), (
        f"{name} holds class {values[~known].flat[0]}, and there are {target.classes} classes"
        f"{ignored} to ignore."
    )
