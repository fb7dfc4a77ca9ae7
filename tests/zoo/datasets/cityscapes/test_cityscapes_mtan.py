"""Cityscapes as MTAN released it, on miniatures."""

import numpy as np
import pytest

from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.cityscapes.cityscapes_mtan import CityscapesMTAN
from tests.zoo.datasets.reports import columns_of, problems_of

SMALL = {"height": 16, "width": 32}


class TestCityscapesMtan(DatasetContract):
    id = "cityscapes-mtan"
    options = {"classes": 19, "height": 24}

    def component(self, given, tasks=None):
        """Small images."""
        return super().component({**SMALL, **given}, tasks)


@pytest.fixture
def root(tmp_path):
    CityscapesMTAN(**SMALL).fixture(tmp_path)
    return tmp_path


def problems(root, **options):
    return problems_of(CityscapesMTAN(**{**SMALL, **options}), root)


def loaded(root, split="trainval", **options):
    return columns_of(CityscapesMTAN(**{**SMALL, **options}), split, root)


@pytest.mark.parametrize("classes", [2, 7, 19])
def test_labels_are_read_from_the_folder_of_so_many_classes(root, classes):
    label = (np.arange(16 * 32).reshape(16, 32) % (classes + 1) - 1).astype(np.float32)
    np.save(root / f"train/label_{classes}/2.npy", label)
    found = loaded(root, classes=classes)["segmentation"]
    assert found.dtype == np.uint8
    assert found[2].tolist() == [[255 if x == -1 else int(x) for x in row] for row in label]


@pytest.mark.parametrize("dtype", ["int64", "int8", "float64"])
def test_labels_may_be_of_any_type_that_holds_whole_numbers(root, dtype):
    before = loaded(root)["segmentation"]
    for path in root.glob("*/label_7/*.npy"):
        np.save(path, np.load(path).astype(dtype))
    assert (loaded(root)["segmentation"] == before).all()


def test_seven_classes_may_lie_in_the_folder_that_libmtl_reads(root):
    before = loaded(root)["segmentation"]
    for place in ("train", "val"):
        (root / place / "label_7").rename(root / place / "label")
    assert (loaded(root)["segmentation"] == before).all()


def test_the_folder_that_libmtl_reads_is_of_seven_classes_only(root):
    (root / "train/label_7").rename(root / "train/label")
    (root / "train/label_2").rename(root / "label_2")
    (told,) = problems(root, classes=2)
    assert "label_2 is missing; set the option classes to fit label, label_19." in told


def test_depth_is_kept_exactly_and_images_to_half_a_step(root):
    generator = np.random.default_rng(3)
    depth = (generator.integers(0, 32258, (16, 32, 1)) / 65535).astype(np.float32)
    image = generator.random((16, 32, 3), dtype=np.float32)
    np.save(root / "val/depth/1.npy", depth)
    np.save(root / "val/image/1.npy", image)
    found = loaded(root, "test")
    assert found["depth"].dtype == np.float32
    assert (found["depth"][1] == depth[:, :, 0]).all()
    assert np.abs(found["input"][1] - image.transpose(2, 0, 1)).max() <= 1 / 510 + 1e-6
    assert CityscapesMTAN().targets["depth"].geometry == ""  # it is no distance


def test_samples_stand_in_the_order_of_their_numbers(root):
    for kind in ("image", "label_7", "depth"):
        for number in range(3, 12):
            np.save(root / f"train/{kind}/{number}.npy", np.load(root / f"train/{kind}/0.npy"))
    for number in range(12):
        np.save(root / f"train/depth/{number}.npy", np.full((16, 32, 1), number + 1.0))
    assert loaded(root)["depth"][:, 0, 0].tolist() == list(range(1, 13))


@pytest.mark.parametrize("kind", ["image", "label_7", "depth"])
def test_a_missing_file_is_named(root, kind):
    (root / f"train/{kind}/1.npy").unlink()
    (told,) = problems(root)
    assert f"{root / 'train' / kind / '1.npy'} is missing; sample 'train/1' needs it" in told


@pytest.mark.parametrize("kind", ["image", "label_7", "depth"])
def test_a_missing_folder_is_named(root, kind):
    (root / "val" / kind).rename(root / "elsewhere")
    (told,) = problems(root)
    assert str(root / "val" / kind) in told


def test_labels_of_other_classes_lead_to_the_option(root):
    for folder in ("label_2", "label_7"):
        (root / "train" / folder).rename(root / folder)
    (told,) = problems(root)
    assert "label_7 is missing; set the option classes to fit label_19." in told


@pytest.mark.parametrize("kind", ["image", "label_7", "depth"])
def test_a_file_of_another_size_leads_to_the_options(root, kind):
    path = root / f"train/{kind}/1.npy"
    np.save(path, np.load(path)[:8, :24])
    (told,) = problems(root)
    assert f"{path} has shape (8, 24" in told
    assert "set height=8 and width=24 if all files are so, or copy this one anew." in told


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("image", np.zeros((3, 16, 32), np.float32)),
        ("image", np.zeros((16, 32, 4), np.float32)),
        ("image", np.zeros((16, 32), np.float32)),
        ("label_7", np.zeros((16, 32, 1), np.float32)),
        ("depth", np.zeros((16, 32), np.float32)),
        ("depth", np.zeros((16, 32, 3), np.float32)),
    ],
)
def test_a_wrong_shape_is_named(root, kind, values):
    path = root / f"train/{kind}/1.npy"
    np.save(path, values)
    (told,) = problems(root)
    assert f"{path} has shape {values.shape}, and (16, 32" in told
    assert "copy it anew" in told


def changed(value):
    return lambda values: np.where(np.arange(values.size).reshape(values.shape) == 7, value, values)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (
            "image",
            lambda image: (image * 255).astype(np.int32),
            "type int32, and uint8",
        ),
        ("image", lambda image: image * 255, "and 0 to 1 is wanted"),
        ("image", changed(np.nan), "nan"),
        ("label_7", changed(7), "label 7.0 at"),
        ("label_7", changed(-2), "label -2.0 at"),
        ("label_7", changed(0.5), "whole numbers are wanted"),
        ("label_7", changed(np.nan), "whole numbers are wanted"),
        ("depth", changed(np.nan), "nan at"),
        ("depth", changed(np.inf), "inf at"),
        ("depth", lambda depth: depth.astype(str), "numbers are wanted"),
    ],
)
def test_values_of_another_type_or_range_are_named(root, kind, change, said):
    path = root / f"train/{kind}/1.npy"
    np.save(path, change(np.load(path)))
    (told,) = problems(root)
    assert str(path) in told
    assert said in told


@pytest.mark.parametrize("kind", ["image", "label_7", "depth"])
def test_a_truncated_file_is_named(root, kind):
    path = root / f"val/{kind}/0.npy"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    (told,) = problems(root)
    assert str(path) in told
    assert "copy it anew" in told


@pytest.mark.parametrize(
    ("kind", "target", "empty"),
    [
        ("label_7", "segmentation", np.full((16, 32), -1.0)),
        ("depth", "depth", np.zeros((16, 32, 1))),
    ],
)
def test_a_part_without_a_valid_pixel_is_named(root, kind, target, empty):
    for path in (root / "val" / kind).iterdir():
        np.save(path, empty)
    (told,) = problems(root)
    assert f"Nothing is valid in '{target}' of the whole split 'test'" in told
