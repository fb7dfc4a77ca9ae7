"""Broken data sets; this module imports no torch."""

import os
import random
import sys

import numpy as np

from benchbed import Dataset, Input, Target
from benchbed.basics.errors import DataError
from tests.testing.broken import breaks


def refused(check, says, **more):
    return breaks("dataset", check, says, **more)


class Vectors(Dataset):
    input = Input((2,), (0.0, 1.0))
    targets = {"a": Target("class", classes=3, ignore=255), "b": Target("value", (2,))}
    splits = ("train", "test")

    def load(self, split, root):
        x = np.linspace(0.0, 1.0, 20, dtype=np.float32).reshape(10, 2)
        return {"input": x, "a": np.arange(10) % 3, "b": x + 3}

    def digest(self, root):
        return "vectors 1"


class Files(Vectors):
    """Needs a file, as it should."""

    def check(self, root, report=None):
        there = root is not None and (root / "data.txt").exists()
        return [] if there else [f"{root}/data.txt is missing."]

    def load(self, split, root):
        if self.check(root):
            raise DataError(f"{root}/data.txt is missing.")
        return super().load(split, root)

    def fixture(self, root):
        (root / "data.txt").write_text("data")


@refused("it_states_its_splits_input_and_targets", "splits must be different names, not \\('a', 'a")
class RepeatsSplits(Vectors):
    splits = ("a", "a")


@refused("it_states_its_splits_input_and_targets", "input.range must rise")
class FallingRange(Vectors):
    input = Input((2,), (1.0, 0.0))


@refused("it_states_its_splits_input_and_targets", "\\['a'\\].classes must be above 1, not 0")
class NoClasses(Vectors):
    targets = {"a": Target("class")}


@refused("it_states_its_splits_input_and_targets", "has 1 names for 3 classes")
class OneName(Vectors):
    targets = {"a": Target("class", classes=3, names=("one",))}


@refused("its_data_is_there", "check finds fault with its own data: \\['None/data.txt is missing")
class NeedsFiles(Files):
    pass


@refused("missing_data_is_named", "check\\(None\\) must say what is missing, got \\[\\]")
class SaysNothing(Files):
    def check(self, root, report=None):
        return []


@refused("missing_data_is_named", "load raises nothing where its data is missing")
class MakesUp(Files):
    def load(self, split, root):
        return Vectors.load(self, split, root)


@refused("missing_data_is_named", "load raises TypeError: .* where its data is missing; raise")
class Opens(Files):
    def load(self, split, root):
        (root / "data.txt").read_text()
        return super().load(split, root)


@refused("its_columns_match_input_and_targets", "returned no column for target 'b'")
class NoColumn(Vectors):
    def load(self, split, root):
        return {k: v for k, v in super().load(split, root).items() if k != "b"}


@refused("its_columns_match_input_and_targets", "must return columns of one length above 0")
class EmptySplit(Vectors):
    def load(self, split, root):
        stop = 0 if split == "test" else 10
        return {k: v[:stop] for k, v in super().load(split, root).items()}


@refused(
    "its_columns_match_input_and_targets",
    "\\['input'\\]: a sample has shape \\(2, 1\\), and \\(2,\\) is stated",
)
class OtherShape(Vectors):
    def load(self, split, root):
        columns = super().load(split, root)
        return columns | {"input": columns["input"][..., None]}


@refused("its_columns_match_input_and_targets", "\\['input'\\] is float64, and must be float32")
class Doubles(Vectors):
    def load(self, split, root):
        columns = super().load(split, root)
        return columns | {"input": columns["input"].astype(np.float64)}


@refused("its_columns_match_input_and_targets", "\\['input'\\] holds 0.0 to 255.0, and the stated")
class NotScaled(Vectors):
    def load(self, split, root):
        columns = super().load(split, root)
        return columns | {"input": columns["input"] * 255}


@refused("its_columns_match_input_and_targets", "\\['a'\\] is int32, and must be int64 or uint8")
class ShortLabels(Vectors):
    def load(self, split, root):
        columns = super().load(split, root)
        return columns | {"a": columns["a"].astype(np.int32)}


@refused(
    "its_columns_match_input_and_targets", "\\['a'\\] holds class 3, and there are 3 classes and"
)
class CountsFromOne(Vectors):
    def load(self, split, root):
        columns = super().load(split, root)
        return columns | {"a": columns["a"] + 1}


class Sorted:
    """Like an HDF5 file: reads only in the order in which it lies."""

    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def __getitem__(self, indices):
        return self.array[np.sort(indices)]


@refused("its_columns_give_any_samples_in_any_order", "position 9 among several gives another")
class InOrderOnly(Vectors):
    def load(self, split, root):
        return {name: Sorted(column) for name, column in super().load(split, root).items()}


@refused("it_holds_the_same_at_every_load", "load\\('train'\\) gives another 'input.0' every time")
class Erratic(Vectors):
    def load(self, split, root):
        columns = super().load(split, root)
        return columns | {"input": columns["input"] * np.float32(random.SystemRandom().random())}


@refused("its_digest_is_stable_and_needs_no_torch", "digest imports torch")
class WithTorch(Vectors):
    def digest(self, root):
        sys.modules.setdefault("torch", sys)  # as importing it would, without the seconds
        return super().digest(root)


@refused("its_digest_is_stable_and_needs_no_torch", "digest is '.*' here and '.*' in another")
class HashedDigest(Vectors):
    def digest(self, root):
        return str(hash("vectors"))


@refused("its_digest_is_stable_and_needs_no_torch", "digest changes from call to call")
class ErraticDigest(Vectors):
    def digest(self, root):
        return str(random.SystemRandom().random())


@refused("its_digest_is_stable_and_needs_no_torch", "digest must return a text, not b'")
class Bytes(Vectors):
    def digest(self, root):
        return b"vectors"


@refused("using_it_changes_nothing_global", "as it loads, seeds NumPy's generator")
class SeedsNumpy(Vectors):
    def load(self, split, root):
        np.random.seed(0)
        return super().load(split, root)


@refused("using_it_changes_nothing_global", "as it loads, changes, .* the working directory")
class Wanders(Vectors):
    def load(self, split, root):
        os.chdir("/")
        return super().load(split, root)
