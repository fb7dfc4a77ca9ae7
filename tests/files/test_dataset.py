"""The base of data sets in files: found, checked, digested, converted once, cut for validation."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed import Dataset, Input, Target
from benchbed.basics.cache import cache_folder
from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import needs_files
from benchbed.files import FileDataset, Sample
from benchbed.files.reading import list_files, read_array, read_lines
from benchbed.files.samples import cut
from tests.conftest import ROOT

PLANE = (4, 6)


class Scenes(FileDataset):
    """A list a part; an .npy file for each image and map."""

    name = "scenes"
    layout = "{train,test}.txt, {image,seg,depth}/<id>.npy"
    homepage = "https://example.org"

    def __init__(self, classes=3):
        self.input = Input((3, *PLANE))
        self.targets = {
            "seg": Target("class", PLANE, classes=classes, ignore=255),
            "depth": Target("value", PLANE, geometry="distance"),
        }

    def find(self, folder):
        kinds = {"input": "image", "seg": "seg", "depth": "depth"}
        return {
            part: [
                Sample(name, {c: f"{kind}/{name}.npy" for c, kind in kinds.items()}, name[0])
                for name in read_lines(folder / f"{part}.txt")
            ]
            for part in ("train", "test")
        }

    def read(self, folder, sample):
        return {column: read_array(folder / path) for column, path in sample.files.items()}

    def fixture(self, root):
        for part, names in (("train", ["a1", "b1", "a2", "c1"]), ("test", ["z1", "z2"])):
            (root / f"{part}.txt").write_text("\n".join(names) + "\n")
            for number, name in enumerate(names):
                for kind, values in self.scene(number + 10 * (part == "test")).items():
                    (root / kind).mkdir(exist_ok=True)
                    np.save(root / kind / f"{name}.npy", values)

    @staticmethod
    def scene(number):
        return {
            "image": np.full((3, *PLANE), number, np.uint8),
            "seg": np.full(PLANE, number % 3),
            "depth": np.full(PLANE, 1.0 + number),
        }


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHBED_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    Scenes().fixture(folder)
    return folder


def told(root, dataset=None):
    """Return the problems; ``prepare`` and ``digest``, or at least the first, refuse them too."""
    dataset = dataset or Scenes()
    problems = dataset.check(root)
    with pytest.raises(DataError) as caught:
        dataset.prepare(root)
    assert problems[0] in str(caught.value) or "cannot be read" in str(caught.value)
    assert not list(cache_folder().glob("scenes/*/*.npy"))
    return problems


def test_each_split_gives_its_samples_in_the_lists_order(root):
    dataset = Scenes()
    whole = dataset.load("trainval", root)
    rows = np.arange(4)
    assert np.array_equal(whole["depth"][rows][:, 0, 0], [1, 2, 3, 4])
    assert np.array_equal(whole["seg"][rows][:, 0, 0], [0, 1, 2, 0])
    shades = np.arange(4, dtype=np.float32) / 255
    assert np.array_equal(whole["input"][rows], shades.repeat(72).reshape(4, 3, *PLANE))
    assert np.array_equal(dataset.load("test", root)["depth"][np.array([1, 0])][:, 0, 0], [12, 11])
    parts = [dataset.load(split, root) for split in ("train", "validation")]
    found = [sorted(p["depth"][np.arange(len(p["depth"]))][:, 0, 0].tolist()) for p in parts]
    assert sorted(found[0] + found[1]) == [1, 2, 3, 4]
    assert all({1, 3} <= set(side) or not {1, 3} & set(side) for side in found)  # scene a


def test_nothing_is_converted_twice(root, monkeypatch):
    Scenes().prepare(root)
    monkeypatch.setattr(Scenes, "read", lambda self, folder, sample: pytest.fail("read again"))
    told_of = []
    Scenes().prepare(root, lambda done, total: told_of.append(done))
    Scenes().load("test", root)
    assert not told_of


def test_progress_is_told_of_each_file_and_sample(root):
    steps = []
    Scenes().prepare(root, lambda done, total: steps.append((done, total)))
    assert steps == [*((n, 18) for n in range(1, 19)), *((n, 6) for n in range(1, 7))]


def test_the_digest_is_of_content_alone(root, tmp_path):
    first = Scenes().digest(root)
    other = tmp_path / "elsewhere" / "scenes"
    shutil.copytree(root, other)
    assert Scenes().digest(other) == Scenes().digest(other.parent) == first
    np.save(other / "depth" / "z2.npy", np.full(PLANE, 12.5))
    changed = Scenes().digest(other)
    assert changed != first
    (other / "test.txt").write_text("z2\nz1\n")
    assert Scenes().digest(other) not in {first, changed}


def test_copies_share_a_cache_entry_and_other_options_have_their_own(root, tmp_path):
    other = tmp_path / "copy"
    shutil.copytree(root, other)
    Scenes().prepare(root)
    entries = set(cache_folder().glob("scenes/*/"))
    Scenes().prepare(other)
    assert set(cache_folder().glob("scenes/*/")) == entries
    Scenes(classes=4).prepare(root)
    assert len(set(cache_folder().glob("scenes/*/"))) == len(entries) + 1


def test_a_new_revision_of_the_reader_converts_anew(root, monkeypatch):
    Scenes().prepare(root)
    monkeypatch.setattr(Scenes, "revision", "2")
    assert Scenes().size(root) > 0


def test_the_size_is_told_before_and_is_what_is_written(root):
    size = Scenes().size(root)
    assert size == 6 * (72 + 24 + 96)
    Scenes().prepare(root)
    arrays = [np.load(path) for path in cache_folder().glob("scenes/*/*.npy")]
    assert sum(array.nbytes for array in arrays) == size
    assert Scenes().size(root) == 0


def test_several_processes_prepare_at_once(root):
    code = (
        "import sys, pathlib; from tests.files.test_dataset import Scenes; "
        "columns = Scenes().load('test', pathlib.Path(sys.argv[1])); "
        "print(columns['depth'][:, 0, 0].tolist())"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(root)], env=environment, stdout=subprocess.PIPE
        )
        for _ in range(3)
    ]
    assert [process.communicate()[0].decode().strip() for process in running] == [
        "[11.0, 12.0]"
    ] * 3
    assert len([path for path in cache_folder().glob("scenes/*") if path.is_dir()]) == 1


def test_data_that_is_there_is_not_complained_of(root):
    assert Scenes().check(root) == []
    assert not cache_folder().exists()  # checking writes nothing


def test_every_missing_file_is_named(root):
    (root / "depth" / "b1.npy").unlink()
    (root / "seg" / "z2.npy").unlink()
    problems = told(root)
    assert [f"{root}/depth/b1.npy is missing" in problems[0], len(problems)] == [True, 2]
    with pytest.raises(DataError, match="1 more: see 'benchbed data check scenes --root /"):
        Scenes().digest(root)


@pytest.mark.parametrize(
    ("kind", "values", "what"),
    [
        ("seg", np.full(PLANE, 7), "label 7 at row 0, column 0"),
        ("seg", np.full((5, 6), 0), "shape (5, 6)"),
        ("depth", np.full(PLANE, np.nan), "nan at row 0, column 0"),
        ("depth", np.full(PLANE, "x"), "numbers are wanted"),
        ("image", np.zeros((3, *PLANE), np.uint16), "type uint16"),
    ],
)
def test_damaged_values_are_named_with_their_file(root, kind, values, what):
    np.save(root / kind / "c1.npy", values)
    (problem,) = told(root)
    assert str(root / kind / "c1.npy") in problem
    assert what in problem
    assert problem.endswith("copy the file anew or mend it.")


def test_a_truncated_file_is_named(root):
    path = root / "depth" / "a2.npy"
    path.write_bytes(path.read_bytes()[:-20])
    (problem,) = told(root)
    assert problem.startswith(f"{path} cannot be read")


def test_an_error_of_the_reader_names_the_sample(root, monkeypatch):
    monkeypatch.setattr(Scenes, "read", lambda self, folder, sample: {}["input"])
    problems = told(root)
    assert "Sample 'a1' of scenes cannot be read (KeyError: 'input'): image/a1.npy" in problems[0]


def test_a_whole_part_without_a_valid_value_is_named(root):
    for name in ("z1", "z2"):
        np.save(root / "depth" / f"{name}.npy", np.zeros(PLANE))
    (problem,) = told(root)
    assert "Nothing is valid in 'depth' of the whole split 'test'" in problem


def test_a_list_that_names_an_absent_sample_is_told(root):
    (root / "train.txt").write_text("a1\nb1\nnobody\n")
    problems = told(root)
    assert len(problems) == 3
    assert all("nobody" in problem for problem in problems)


def test_a_sample_of_two_parts_is_told(root):
    (root / "train.txt").write_text("a1\nb1\nz1\n")
    assert f"{root}/image/z1.npy is in part 'test' and in another" in told(root)[0]


@pytest.mark.parametrize(("text", "what"), [("", "is empty"), ("a1\nb1\na1\n", "names 'a1' twice")])
def test_a_wrong_list_is_told(root, text, what):
    (root / "train.txt").write_text(text)
    assert what in told(root)[0]


def test_a_missing_folder_is_one_sentence_with_the_remedy(root, tmp_path):
    (problem,) = Scenes().check(None)
    assert "--data-root" in problem
    assert Scenes.layout in problem
    assert Scenes.homepage in problem
    (problem,) = Scenes().check(tmp_path / "nowhere")
    assert f"There is no folder {tmp_path / 'nowhere'}" in problem
    (problem,) = Scenes().check(tmp_path)
    assert problem.startswith(f"{tmp_path}/train.txt is missing; add it. Its files: ")


def test_a_damaged_cache_says_what_to_delete(root):
    Scenes().prepare(root)
    (entry,) = (path for path in cache_folder().glob("scenes/*") if path.is_dir())
    (entry / "groups.json").write_text("{")
    with pytest.raises(DataError, match=f"delete the folder {entry}"):
        Scenes().load("train", root)
    (entry / "test-seg.npy").write_bytes(b"")
    with pytest.raises(DataError, match=f"delete the folder {entry}"):
        Scenes().load("test", root)


groups = st.lists(st.sampled_from([f"g{n}" for n in range(12)]), min_size=2).filter(
    lambda names: len(set(names)) > 1
)


@given(groups, st.floats(0.01, 0.6), st.randoms())
def test_the_cut_divides_whole_groups_whatever_their_order(names, share, random):
    kept, held = cut(names, share)
    assert sorted(kept + held) == list(range(len(names)))
    assert kept
    assert held
    assert not {names[i] for i in kept} & {names[i] for i in held}
    shuffled = random.sample(names, len(names))
    assert {shuffled[i] for i in cut(shuffled, share)[1]} == {names[i] for i in held}


@given(st.integers(20, 400), st.floats(0.05, 0.5))
def test_the_cut_of_single_samples_is_as_near_the_share_as_can_be(count, share):
    held = cut([str(n) for n in range(count)], share)[1]
    assert abs(len(held) - share * count) <= 0.5 + 1e-9


def test_the_cut_is_the_same_for_ever():
    assert cut([f"train/{n}" for n in range(20)], 0.2)[1] == [5, 12, 14, 15]


def test_a_single_group_cannot_be_cut():
    with pytest.raises(DataError, match="trainval"):
        cut(["a", "a"], 0.1)


def test_the_folder_of_its_name_below_the_root_is_taken(root, tmp_path):
    shutil.copytree(root, tmp_path / "all" / "scenes")
    assert Scenes().folder(tmp_path / "all") == tmp_path / "all" / "scenes"
    assert Scenes().folder(root) == Path(root)


class Doubled(Scenes):
    """Reads depth times an option that shows nowhere else."""

    counts = {"train": 795, "test": 2}

    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def read(self, folder, sample):
        found = super().read(folder, sample)
        return {**found, "depth": found["depth"] * self.factor}


def test_arrays_of_other_options_are_not_mixed_up(root):
    found = [Doubled(factor).load("test", root)["depth"][0, 0, 0] for factor in (1.0, 2.0, 1.0)]
    assert found == [11, 22, 11]
    assert Doubled().size(root) == 0  # the default is 1.0


def test_the_command_that_is_recommended_has_the_options_and_the_folder(root):
    (root / "depth" / "b1.npy").unlink()
    with pytest.raises(DataError, match=f"data check scenes:factor=2 --root {root}'"):
        Doubled(factor=2.0).prepare(root)


def test_files_that_change_while_they_are_read_are_not_kept(root, monkeypatch):
    def read(self, folder, sample):
        np.save(root / "depth" / "z2.npy", np.full(PLANE, 99.0))
        return original(self, folder, sample)

    original = Scenes.read
    monkeypatch.setattr(Scenes, "read", read)
    with pytest.raises(DataError, match="were changed while they were read; run this again"):
        Scenes().prepare(root)
    monkeypatch.setattr(Scenes, "read", original)
    assert Scenes().load("test", root)["depth"][1, 0, 0] == 99


def test_a_split_without_a_valid_value_is_named_though_its_part_has_some(root):
    held = [name for name in ("a1", "b1", "a2", "c1") if name[0] == HELD]
    for name in held:
        np.save(root / "depth" / f"{name}.npy", np.zeros(PLANE))
    (problem,) = told(root)
    assert "Nothing is valid in 'depth' of the whole split 'validation'" in problem


HELD = min("abc", key=lambda name: hashlib.sha256(name.encode()).hexdigest())
"""The scene that is cut out of training for validation."""


def test_what_is_empty_is_told_beside_what_is_damaged(root):
    np.save(root / "depth" / "a1.npy", np.full(PLANE, np.nan))
    for name in ("z1", "z2"):
        np.save(root / "depth" / f"{name}.npy", np.zeros(PLANE))
    problems = Scenes().check(root)
    assert len(problems) == 2
    assert "whole split 'test'" in problems[1]


def test_fewer_samples_than_the_authors_count_are_noted_and_taken(root):
    assert Doubled().check(root) == []
    assert Doubled().notes(root) == ["Part 'train' has 4 samples; the whole data set has 795."]
    assert Scenes().notes(root) == []


def test_hidden_files_are_no_samples(tmp_path):
    (tmp_path / "._1.npy").touch()
    (tmp_path / "1.npy").touch()
    assert list_files([(tmp_path, ".npy")]) == ["1"]


def test_a_damaged_digest_says_what_to_delete(root):
    Scenes().digest(root)
    (kept,) = cache_folder().glob("digests/*/files.json")
    kept.write_text("")
    with pytest.raises(DataError, match=f"delete the folder {kept.parent}"):
        Scenes().digest(root)


class Bare(Scenes):
    """The same files, and nothing that writes a miniature of them."""

    fixture = Dataset.fixture


def test_a_data_set_without_a_fixture_is_not_said_to_have_one(tmp_path):
    assert (
        "'benchbed data fixture scenes FOLDER' writes a miniature of it" in Scenes().check(None)[0]
    )
    (problem,) = Bare().check(None)
    assert "fixture" not in problem
    assert problem.endswith("The data: https://example.org.")
    assert needs_files(Bare())
    with pytest.raises(DataError, match="Bare has no fixture, so there is no miniature of it"):
        Bare().fixture(tmp_path)


def test_its_command_and_its_kit_say_the_same(bench, plugin_folder):
    """``data check``, ``data fixture`` and the kit: files are needed, and no miniature is there."""
    source = (ROOT / "tests" / "files" / "test_dataset.py").read_text()
    scenes = source[source.index("class Scenes") : source.index("@pytest.fixture(autouse")]
    head = (
        "import numpy as np\nimport pytest\n"
        "from benchbed import Dataset, Input, Spec, Target, hookimpl\n"
        "from benchbed.files import FileDataset, Sample\n"
        "from benchbed.files.reading import read_array, read_lines\n"
        "from benchbed.testing import DatasetContract\n\nPLANE = (4, 6)\n\n"
    )
    tail = (
        "\nclass Bare(Scenes):\n    fixture = Dataset.fixture\n\n"
        "@hookimpl\ndef benchbed_datasets():\n"
        "    return [Spec('scenes', '1.0', 'bare:Bare')]\n\n"
        "class TestBare(DatasetContract):\n    spec = Spec('scenes', '1.0', 'bare:Bare')\n"
    )
    path = plugin_folder.install("bare", head + scenes + tail)
    checked = bench("data", "check", "scenes")
    assert checked.returncode == 2
    assert "fixture" not in checked.stdout
    written = bench("data", "fixture", "scenes", "there")
    assert written.returncode == 2
    assert "has no fixture, so there is no miniature of it" in written.stderr
    kit = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:randomly", "bare.py"]
    done = subprocess.run(kit, cwd=path.parent, capture_output=True, text=True, check=False)
    assert "needs no files" not in done.stdout
    assert "needs files and has no fixture" in done.stdout
    assert " failed" not in done.stdout
