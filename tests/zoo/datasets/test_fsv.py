"""FSV, on miniatures."""

import numpy as np
import pytest
from PIL import Image

from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.fsv import FSV, block_of
from tests.zoo.datasets.reports import columns_of, problems_of

SMALL = {"height": 18, "width": 32}
FULL = {"height": 36, "width": 64}
FRAME = "gta_train/00001001"
FILES = {
    "input": f"{FRAME}_final.webp",
    "segmentation": f"{FRAME}_object_id.png",
    "albedo": f"{FRAME}_albedo.webp",
    "disparity": f"{FRAME}_disparity.webp",
}
LISTS = {"train": "gt_sets/gta_train.txt", "test": "gt_sets/gta_test.txt"}


class TestFsv(DatasetContract):
    id = "fsv"
    options = {"height": 24, "mini": True}

    def component(self, given, tasks=None):
        """Small images."""
        return super().component({**SMALL, **given}, tasks)


@pytest.fixture
def root(tmp_path):
    FSV().fixture(tmp_path)
    return tmp_path


def problems(root, **options):
    return problems_of(FSV(**{**SMALL, **options}), root)


def loaded(root, split="trainval", **options):
    """The columns of a split; of the training part's samples, number 4 is ``FRAME``."""
    return columns_of(FSV(**{**FULL, **options}), split, root)


def write(root, kind, values, **how):
    lossless = {"lossless": True, "exact": True} if FILES[kind].endswith("webp") else {}
    Image.fromarray(values).save(root / FILES[kind], **{**lossless, **how})


def noise(*shape):
    return np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("colour", "value"),
    [
        ((1, 0, 0), 1 / 8192),
        ((0, 1, 0), 256 / 8192),
        ((0, 0, 1), 65536 / 8192),  # lost by arithmetic with 16 bits
        ((0, 32, 0), 1.0),
        ((7, 5, 3), (7 + 5 * 256 + 3 * 65536) / 8192),
        ((255, 255, 255), 16777215 / 8192),
        ((0, 0, 0), 0.0),
    ],
)
def test_disparity_is_a_number_of_24_bits_with_red_as_its_lowest(root, colour, value):
    numbers = noise(36, 64, 3)
    numbers[4, 9] = colour
    write(root, "disparity", numbers)
    found = loaded(root)["disparity"][4]
    assert found.dtype == np.float32
    assert found[4, 9] == value
    red, green, blue = (numbers[..., channel].astype(float) for channel in range(3))
    assert (found == (red + green * 256 + blue * 256 * 256) / 8192).all()


def test_kinds_of_objects_become_three_classes(root):
    kinds = noise(36, 64, 3)
    kinds[..., 0] = np.arange(36 * 64).reshape(36, 64) % 8
    write(root, "segmentation", kinds)
    found = loaded(root)["segmentation"][4]
    expected = np.where(kinds[..., 0] == 2, 1, np.where(kinds[..., 0] == 3, 2, 0))
    assert found.dtype == np.uint8
    assert (found == expected).all()
    assert FSV().targets["segmentation"].names == ("background", "vehicle", "object")


def test_kinds_of_objects_may_lie_in_a_picture_of_one_channel(root):
    kinds = (np.arange(36 * 64).reshape(36, 64) % 8).astype(np.uint8)
    write(root, "segmentation", kinds)
    assert ((loaded(root)["segmentation"][4] == 1) == (kinds == 2)).all()


def test_images_and_albedo_keep_their_bytes_in_full_size(root):
    image, albedo = noise(2, 36, 64, 3)
    write(root, "input", image)
    write(root, "albedo", albedo)
    found = loaded(root)
    assert (np.rint(found["input"][4] * 255) == image.transpose(2, 0, 1)).all()
    assert (np.rint(found["albedo"][4] * 255) == albedo.transpose(2, 0, 1)).all()


def test_maps_take_the_nearest_pixel_and_images_are_smoothed(root):
    board = np.indices((36, 64)).sum(axis=0) % 2
    image = np.stack([board * 255] * 3, axis=-1).astype(np.uint8)
    write(root, "input", image)
    write(root, "albedo", image)
    numbers = noise(36, 64, 3)
    write(root, "disparity", numbers)
    found = loaded(root, **SMALL)
    np.testing.assert_allclose(found["input"][4][:, 2:-2, 2:-2], 0.5, atol=0.02)
    assert (found["albedo"][4] == image[1::2, 1::2].transpose(2, 0, 1) / np.float32(255)).all()
    weights = np.array([1, 256, 65536]) / 8192
    assert (found["disparity"][4] == numbers[1::2, 1::2] @ weights).all()


def test_mini_takes_test_frames_at_even_distances_and_leaves_training_alone(tmp_path):
    lists = {"train": range(50), "test": range(15_020)}
    (tmp_path / "gt_sets").mkdir()
    for part, numbers in lists.items():
        names = "\n".join(f"{number:08}" for number in numbers)
        (tmp_path / LISTS[part]).write_text(names)
    whole, mini = FSV().find(tmp_path), FSV(mini=True).find(tmp_path)
    assert [len(whole[part]) for part in ("train", "test")] == [50, 15_020]
    assert mini["train"] == whole["train"]
    assert [sample.id for sample in mini["test"]] == [f"{n:08}" for n in range(0, 15_020, 3)]


def test_mini_takes_all_of_a_short_list(root):
    assert len(loaded(root, "test", mini=True)["input"]) == 6


def test_frames_of_one_block_are_never_divided(root):
    for path in (root / "gta_train").glob("*_final.webp"):
        block = int(path.name[:8]) // 1000
        Image.new("RGB", (64, 36), (0, 0, 80 * block + 40)).save(path, lossless=True)
    blue = {
        split: np.rint(loaded(root, split)["input"][:, 2, 0, 0] * 255).astype(int).tolist()
        for split in ("train", "validation", "trainval")
    }
    assert blue["trainval"] == [40] * 3 + [120] * 3 + [200] * 3
    assert not set(blue["train"]) & set(blue["validation"])
    assert sorted(blue["train"] + blue["validation"]) == blue["trainval"]


@pytest.mark.parametrize(
    ("frame", "block"),
    [
        ("00000999", "0"),
        ("00001000", "1"),
        ("2017_08_01/00001999", "2017_08_01/1"),
        ("a7_b12345", "a7_b12"),
        ("nameless", ""),
    ],
)
def test_a_frame_belongs_to_the_block_of_its_number_in_its_recording(frame, block):
    assert block_of(frame) == block


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_file_is_named(root, kind):
    (root / FILES[kind]).unlink()
    (told,) = problems(root)
    assert f"{root / FILES[kind]} is missing; sample '00001001' needs it" in told


@pytest.mark.parametrize("part", LISTS)
def test_a_missing_list_is_named(root, part):
    (root / LISTS[part]).unlink()
    (told,) = problems(root)
    assert told.startswith(f"{root / LISTS[part]} is missing; add it. Its files: ")


@pytest.mark.parametrize(
    ("text", "said"), [("", "is empty"), ("00000001\n00000001\n", "'00000001' twice")]
)
def test_a_bad_list_is_named(root, text, said):
    (root / LISTS["test"]).write_text(text)
    (told,) = problems(root)
    assert str(root / LISTS["test"]) in told
    assert said in told


def test_a_frame_of_a_list_without_files_is_named(root):
    with (root / LISTS["test"]).open("a") as file:
        file.write("00000077\n")
    told = problems(root)
    assert len(told) == 4
    assert f"{root / 'gta_test/00000077_final.webp'} is missing" in told[0]
    assert "out of its list" in told[0]


@pytest.mark.parametrize("kind", FILES)
def test_a_truncated_file_is_named(root, kind):
    content = (root / FILES[kind]).read_bytes()
    (root / FILES[kind]).write_bytes(content[: len(content) // 2])
    (told,) = problems(root)
    assert str(root / FILES[kind]) in told
    assert "copy it anew" in told


@pytest.mark.parametrize("kind", ["segmentation", "albedo", "disparity"])
def test_a_map_of_another_size_is_named(root, kind):
    write(root, kind, np.zeros((18, 32, 3), np.uint8))
    (told,) = problems(root)
    assert f"{root / FILES[kind]} has 18×32 pixels, and its image" in told
    assert "has 36×64 (height×width); copy both anew." in told


def test_an_unknown_kind_of_object_is_named(root):
    kinds = np.zeros((36, 64, 3), np.uint8)
    kinds[0, 0, 0] = 8
    write(root, "segmentation", kinds)
    (told,) = problems(root)
    assert f"{root / FILES['segmentation']} holds 8 in red" in told


def test_a_lossy_disparity_is_named(root):
    write(root, "disparity", noise(36, 64, 3), lossless=False, exact=False)
    (told,) = problems(root)
    assert f"{root / FILES['disparity']} is compressed with losses" in told


def test_a_part_without_a_valid_disparity_is_named(root):
    for path in (root / "gta_test").glob("*_disparity.webp"):
        Image.new("RGB", (64, 36)).save(path, lossless=True)
    (told,) = problems(root)
    assert "Nothing is valid in 'disparity' of the whole split 'test'" in told
