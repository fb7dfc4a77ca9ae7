import shutil

import numpy as np
import pytest

from benchbed.basics.errors import DataError
from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.nyu.nyuv2 import CLASSES, NYUv2

HEIGHT, WIDTH = 288, 384
ALL = slice(None)


class TestNYUv2(DatasetContract):
    id = "nyuv2"


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nyuv2")
    NYUv2().fixture(folder)
    return folder


@pytest.fixture
def root(miniature, tmp_path):
    """A miniature of its own, to be damaged."""
    return shutil.copytree(miniature, tmp_path / "data")


def save(root, place, number, image, label, depth, normal):
    kinds = {"image": image, "label": label, "depth": depth, "normal": normal}
    for kind, values in kinds.items():
        (root / place / kind).mkdir(parents=True, exist_ok=True)
        np.save(root / place / kind / f"{number}.npy", values)


def plain(value, label=0.0):
    """The arrays of a sample that holds the same everywhere."""
    plane = (HEIGHT, WIDTH)
    up = np.zeros((*plane, 3), np.float32)
    up[..., 1] = -1
    return (
        np.full((*plane, 3), value, np.float32),
        np.full(plane, label, np.float32),
        np.full((*plane, 1), 1 + value, np.float32),
        up,
    )


def told(root):
    """What check says, and what prepare raises."""
    found = NYUv2().check(root)
    with pytest.raises(DataError) as raised:
        NYUv2().prepare(root)
    return "\n".join(found), str(raised.value)


def test_what_is_on_disk_is_read_back_channels_first(tmp_path):
    generator = np.random.default_rng(1)
    image = generator.random((HEIGHT, WIDTH, 3))
    label = generator.integers(-1, 13, (HEIGHT, WIDTH))
    depth = generator.uniform(0.7, 10, (HEIGHT, WIDTH, 1)).astype(np.float32)
    depth[:, 100:140] = 0
    normal = generator.normal(size=(HEIGHT, WIDTH, 3))
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    normal[10:20] = 0
    normal[0, 0] = np.array([1, -1, 0]) / np.sqrt(2)  # its components sum to zero
    normal[0, 1] = np.array([1, 1, -2]) / np.sqrt(6)
    for number in range(2):
        save(tmp_path, "train", number, *plain(0.5))
    save(tmp_path, "val", 0, image, label, depth, normal)

    columns = NYUv2().load("test", tmp_path)

    assert {name: column[ALL].shape for name, column in columns.items()} == {
        "input": (1, 3, HEIGHT, WIDTH),
        "segmentation": (1, HEIGHT, WIDTH),
        "depth": (1, HEIGHT, WIDTH),
        "normals": (1, 3, HEIGHT, WIDTH),
    }
    found = {name: column[ALL][0] for name, column in columns.items()}
    assert np.abs(found["input"] - image.transpose(2, 0, 1)).max() <= 0.5 / 255 + 1e-6
    assert found["segmentation"].dtype == np.uint8
    assert (found["segmentation"] == np.where(label < 0, 255, label)).all()
    assert (found["depth"] == depth[..., 0]).all()
    assert np.abs(found["normals"] - normal.transpose(2, 0, 1)).max() < 4e-5
    length = np.linalg.norm(found["normals"], axis=0)
    assert (length[10:20] == 0).all()
    assert length[0, :2] == pytest.approx([1, 1], abs=1e-4)
    assert (length > 0).sum() == (HEIGHT - 10) * WIDTH


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float16, np.float64])
def test_labels_may_have_any_type_of_number(tmp_path, dtype):
    for place in ("train", "val"):
        image, label, depth, normal = plain(0.25, label=12)
        label[0] = -1
        save(tmp_path, place, 0, image, label.astype(dtype), depth, normal)
    labels = NYUv2().load("test", tmp_path)["segmentation"][ALL][0]
    assert (labels[0] == 255).all()
    assert (labels[1:] == 12).all()


def test_splits_are_the_two_folders_and_what_is_cut_out_of_the_first(tmp_path):
    for number in range(12):  # as text, 10 comes before 2
        save(tmp_path, "train", number, *plain(number / 255))
    for number in range(3):
        save(tmp_path, "val", number, *plain((100 + number) / 255))
    shades = {
        split: (NYUv2().load(split, tmp_path)["input"][ALL][:, 0, 0, 0] * 255).round().tolist()
        for split in NYUv2.splits
    }
    assert shades["trainval"] == list(range(12))
    assert shades["test"] == [100, 101, 102]
    assert sorted(shades["train"] + shades["validation"]) == list(range(12))
    assert len(shades["validation"]) == 1


def test_the_13_classes_are_in_alphabetical_order():
    assert len(CLASSES) == 13
    assert list(CLASSES) == sorted(CLASSES)


def edit(kind, change, place="train", number=3):
    """A damage: the array of one file is replaced by what ``change`` makes of it."""

    def damage(root):
        path = root / place / kind / f"{number}.npy"
        np.save(path, change(np.load(path)), allow_pickle=True)
        return path

    return damage


def put(value, *place):
    def change(values):
        values[place] = value
        return values

    return change


def truncated(kind, size):
    def damage(root):
        path = root / "val" / kind / "1.npy"
        path.write_bytes(path.read_bytes()[:size])
        return path

    return damage


def missing(kind):
    def damage(root):
        path = root / "train" / kind / "2.npy"
        path.unlink()
        return path

    return damage


DAMAGES = {
    "image of whole numbers": (edit("image", lambda x: x.astype(np.int16)), "type int16"),
    "labels that are not whole": (edit("label", put(2.5, 4, 5)), "and whole numbers are wanted"),
    "labels that are NaN": (edit("label", put(np.nan, 4, 5)), "whole numbers are wanted"),
    "depth of truth values": (edit("depth", lambda x: x > 0), "type bool, and numbers"),
    "normals of whole numbers": (edit("normal", lambda x: x.astype(np.int8)), "type int8"),
    "Python objects": (edit("label", lambda x: np.array([None])), "cannot be read"),
    "image without channels": (
        edit("image", lambda x: x[..., 0]),
        "shape (288, 384), and (288, 384, 3)",
    ),
    "image of another size": (edit("image", lambda x: x[:144]), "shape (144, 384, 3)"),
    "labels of another size": (edit("label", lambda x: x[:, :7]), "shape (288, 7)"),
    "depth of another size": (edit("depth", lambda x: x[1:]), "shape (287, 384, 1)"),
    "normals of two channels": (edit("normal", lambda x: x[..., :2]), "shape (288, 384, 2)"),
    "a class above 12": (edit("label", put(13, 7, 9)), "label 13.0 at row 7, column 9"),
    "a class below -1": (edit("label", put(-2, 7, 9)), "label -2.0 at row 7, column 9"),
    "a colour above 1": (edit("image", put(1.5, 0, 0, 0)), "and 0 to 1 is wanted"),
    "a colour that is NaN": (edit("image", put(np.nan, 0, 0, 0)), "and 0 to 1 is wanted"),
    "depth that is NaN": (edit("depth", put(np.nan, 8, 6, 0)), "nan at row 8, column 6"),
    "depth that is infinite": (edit("depth", put(np.inf, 8, 6, 0)), "inf at row 8, column 6"),
    "a normal that is NaN": (edit("normal", put(np.nan, 8, 6, 0)), "unit vectors are wanted"),
    "a normal that is too long": (edit("normal", put(2, 8, 6, 0)), "a component of size 2"),
    "no label file": (missing("label"), "is missing"),
    "no depth file": (missing("depth"), "is missing"),
    "no normal file": (missing("normal"), "is missing"),
    "half a file": (truncated("depth", 30_000), "cannot be read"),
    "an empty file": (truncated("image", 0), "cannot be read"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damage_is_named_with_its_file(root, case):
    damage, words = DAMAGES[case]
    path = damage(root)
    for text in told(root):
        assert str(path) in text
        assert words in text
        assert "anew" in text or "add it" in text


@pytest.mark.parametrize(
    ("kind", "value", "target"),
    [("label", -1, "segmentation"), ("depth", 0, "depth"), ("normal", 0, "normals")],
)
@pytest.mark.parametrize(("place", "part"), [("train", "train"), ("val", "test")])
def test_a_part_without_a_single_valid_pixel_is_refused(root, place, part, kind, value, target):
    for path in (root / place / kind).iterdir():
        np.save(path, np.full_like(np.load(path), value))
    for text in told(root):
        assert f"Nothing is valid in '{target}' of the whole split '" in text


def test_one_image_without_a_valid_pixel_is_nothing_unusual(root):
    for kind, value in (("label", -1), ("depth", 0), ("normal", 0)):
        edit(kind, put(value, ...))(root)
    assert NYUv2().check(root) == []


@pytest.mark.parametrize("place", ["train", "val"])
def test_a_part_without_its_folder_or_images_is_named(root, place):
    folder = root / place / "image"
    for path in folder.iterdir():
        path.unlink()
    for text in told(root):
        assert f"{folder} holds no .npy file" in text
    folder.rmdir()
    for text in told(root):
        assert f"{folder} is missing" in text


def test_check_lists_all_that_is_wrong(root):
    paths = [damage(root) for damage in (missing("depth"), truncated("label", 99))]
    found = NYUv2().check(root)
    assert len(found) == len(paths)
    for path in paths:
        assert any(str(path) in sentence for sentence in found)
