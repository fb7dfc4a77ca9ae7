import shutil

import numpy as np
import pytest
from PIL import Image

from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.pascal.pascal_s import PascalS
from tests.zoo.datasets.map_damage import (
    colour,
    every,
    line,
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
MSRA = "MSRA10K_Imgs_GT/Imgs"
IMAGES, MASKS = "datasets/imgs/pascal", "datasets/masks/pascal"
TRAIN = ["6", "98", "147", "3405", "115564", "200017"]
TEST = ["1", "2", "10"]


class TestPascalS(DatasetContract):
    id = "pascal-s"
    options = {"height": 24, "width": 32}


@pytest.fixture
def dataset():
    return PascalS(*SIZE)


@pytest.fixture
def root(tmp_path, dataset):
    dataset.fixture(tmp_path)
    return tmp_path


@pytest.fixture
def relaid(root, tmp_path_factory):
    """The same data as Maninis et al. released it."""
    other = tmp_path_factory.mktemp("astmt")
    for names, images, masks, base, own, listed in (
        (TRAIN, MSRA, MSRA, "MSRA10K", ("Imgs", "gt"), "trainval"),
        (TEST, IMAGES, MASKS, "PASCAL-S", ("images", "masks"), "all"),
    ):
        for folder, source, suffix in zip(own, (images, masks), (".jpg", ".png"), strict=True):
            (other / base / folder).mkdir(parents=True)
            for name in names:
                shutil.copy(root / source / f"{name}{suffix}", other / base / folder)
        (other / base / "gt_sets").mkdir()
        (other / base / f"gt_sets/{listed}.txt").write_text("\n".join(names))
    return other


@pytest.mark.parametrize(
    ("split", "names", "images", "masks"),
    [("trainval", TRAIN, MSRA, MSRA), ("test", TEST, IMAGES, MASKS)],
)
def test_images_and_masks_are_those_of_the_files_resized(
    dataset, root, split, names, images, masks
):
    columns = dataset.load(split, root)
    inputs, saliency = every(columns["input"]), every(columns["saliency"])
    for row, name in enumerate(names):
        mask = np.asarray(Image.open(root / masks / f"{name}.png"))
        assert (saliency[row] == (nearest(mask, SIZE) >= 128)).all()
        assert saliency[row].any()
        image = photo(root / images / f"{name}.jpg", SIZE)
        np.testing.assert_array_equal(np.rint(inputs[row] * 255), image)
    assert len(saliency) == len(names)


def test_more_than_half_of_the_subjects_make_an_object_salient(dataset, root):
    shares = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(shares).save(root / MASKS / "10.png")
    Image.new("RGB", (16, 16)).save(root / IMAGES / "10.jpg")
    found = every(PascalS(16, 16).load("test", root)["saliency"])[TEST.index("10")]
    assert found.dtype == np.uint8
    assert (found[:8] == 0).all()
    assert (found[8:] == 1).all()


@pytest.mark.parametrize("mode", ["1", "P", "RGB"])
def test_grey_masks_are_read_in_any_format_of_pictures(dataset, root, mode):
    before = every(dataset.load("trainval", root)["saliency"])
    for name in TRAIN:
        path = root / MSRA / f"{name}.png"
        with Image.open(path) as mask:
            converted = mask.convert(mode)
        converted.save(path)
    assert (every(dataset.load("trainval", root)["saliency"]) == before).all()


def test_the_release_of_maninis_et_al_gives_the_same_samples(dataset, root, relaid):
    assert same(dataset, dataset, root, relaid)


def test_a_list_decides_which_samples_there_are_and_in_which_order(dataset, relaid):
    (relaid / "PASCAL-S/gt_sets/all.txt").write_text("2\n1\n")
    assert [sample.id for sample in dataset.find(relaid)["test"]] == ["test/2", "test/1"]


@pytest.mark.parametrize(
    ("path", "damage", "text"),
    [
        (f"{MSRA}/147.jpg", remove, "is missing; sample 'train/147' needs it"),
        (f"{MSRA}/147.png", remove, "is missing; sample 'train/147' needs it"),
        (f"{MSRA}/147.jpg", truncate, "cannot be read"),
        (f"{MSRA}/147.png", truncate, "cannot be read"),
        (f"{MSRA}/147.png", shrink, "74×50 pixels, and its image"),
        (f"{MSRA}/147.png", colour, "is in colours"),
        (f"{MSRA}/147.png", pixels(lambda mask: mask.clip(0, 1, out=mask)), "values of 0 and 1"),
        (f"{IMAGES}/2.jpg", remove, "is missing; sample 'test/2' needs it"),
        (f"{MASKS}/2.png", remove, "is missing; sample 'test/2' needs it"),
        (f"{MASKS}/2.png", shrink, "59×80 pixels, and its image"),
        (MASKS, shutil.rmtree, "is missing; add it. Its files: MSRA10K"),
    ],
)
def test_damage_is_named_with_its_file(dataset, root, path, damage, text):
    damage(root / path)
    sentence = told(dataset, root)
    assert sentence.startswith(str(root / path))
    assert text in sentence


@pytest.mark.parametrize(
    ("path", "damage", "text"),
    [
        ("MSRA10K/gt_sets/trainval.txt", remove, "is missing; add it"),
        ("PASCAL-S/gt_sets/all.txt", line("\n10"), "names '10' twice"),
        ("PASCAL-S/masks/2.png", remove, "is missing; sample 'test/2' needs it"),
        ("MSRA10K/Imgs/6.jpg", remove, "is missing; sample 'train/6' needs it"),
    ],
)
def test_damage_of_the_release_of_maninis_et_al_is_named(dataset, relaid, path, damage, text):
    damage(relaid / path)
    sentence = told(dataset, relaid)
    assert sentence.startswith(str(relaid / path))
    assert text in sentence


def test_a_list_that_names_absent_files_is_told_of(dataset, relaid):
    line("\n851")(relaid / "PASCAL-S/gt_sets/all.txt")
    found = dataset.check(relaid)
    assert found[0].startswith(f"{relaid / 'PASCAL-S/images/851.jpg'} is missing")
    assert found[1].startswith(f"{relaid / 'PASCAL-S/masks/851.png'} is missing")


@pytest.mark.parametrize(("gone", "part"), [("MSRA10K_Imgs_GT", "train"), ("datasets", "test")])
def test_it_is_told_which_part_is_not_there(dataset, root, gone, part):
    shutil.rmtree(root / gone)
    sentence = told(dataset, root)
    assert sentence.startswith(f"{root} holds neither {gone}/")
    assert f"of part '{part}'" in sentence
