"""Cityscapes in its original layout, on miniatures."""

import json

import numpy as np
import pytest
from PIL import Image

from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.cityscapes.cityscapes import Cityscapes
from tests.zoo.datasets.reports import columns_of, problems_of

SMALL = {"height": 16, "width": 32}
FRAME = "train/bochum/bochum_000001_000019"
FILES = {
    "input": f"leftImg8bit/{FRAME}_leftImg8bit.png",
    "segmentation": f"gtFine/{FRAME}_gtFine_labelIds.png",
    "disparity": f"disparity/{FRAME}_disparity.png",
    "camera": f"camera/{FRAME}_camera.json",
}
TRAIN_IDS = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12,
    26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip
CATEGORIES = {
    7: 0, 8: 0, 11: 1, 12: 1, 13: 1, 17: 2, 19: 2, 20: 2, 21: 3, 22: 3, 23: 4, 24: 5, 25: 5,
    26: 6, 27: 6, 28: 6, 31: 6, 32: 6, 33: 6,
}  # fmt: skip


class TestCityscapes(DatasetContract):
    id = "cityscapes"
    options = {"classes": 7, "height": 24}

    def component(self, given, tasks=None):
        """Small images."""
        return super().component({**SMALL, **given}, tasks)


@pytest.fixture
def root(tmp_path):
    Cityscapes().fixture(tmp_path)
    return tmp_path


def problems(root, **options):
    return problems_of(Cityscapes(**{**SMALL, **options}), root)


def loaded(root, split="trainval", **options):
    """The columns of a split; of the training part's samples, number 3 is ``FRAME``."""
    return columns_of(Cityscapes(**{**SMALL, **options}), split, root)


def write(root, kind, values):
    Image.fromarray(values).save(root / FILES[kind])


def pixels(root, kind):
    return np.asarray(Image.open(root / FILES[kind])).copy()


def nearest(values):
    """Every fourth pixel of 64×128, from the middle of each square of four by four."""
    return values[2::4, 2::4]


@pytest.mark.parametrize(("classes", "table"), [(19, TRAIN_IDS), (7, CATEGORIES)])
def test_ids_become_train_ids_or_categories_and_all_others_are_ignored(root, classes, table):
    ids = (np.arange(64 * 128).reshape(64, 128) // 4 % 34).astype(np.uint8)
    write(root, "segmentation", ids)
    found = loaded(root, classes=classes)["segmentation"][3]
    expected = [[table.get(int(label), 255) for label in row] for row in nearest(ids)]
    assert {*np.unique(ids)} == set(range(34))
    assert found.dtype == np.uint8
    assert found.tolist() == expected


def test_classes_have_their_official_names_in_order():
    names = Cityscapes().targets["segmentation"].names
    assert (len(names), names[0], names[6], names[13], names[18]) == (
        19, "road", "traffic light", "car", "bicycle"
    )  # fmt: skip
    assert Cityscapes(classes=7).targets["segmentation"].names == (
        "flat", "construction", "object", "nature", "sky", "human", "vehicle"
    )  # fmt: skip


def test_disparity_is_exact_in_pixels_of_the_full_image_and_depth_follows_from_the_camera(root):
    steps = np.random.default_rng(1).integers(0, 65536, (64, 128), dtype=np.uint16)
    steps[:32:2], steps[1:32:2] = 0, 1
    steps[34, 2], steps[34, 6], steps[34, 10] = 65535, 2, 32257
    write(root, "disparity", steps)
    camera = {"extrinsic": {"baseline": 0.222126}, "intrinsic": {"fx": 2268.36}}
    (root / FILES["camera"]).write_text(json.dumps(camera))
    found = loaded(root)
    rows = [[max(int(p) - 1, 0) / 256 for p in row] for row in nearest(steps)]
    assert found["disparity"].dtype == np.float32
    assert found["disparity"][3].tolist() == rows
    depth = [[np.float32(0.222126 * 2268.36 / d if d else 0) for d in row] for row in rows]
    assert found["depth"].dtype == np.float32
    np.testing.assert_allclose(found["depth"][3], depth, rtol=2e-7)
    assert found["depth"][3, 8, 1] == pytest.approx(0.222126 * 2268.36 * 256)  # 1/256 pixel
    assert not found["depth"][3, :8].any()  # invalid, or at infinity
    assert (found["depth"][3, 9:] > 0).all()


def test_images_keep_their_bytes_in_full_size(root):
    found = loaded(root, height=64, width=128)["input"][3]
    assert (np.rint(found * 255) == np.moveaxis(pixels(root, "input"), -1, 0)).all()


def test_images_become_smaller_with_antialiasing(root):
    board = np.indices((64, 128)).sum(axis=0) % 2 * np.uint8(255)
    write(root, "input", np.stack([board] * 3, axis=-1).astype(np.uint8))
    found = loaded(root)["input"][3]
    np.testing.assert_allclose(found[:, 2:-2, 2:-2], 0.5, atol=0.02)


def test_validation_holds_out_whole_cities(root):
    blue = {"aachen": 40, "bochum": 120, "ulm": 200}
    for path in (root / "leftImg8bit/train").rglob("*.png"):
        Image.new("RGB", (128, 64), (0, 0, blue[path.parent.name])).save(path)
    seen = {}
    for split in ("train", "validation", "trainval"):
        means = loaded(root, split)["input"][:, 2].mean(axis=(1, 2)) * 255
        seen[split] = sorted(np.rint(means).astype(int).tolist())
    assert not set(seen["train"]) & set(seen["validation"])
    assert sorted(seen["train"] + seen["validation"]) == seen["trainval"]
    assert seen["trainval"] == [40, 40, 120, 120, 120, 200, 200]


def test_tests_are_on_the_official_validation_images(root):
    image = np.asarray(
        Image.open(root / "leftImg8bit/val/munster/munster_000001_000019_leftImg8bit.png")
    )
    found = loaded(root, "test", height=64, width=128)["input"]
    assert len(found) == 4
    assert (np.rint(found[3] * 255) == np.moveaxis(image, -1, 0)).all()


def test_other_files_of_the_downloads_do_not_matter(root):
    digest = Cityscapes().digest(root)
    for ending in ("color.png", "instanceIds.png", "polygons.json"):
        (root / f"gtFine/{FRAME}_gtFine_{ending}").write_text("{}")
    (root / "leftImg8bit/test/berlin").mkdir(parents=True)
    assert Cityscapes(**SMALL).check(root) == []
    assert Cityscapes().digest(root) == digest


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_file_is_named(root, kind):
    (root / FILES[kind]).unlink()
    (told,) = problems(root)
    assert f"{root / FILES[kind]} is missing; sample 'bochum_000001_000019'" in told


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_folder_is_named_with_its_download(root, kind):
    folder = FILES[kind].split("/")[0]
    (root / folder / "val").rename(root / folder / "elsewhere")
    (told,) = problems(root)
    assert f"{root / folder / 'val'} is missing; unpack {folder}_trainvaltest.zip in" in told


def test_a_part_without_frames_is_named(root):
    for folder in ("leftImg8bit", "gtFine", "disparity", "camera"):
        for city in ("lindau", "munster"):
            (root / folder / "val" / city).rename(root / folder / city)
    (told,) = problems(root)
    assert "no sample of part 'test'" in told


@pytest.mark.parametrize("kind", ["input", "segmentation", "disparity"])
def test_a_truncated_png_is_named(root, kind):
    content = (root / FILES[kind]).read_bytes()
    (root / FILES[kind]).write_bytes(content[: len(content) // 2])
    (told,) = problems(root)
    assert str(root / FILES[kind]) in told
    assert "copy it anew" in told


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("segmentation", np.zeros((64, 128, 3), np.uint8), "3 channel(s) of uint8, and one of"),
        ("segmentation", np.zeros((64, 128), np.uint16), "1 channel(s) of uint16, and one of"),
        ("disparity", np.zeros((64, 128), np.uint8), "1 channel(s) of uint8, and one of uint16"),
        ("disparity", np.zeros((64, 128, 3), np.uint8), "3 channel(s) of uint8, and one of"),
        ("segmentation", np.zeros((32, 128), np.uint8), "has 32×128 pixels, and its image"),
        ("disparity", np.zeros((64, 64), np.uint16), "has 64×64 pixels, and its image"),
        ("segmentation", np.full((64, 128), 255, np.uint8), "holds id 255, and ids end at 33"),
        ("segmentation", np.full((64, 128), 34, np.uint8), "holds id 34, and ids end at 33"),
    ],
)  # fmt: skip
def test_a_map_of_another_kind_is_named(root, kind, values, said):
    write(root, kind, values)
    (told,) = problems(root)
    assert f"{root / FILES[kind]} " in told
    assert said in told
    assert "anew" in told


def test_a_wrong_id_is_found_where_resizing_would_drop_it(root):
    ids = pixels(root, "segmentation")
    ids[0, 0] = 200
    write(root, "segmentation", ids)
    (told,) = problems(root)
    assert "holds id 200" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSONDecodeError"),
        ("[]", "TypeError"),
        ('{"intrinsic": {"fx": 2262.52}}', "KeyError: 'extrinsic'"),
        ('{"extrinsic": {"baseline": 0.2}, "intrinsic": {}}', "KeyError: 'fx'"),
        ('{"extrinsic": {"baseline": null}, "intrinsic": {"fx": 1}}', "TypeError"),
        ('{"extrinsic": {"baseline": NaN}, "intrinsic": {"fx": 1}}', "baseline nan and fx 1"),
        ('{"extrinsic": {"baseline": -1}, "intrinsic": {"fx": -1}}', "baseline -1 and fx -1"),
        ('{"extrinsic": {"baseline": 0.2}, "intrinsic": {"fx": Infinity}}', "fx inf"),
    ],
)
def test_a_bad_camera_file_is_named(root, text, said):
    (root / FILES["camera"]).write_text(text)
    (told,) = problems(root)
    assert str(root / FILES["camera"]) in told
    assert said in told
    assert "copy it anew" in told


@pytest.mark.parametrize(
    ("folder", "empty", "targets"),
    [
        ("gtFine", np.zeros((64, 128), np.uint8), ["segmentation"]),
        ("disparity", np.ones((64, 128), np.uint16), ["disparity", "depth"]),
    ],
)
def test_a_part_without_a_valid_pixel_is_named(root, folder, empty, targets):
    for path in (root / folder / "val").rglob("*.png"):
        Image.fromarray(empty).save(path)
    told = problems(root)
    assert len(told) == len(targets)
    for target, sentence in zip(targets, told, strict=True):
        assert f"Nothing is valid in '{target}' of the whole split 'test'" in sentence
