import hashlib
import shutil
import sys

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from benchbed.basics.errors import DataError
from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.nyu.classes import CLASSES_40, MERGED, RAW_IDS, class_table
from benchbed_zoo.datasets.nyu.nyuv2 import CLASSES
from benchbed_zoo.datasets.nyu.nyuv2_official import NYUv2Official

MAT, LISTS = "nyu_depth_v2_labeled.mat", "splits.mat"
ALL = slice(None)
LIST_OF_40 = "9c75cdc1ff39748751966fe8d8493b1d2ca3acda9ec861b2f70f52221d65a7bd"
"""SHA-256 of the 40-class numbers of raw ids 1 to 894, a byte each, as two public transcripts of
classMapping40.mat have them."""
LIST_OF_13 = (
    "12 5 6 1 4 9 10 12 13 6 8 6 13 10 6 13 6 7 7 5 7 3 2 6 11 7 7 7 7 7 7 6 7 7 7 7 7 7 6 7"
)
"""The 13-class numbers of the 40 classes, as public transcripts of class13Mapping.mat have them."""


class TestNYUv2Official(DatasetContract):
    id = "nyuv2-official"
    options = {"classes": 40}

    def component(self, given, tasks=None):
        return super().component({"height": 24, "width": 32, **given}, tasks)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nyuv2_official")
    NYUv2Official().fixture(folder)
    return folder


@pytest.fixture
def root(miniature, tmp_path):
    """A miniature of its own, to be damaged."""
    return shutil.copytree(miniature, tmp_path / "data")


def small(classes=13):
    return NYUv2Official(classes, height=24, width=32)


def told(root):
    """What check says, and what prepare raises."""
    found = small().check(root)
    with pytest.raises(DataError) as raised:
        small().prepare(root)
    return "\n".join(found), str(raised.value)


def test_the_40_classes_of_the_894_names_are_those_of_public_lists():
    table = class_table(40)
    assert table.shape == (895,)
    assert table[0] == 255
    assert hashlib.sha256(bytes((table[1:] + 1).tolist())).hexdigest() == LIST_OF_40
    counts = np.bincount(table[1:], minlength=40)
    assert counts[:37].tolist() == [1] * 37
    assert counts[37:].tolist() == [68, 82, 707]


def test_the_13_classes_of_the_40_are_those_of_public_lists():
    wanted = [255, *(int(number) - 1 for number in LIST_OF_13.split())]
    by_40 = np.where(class_table(40) == 255, -1, class_table(40).astype(int)) + 1
    assert class_table(13).tolist() == np.array(wanted)[by_40].tolist()
    assert set(class_table(13)[1:].tolist()) == set(range(13))


def test_names_of_the_classes_agree():
    assert len(CLASSES_40) == len(set(CLASSES_40)) == 40
    assert set(MERGED) <= set(CLASSES_40)
    assert set(MERGED.values()) <= set(CLASSES)
    for name, number in RAW_IDS.items():
        assert CLASSES_40[class_table(40)[number]] == name
        if name in CLASSES:
            assert CLASSES[class_table(13)[number]] == name
    kinds = {classes: small(classes).targets["segmentation"] for classes in (13, 40)}
    assert kinds[13].names == CLASSES
    assert kinds[40].names == CLASSES_40


# raw id: its class of 40 and of 13, counted by hand
KNOWN = {
    0: (255, 255),
    21: (0, 11),  # wall
    11: (1, 4),  # floor
    3: (2, 5),  # cabinet: furniture
    157: (3, 0),  # bed
    5: (4, 3),  # chair
    83: (5, 8),  # sofa
    19: (6, 9),  # table
    28: (7, 11),  # door: wall
    59: (8, 12),  # window
    88: (9, 5),  # bookshelf: furniture
    64: (10, 7),  # picture
    36: (13, 9),  # desk: table
    89: (15, 12),  # curtain: window
    143: (19, 4),  # floor mat: floor
    4: (21, 2),  # ceiling
    85: (22, 1),  # books
    172: (24, 10),  # television
    331: (30, 6),  # person: objects
    8: (37, 6),  # dishwasher: otherstructure, objects
    12: (38, 5),  # garbage bin: otherfurniture, furniture
    772: (38, 5),  # wardrobe: otherfurniture, furniture
    1: (39, 6),  # book: otherprop, objects
    894: (39, 6),  # torah: otherprop, objects
}


@pytest.mark.parametrize("classes", [13, 40])
def test_what_is_on_disk_is_read_back_upright(root, classes):
    generator = np.random.default_rng(2)
    image = generator.integers(0, 256, (480, 640, 3), np.uint8)
    raw = generator.choice(list(KNOWN), (480, 640))
    depth = generator.uniform(0.7, 10, (480, 640)).astype(np.float32)
    with h5py.File(root / MAT, "r+") as file:  # MATLAB counts from 1: image 3
        file["images"][2] = image.transpose(2, 1, 0)
        file["labels"][2] = raw.T
        file["depths"][2] = depth.T
        file["rawDepths"][2] = 0

    columns = NYUv2Official(classes).load("test", root)

    assert np.abs(columns["input"][ALL][0] - image.transpose(2, 0, 1) / 255).max() < 1e-6
    wanted = np.vectorize(lambda number: KNOWN[number][classes == 13])(raw)
    assert (columns["segmentation"][ALL][0] == wanted).all()
    assert (columns["depth"][ALL][0] == depth).all()


def test_maps_take_the_nearest_pixel_of_the_file(root):
    depth = np.arange(480 * 640, dtype=np.float32).reshape(480, 640) + 1
    with h5py.File(root / MAT, "r+") as file:
        file["depths"][2] = depth.T
    columns = NYUv2Official(height=160, width=128).load("test", root)
    assert (columns["depth"][ALL][0] == depth[1::3, 2::5]).all()


def test_splits_follow_the_lists_and_no_scene_is_divided(root):
    with h5py.File(root / MAT, "r+") as file:
        for place in range(8):
            file["depths"][place] = place + 1
    numbers = {
        split: small().load(split, root)["depth"][ALL][:, 0, 0].tolist()
        for split in NYUv2Official.splits
    }
    assert numbers["trainval"] == [1, 2, 4, 5, 6]
    assert numbers["test"] == [3, 7, 8]
    assert sorted(numbers["train"] + numbers["validation"]) == [1, 2, 4, 5, 6]
    for scene in ({1, 2}, {4, 5}, {6}):
        assert scene <= set(numbers["train"]) or scene <= set(numbers["validation"])
    scenes = {sample.id: sample.group for sample in small().find(root)["train"]}
    assert scenes == {
        "1": "kitchen_0001",
        "2": "kitchen_0001",
        "4": "office_0002",
        "5": "office_0002",
        "6": "study_0003",
    }


def test_the_lists_belong_to_the_data(root):
    digests = {small().digest(root)}
    write_lists(root, trainNdxs=[1, 2, 4, 5], testNdxs=[3, 6, 7, 8])
    digests.add(small().digest(root))
    assert len(digests) == 2


def write_lists(root, **lists):
    savemat(root / LISTS, {key: np.array([numbers]).T for key, numbers in lists.items()})


def swap(name, change):
    """A damage: a variable of the file is replaced by what ``change`` makes of it."""

    def damage(root):
        with h5py.File(root / MAT, "r+") as file:
            values = change(file[name][()])
            del file[name]
            file.create_dataset(name, data=values, compression=1)

    return damage


def drop(name):
    def damage(root):
        with h5py.File(root / MAT, "r+") as file:
            del file[name]

    return damage


def put(value, *place):
    def change(values):
        values[place] = value
        return values

    return change


def rename(number, text):
    def damage(root):
        with h5py.File(root / MAT, "r+") as file:
            characters = np.array([list(map(ord, text))], np.uint16).T
            cell = file.create_dataset("#refs#/other", data=characters)
            file["names"][0, number - 1] = cell.ref

    return damage


def lists(**given):
    def damage(root):
        found = loadmat(root / LISTS)
        known = {key: found[key].ravel() for key in ("trainNdxs", "testNdxs")}
        write_lists(root, **{**known, **given})

    return damage


IN_THE_MAT = {
    "no images": (drop("images"), "no variable 'images'"),
    "no labels": (drop("labels"), "no variable 'labels'"),
    "no depths": (drop("depths"), "no variable 'depths'"),
    "no names": (drop("names"), "'names' is no cell array"),
    "no scenes": (drop("scenes"), "'scenes' is no cell array"),
    "images of real numbers": (swap("images", lambda x: x / np.float32(255)), "images is float32"),
    "signed labels": (swap("labels", lambda x: x.astype(np.int16)), "labels is int16"),
    "double depths": (swap("depths", lambda x: x.astype(np.float64)), "depths is float64"),
    "upright images": (swap("images", lambda x: x.swapaxes(2, 3)), "shape (8, 3, 480, 640)"),
    "upright labels": (swap("labels", lambda x: x.swapaxes(1, 2)), "shape (8, 480, 640)"),
    "too few depths": (swap("depths", lambda x: x[:6]), "8 images and 6 depths"),
    "too few scenes": (swap("scenes", lambda x: x[:, :6]), "'scenes' has 6 texts, and 8"),
    "too few names": (swap("names", lambda x: x[:, :40]), "'names' has 40 texts, and 894"),
    "numbers as scenes": (swap("scenes", lambda x: np.arange(8.0)), "'scenes' is no cell array"),
    "another vocabulary": (rename(157, "sofa"), "class 157 is 'sofa' and should be 'bed'"),
    "a label too many": (
        swap("labels", put(895, 3, 20, 10)),
        "(labels of image 4): label 895 at row 10, column 20",
    ),
    "depth that is NaN": (swap("depths", put(np.nan, 6)), "(depth of '7'): nan at row 0, column 0"),
}
IN_THE_LISTS = {
    "image 0": (lists(trainNdxs=[0, 1]), "'trainNdxs' names image 0, and"),
    "image 9": (lists(testNdxs=[9]), "holds images 1 to 8"),
    "half an image": (lists(testNdxs=[7.5]), "'testNdxs' names image 7.5"),
    "an image that is NaN": (lists(testNdxs=[np.nan]), "'testNdxs' names image nan"),
    "an image that is a word": (lists(testNdxs=["seven"]), "'testNdxs' names image seven"),
    "an image twice": (lists(trainNdxs=[1, 2, 1]), "'trainNdxs' names an image twice"),
    "an image on both sides": (lists(testNdxs=[3, 5]), "names image 5 for training and for tests"),
    "no testNdxs": (
        lambda root: write_lists(root, trainNdxs=[1, 2]),
        "no variable 'testNdxs'",
    ),
    "half a list": (
        lambda root: (root / LISTS).write_bytes((root / LISTS).read_bytes()[:150]),
        "cannot be read",
    ),
    "no list": (lambda root: (root / LISTS).unlink(), "is missing"),
}
WHOLE_MAT = {
    "no file": (lambda root: (root / MAT).unlink(), "is missing"),
    "half a file": (
        lambda root: (root / MAT).write_bytes((root / MAT).read_bytes()[:200_000]),
        "cannot be read",
    ),
    "a file of an older version": (
        lambda root: savemat(root / MAT, {"images": np.zeros(3)}),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("case", [*IN_THE_MAT, *IN_THE_LISTS, *WHOLE_MAT])
def test_damage_is_named_with_its_file(root, case):
    damage, words = {**IN_THE_MAT, **IN_THE_LISTS, **WHOLE_MAT}[case]
    damage(root)
    for text in told(root):
        assert str(root / (LISTS if case in IN_THE_LISTS else MAT)) in text
        assert words in text
        assert "anew" in text or "add it" in text


@pytest.mark.parametrize(("name", "target"), [("labels", "segmentation"), ("depths", "depth")])
@pytest.mark.parametrize(("part", "places"), [("train", [0, 1, 3, 4, 5]), ("test", [2, 6, 7])])
def test_a_part_without_a_single_valid_pixel_is_refused(root, part, places, name, target):
    swap(name, put(0, places))(root)
    for text in told(root):
        assert f"Nothing is valid in '{target}' of the whole split '" in text


def test_an_empty_list_is_refused(root):
    write_lists(root, trainNdxs=[1, 2], testNdxs=[])
    for text in told(root):
        assert "holds no sample of part 'test'" in text


def test_without_h5py_the_remedy_is_named(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    for text in told(root):
        assert "install benchbed[data]" in text
