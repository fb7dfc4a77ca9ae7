import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from benchbed.basics.errors import DataError
from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.pascal.pascal_voc import CLASSES, PascalVOC
from tests.zoo.datasets.map_damage import (
    colour,
    every,
    line,
    mat,
    nearest,
    photo,
    pixels,
    remove,
    same,
    shrink,
    told,
    truncate,
)

SIZE = 24, 32
VOC = "VOCdevkit/VOC2012"
LISTS = f"{VOC}/ImageSets/Segmentation"
SBD = "benchmark_RELEASE/dataset"
OWN = ["2007_000032", "2007_000039", "2007_000063", "2007_000068"]
ADDED = ["2008_000002", "2008_000015", "2009_000006"]
TEST = ["2007_000033", "2007_000042"]


class TestPascalVOC(DatasetContract):
    id = "pascal-voc"
    options = {"height": 24, "width": 32}


@pytest.fixture
def dataset():
    return PascalVOC(*SIZE)


@pytest.fixture
def root(tmp_path, dataset):
    dataset.fixture(tmp_path)
    return tmp_path


def labels_of(path):
    return np.asarray(Image.open(path))


def test_images_and_labels_are_those_of_the_files_resized(dataset, root):
    columns = dataset.load("trainval", root)
    segmentation, images = every(columns["segmentation"]), every(columns["input"])
    assert len(segmentation) == len(OWN + ADDED)
    folders = ["SegmentationClass"] * len(OWN) + ["SegmentationClassAug"] * len(ADDED)
    for row, (name, folder) in enumerate(zip(OWN + ADDED, folders, strict=True)):
        labels = labels_of(root / VOC / folder / f"{name}.png")
        assert (segmentation[row] == nearest(labels, SIZE)).all()
        image = photo(root / VOC / f"JPEGImages/{name}.jpg", SIZE)
        np.testing.assert_array_equal(np.rint(images[row] * 255), image)
    assert 255 in segmentation


def test_palette_indices_of_a_hand_made_map_are_the_classes(dataset, root):
    labels = np.zeros((12, 16), np.uint8)
    labels[2:5, 3:9], labels[6, 7], labels[:, 15] = 20, 1, 255
    picture = Image.fromarray(labels)
    picture.putpalette([7, 8, 9] * 256)
    picture.save(root / VOC / f"SegmentationClass/{TEST[1]}.png")
    Image.new("RGB", (16, 12)).save(root / VOC / f"JPEGImages/{TEST[1]}.jpg")
    found = every(dataset.load("test", root)["segmentation"])[1]
    assert found.dtype == np.uint8
    assert (found == np.kron(labels, np.ones((2, 2)))).all()


def test_the_classes_are_vocs_in_its_order(dataset):
    target = dataset.targets["segmentation"]
    assert target.classes == len(target.names) == 21
    assert target.ignore == 255
    assert [CLASSES[k] for k in (0, 1, 15, 19, 20)] == [
        "background",
        "aeroplane",
        "person",
        "train",
        "tvmonitor",
    ]


def test_what_is_tested_is_never_trained_on(dataset, root):
    line(TEST[0])(root / LISTS / "trainaug.txt")
    found = dataset.find(root)
    assert [sample.id for sample in found["train"]] == OWN + ADDED
    assert [sample.id for sample in found["test"]] == TEST


def test_vocs_own_labels_go_before_those_of_the_augmented_set(dataset, root):
    path = root / VOC / f"SegmentationClassAug/{OWN[0]}.png"
    before = every(dataset.load("trainval", root)["segmentation"])
    pixels(lambda labels: labels.fill(20))(path)
    assert (every(dataset.load("trainval", root)["segmentation"]) == before).all()


def test_sbds_release_gives_the_same_samples_as_the_list(dataset, root, tmp_path_factory):
    other = tmp_path_factory.mktemp("sbd")
    shutil.copytree(root, other, dirs_exist_ok=True)
    (other / LISTS / "trainaug.txt").unlink()
    shutil.rmtree(other / VOC / "SegmentationClassAug")
    shutil.rmtree(root / SBD)
    assert same(dataset, dataset, root, other)


def test_the_folder_may_be_voc2012_itself(dataset, root):
    assert same(dataset, dataset, root, root / VOC)


@pytest.mark.parametrize(
    ("path", "damage", "text"),
    [
        (f"{VOC}/JPEGImages/{OWN[1]}.jpg", remove, "is missing; sample '2007_000039' needs it"),
        (f"{VOC}/JPEGImages/{OWN[1]}.jpg", truncate, "cannot be read"),
        (f"{VOC}/SegmentationClass/{OWN[1]}.png", remove, "is missing; sample '2007_000039'"),
        (f"{VOC}/SegmentationClass/{OWN[1]}.png", truncate, "cannot be read"),
        (f"{VOC}/SegmentationClass/{OWN[1]}.png", shrink, "59×80 pixels, and its image"),
        (f"{VOC}/SegmentationClass/{OWN[1]}.png", colour, "is a picture of 3 channels"),
        (f"{VOC}/SegmentationClassAug/{ADDED[0]}.png", remove, "is missing; sample '2008_000002'"),
        (
            f"{VOC}/SegmentationClassAug/{ADDED[0]}.png",
            pixels(lambda labels: labels.fill(21)),
            "label 21 at",
        ),
        (f"{LISTS}/train.txt", remove, "is missing; add it"),
        (f"{LISTS}/val.txt", lambda path: path.write_text(""), "is empty"),
        (f"{LISTS}/trainaug.txt", line(ADDED[0]), f"names '{ADDED[0]}' twice"),
    ],
)
def test_damage_is_named_with_its_file(dataset, root, path, damage, text):
    damage(root / path)
    sentence = told(dataset, root)
    assert sentence.startswith(str(root / path))
    assert text in sentence


@pytest.mark.parametrize("name", ["train.txt", "val.txt", "trainaug.txt"])
def test_lists_that_name_absent_files_are_told_of(dataset, root, name):
    line("2011_000001")(root / LISTS / name)
    found = dataset.check(root)
    missing = root / VOC / "JPEGImages/2011_000001.jpg"
    assert f"{missing} is missing; sample '2011_000001' needs it" in found[0]
    assert len(found) == 2  # image and label
    with pytest.raises(DataError, match=r"2011_000001\.jpg is missing.*1 more: see"):
        dataset.prepare(root)


@pytest.mark.parametrize(
    ("path", "damage", "text"),
    [
        (f"cls/{ADDED[0]}.mat", remove, "is missing; sample '2008_000002' needs it"),
        (f"cls/{ADDED[0]}.mat", truncate, "cannot be read"),
        (f"cls/{ADDED[0]}.mat", mat(GTinst={"Segmentation": 1}), "has no variable 'GTcls'"),
        (f"cls/{ADDED[0]}.mat", mat(GTcls={"Boundaries": 1}), "has no field 'Segmentation'"),
        (f"cls/{ADDED[0]}.mat", mat(GTcls=np.ones((60, 80))), "has no field 'Segmentation'"),
        (
            f"cls/{ADDED[0]}.mat",
            mat(GTcls={"Segmentation": np.zeros((75, 49), np.uint8)}),
            "75×49 pixels, and its image",
        ),
        (
            f"cls/{ADDED[0]}.mat",
            mat(GTcls={"Segmentation": np.full((75, 50), np.nan)}),
            "whole numbers are wanted",
        ),
        ("val.txt", remove, "is missing; add it"),
    ],
)
def test_damage_of_sbds_release_is_named_with_its_file(dataset, root, path, damage, text):
    (root / LISTS / "trainaug.txt").unlink()
    damage(root / SBD / path)
    sentence = told(dataset, root)
    assert sentence.startswith(str(root / SBD / path))
    assert text in sentence


def test_it_is_told_if_the_augmented_set_is_in_neither_layout(dataset, root):
    (root / LISTS / "trainaug.txt").unlink()
    shutil.rmtree(root / SBD)
    sentence = told(dataset, root)
    assert str(root / LISTS / "trainaug.txt") in sentence
    assert str(root / SBD) in sentence


def test_a_part_without_a_valid_pixel_is_told_of(dataset, root):
    for name in TEST:
        pixels(lambda labels: labels.fill(255))(root / VOC / f"SegmentationClass/{name}.png")
    assert "'segmentation' of the whole split 'test'" in told(dataset, root)


def test_a_struct_with_fields_in_another_order_is_read(dataset, root):
    (root / LISTS / "trainaug.txt").unlink()
    labels = np.full((75, 50), 20, np.uint8)
    savemat(root / SBD / f"cls/{ADDED[0]}.mat", {"GTcls": {"Segmentation": labels, "A": 1}})
    found = every(dataset.load("trainval", root)["segmentation"])
    assert (found[len(OWN)] == 20).all()
