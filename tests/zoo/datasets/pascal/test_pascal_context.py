import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.io import loadmat, savemat

from benchbed.basics.errors import DataError
from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.pascal.fixture import annotation
from benchbed_zoo.datasets.pascal.human_parts import PARTS, read_parts
from benchbed_zoo.datasets.pascal.normals import ByteDirections
from benchbed_zoo.datasets.pascal.pascal_context import KEPT, PascalContext, region_edges
from benchbed_zoo.metrics.thinning import thin

SIZE = (24, 32)
FIRST = "2008_000000"
PLACES = {
    "input": "JPEGImages/{}.jpg",
    "edges": "pascal-context/trainval/{}.mat",
    "voc": "semseg/VOC12/{}.png",
    "segmentation": "semseg/pascal-context/{}.png",
    "human_parts": "human_parts/{}.mat",
    "normals": "normals_distill/{}.png",
    "saliency": "sal_distill/{}.png",
}


class TestPascalContext(DatasetContract):
    id = "pascal-context"
    options = {"height": 24, "width": 32}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    PascalContext().fixture(folder)
    return folder


@pytest.fixture
def root(written, tmp_path):
    return shutil.copytree(written, tmp_path / "data")


def path_of(root, kind, name=FIRST):
    return root / PLACES[kind].format(name)


def size_of(root, name):
    with Image.open(path_of(root, "input", name)) as image:
        return image.size[::-1]


def first(root, column):
    return PascalContext(*SIZE).load("trainval", root)[column][np.array([0])][0]


def masks(**boxes):
    """Masks of a person's parts at SIZE, each of a box (top, bottom, left, right)."""
    found = {}
    for name, (top, bottom, left, right) in boxes.items():
        found[name] = np.zeros(SIZE, bool)
        found[name][top:bottom, left:right] = True
    return found


def write_parts(path, *persons):
    silhouette = {"mask": np.ones(SIZE, bool)}
    everyone = [{**silhouette, **person} for person in persons]
    savemat(path, annotation(path.stem, SIZE, everyone))


def write_regions(path, regions):
    savemat(path, {"LabelMap": regions.astype(np.uint16)})


@pytest.fixture
def small(root):
    """The fixture, its first picture written anew at SIZE: a wall, and nobody there."""
    picture = np.full((*SIZE, 3), 77, np.uint8)
    Image.fromarray(picture).save(path_of(root, "input"))
    write_regions(path_of(root, "edges"), np.full(SIZE, 440))
    path_of(root, "voc").unlink(missing_ok=True)
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(path_of(root, "segmentation"))
    write_parts(path_of(root, "human_parts"))
    Image.fromarray(picture).save(path_of(root, "normals"))
    Image.fromarray(np.zeros(SIZE, np.uint8)).save(path_of(root, "saliency"))
    return root


def test_the_miniature_nests_as_astmts_loader_reads_pascal_part(written):
    """By position, as that code does: anno.objects.(class, class_ind, mask, parts)."""
    things = loadmat(path_of(written, "human_parts", "2008_000001"))["anno"][0][0][1][0]
    assert [str(thing[0][0]) for thing in things] == ["dog", "person", "person", "person"]
    assert [thing[1][0][0] for thing in things] == [12, 15, 15, 15]
    assert [len(thing[3]) for thing in things] == [1, 1, 1, 0]
    part = things[1][3][0][2]
    assert str(part[0][0]) == "head"
    assert part[1].dtype == things[1][2].dtype == np.uint8
    assert part[1].shape == things[1][2].shape == (65, 78)


def test_the_miniature_has_the_types_of_the_true_files(written):
    assert loadmat(path_of(written, "edges"))["LabelMap"].dtype == np.uint16
    modes = {"input": "RGB", "segmentation": "P", "normals": "RGB", "saliency": "L"}
    for kind, mode in modes.items():
        with Image.open(path_of(written, kind)) as image:
            assert image.mode == mode
    with Image.open(path_of(written, "voc", "2008_000001")) as image:
        assert set(np.unique(np.asarray(image))) == {0, 15, 255}


def test_images_differ_in_size_and_all_come_at_that_of_the_options(written):
    sizes = {size_of(written, path.stem) for path in (written / "JPEGImages").iterdir()}
    assert len(sizes) > 3
    columns = PascalContext(*SIZE).load("test", written)
    shapes = {name: column[np.arange(4)].shape for name, column in columns.items()}
    assert shapes == {
        "input": (4, 3, 24, 32),
        "edges": (4, 24, 32),
        "segmentation": (4, 24, 32),
        "human_parts": (4, 24, 32),
        "normals": (4, 3, 24, 32),
        "saliency": (4, 24, 32),
    }


def test_train_and_val_lists_are_the_parts_and_validation_comes_out_of_train(written):
    dataset = PascalContext(*SIZE)
    sizes = {split: len(dataset.load(split, written)["input"]) for split in dataset.splits}
    assert sizes == {"train": 5, "validation": 1, "trainval": 6, "test": 4}


def test_the_data_may_lie_in_a_folder_of_the_data_sets_name(written, tmp_path):
    shutil.copytree(written, tmp_path / "pascal-context")
    dataset = PascalContext(*SIZE)
    assert dataset.folder(tmp_path) == tmp_path / "pascal-context"
    assert dataset.folder(written) == written
    assert dataset.digest(tmp_path) == dataset.digest(written)


def test_images_are_resized_bicubically(written):
    with Image.open(path_of(written, "input")) as image:
        wanted = np.asarray(image.resize((32, 24), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    np.testing.assert_array_equal(np.rint(first(written, "input") * 255), wanted)


def test_an_image_of_the_options_size_stays_as_it_is(small):
    with Image.open(path_of(small, "input")) as image:
        wanted = np.asarray(image).transpose(2, 0, 1)
    np.testing.assert_array_equal(first(small, "input") * 255, wanted)


def test_maps_are_resized_to_the_nearest_pixel(root):
    with Image.open(path_of(root, "segmentation")) as image:
        labels = np.asarray(image)
    rows = [int((i + 0.5) * labels.shape[0] / 24) for i in range(24)]
    columns = [int((j + 0.5) * labels.shape[1] / 32) for j in range(32)]
    np.testing.assert_array_equal(first(root, "segmentation"), labels[rows][:, columns])


def test_labels_of_voc_go_before_those_of_pascal_context(small):
    context = np.random.default_rng(0).choice([*range(21), 255], SIZE).astype(np.uint8)
    Image.fromarray(context).save(path_of(small, "segmentation"))
    np.testing.assert_array_equal(first(small, "segmentation"), context)
    Image.fromarray(context[::-1].copy()).save(path_of(small, "voc"))
    np.testing.assert_array_equal(first(small, "segmentation"), context[::-1])


def test_a_picture_with_voc_labels_needs_no_others(small):
    path_of(small, "segmentation").rename(path_of(small, "voc"))
    assert PascalContext(*SIZE).check(small) == []


def test_edges_run_once_between_two_regions(small):
    regions = np.full(SIZE, 440)
    regions[:, 10:] = 158
    write_regions(path_of(small, "edges"), regions)
    edges = first(small, "edges")[1:]  # thinning may take the end of a line
    np.testing.assert_array_equal(edges.sum(axis=1), np.ones(23))
    assert edges[:, 9:11].sum() == 23


def test_a_picture_of_one_region_has_no_edges(small):
    assert not first(small, "edges").any()


@settings(max_examples=30, deadline=None)
@given(arrays(np.int32, (5, 6), elements=st.integers(0, 3)))
def test_edges_are_the_thinned_places_where_a_pixel_is_not_its_neighbours_mean(regions):
    around = np.pad(regions, 1, mode="reflect")
    total = around[:-2, 1:-1] + around[2:, 1:-1] + around[1:-1, :-2] + around[1:-1, 2:]
    np.testing.assert_array_equal(region_edges(regions), thin(total != 4 * regions))


def test_edges_are_derived_at_the_options_size_and_so_stay_whole(small):
    regions = np.full((48, 64), 440)
    regions[20:, :] = 158
    for kind in ("segmentation", "saliency"):
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(path_of(small, kind))
    for kind in ("input", "normals"):
        Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path_of(small, kind))
    path = path_of(small, "human_parts")
    savemat(path, annotation(FIRST, (48, 64), []))
    write_regions(path_of(small, "edges"), regions)
    edges = first(small, "edges")[:, :-1]  # thinning may take the end of a line
    np.testing.assert_array_equal(edges.sum(axis=0), np.ones(31))
    assert edges[9:11].sum() == 31


def test_parts_get_the_six_classes(small):
    boxes = {name: (2 * i, 2 * i + 2, 0, 5) for i, name in enumerate(("head", "neck", "torso"))}
    boxes |= {name: (2 * i, 2 * i + 2, 8, 9) for i, name in enumerate(("luarm", "rlarm", "lhand"))}
    boxes |= {
        name: (2 * i, 2 * i + 2, 12, 20) for i, name in enumerate(("ruleg", "llleg", "rfoot"))
    }
    write_parts(path_of(small, "human_parts"), masks(**boxes))
    wanted = np.zeros(SIZE)
    wanted[0:2, 0:5], wanted[2:6, 0:5] = 1, 2
    wanted[0:2, 8:9], wanted[2:6, 8:9] = 3, 4
    wanted[0:2, 12:20], wanted[2:6, 12:20] = 5, 6
    np.testing.assert_array_equal(first(small, "human_parts"), wanted)


def test_every_part_name_has_the_class_of_astmts_table():
    classes = {
        1: {"hair", "head", "lear", "lebrow", "leye", "mouth", "nose", "rear", "rebrow", "reye"},
        2: {"neck", "torso"},
        3: {"luarm", "ruarm"},
        4: {"lhand", "llarm", "rhand", "rlarm"},
        5: {"luleg", "ruleg"},
        6: {"lfoot", "llleg", "rfoot", "rlleg"},
    }
    assert {part: {n for n, p in PARTS.items() if p == part} for part in classes} == classes
    assert len(PARTS) == 24


def test_of_persons_that_overlap_the_later_one_counts(small):
    path = path_of(small, "human_parts")
    write_parts(path, masks(head=(0, 8, 0, 8)), masks(torso=(4, 12, 0, 8)))
    found = read_parts(path, SIZE)
    assert found[:4, :8].min() == found[:4, :8].max() == 1
    assert found[4:12, :8].min() == found[4:12, :8].max() == 2
    assert np.count_nonzero(found) == 12 * 8


def test_a_picture_with_nobodys_parts_is_not_annotated(small):
    """A dog's head and a person without parts, which the file has, count for nothing."""
    assert (first(small, "human_parts") == 255).all()


def test_a_picture_without_any_object_is_not_annotated(small):
    empty = {"anno": {"imname": FIRST, "objects": np.empty((0, 0))}}
    savemat(path_of(small, "human_parts"), empty)
    assert (first(small, "human_parts") == 255).all()


def test_normals_are_those_of_the_png_on_the_classes_kept_and_zero_elsewhere(small):
    regions = np.full(SIZE, 440)  # wall
    regions[:8] = 360  # sky
    regions[8:12] = 431  # unknown, which NYUv2's list has too
    regions[12:16] = 427  # tvmonitor
    write_regions(path_of(small, "edges"), regions)
    stored = np.zeros((*SIZE, 3), np.uint8)
    stored[:] = (255, 128, 128)
    stored[:, 16:] = (31, 82, 210)
    Image.fromarray(stored).save(path_of(small, "normals"))
    found = first(small, "normals")
    assert not found[:, :12].any()
    for column in (0, 16):
        vector = stored[12, column] / 255 * 2 - 1
        vector /= np.linalg.norm(vector)
        errors = np.abs(found[:, 12:, column : column + 16] - vector[:, None, None])
        assert errors.max() < 3e-7


def test_170_classes_keep_their_normals():
    """Digest of the numbers that follow from ASTMT's two lists of names."""
    assert len(KEPT) == 170
    known = {"wall": 440, "floor": 158, "person": 284, "table": 397, "sofa": 368, "chair": 72}
    assert set(known.values()) < set(KEPT)
    outdoor = {"sky": 360, "grass": 187, "road": 324, "tree": 420, "water": 445, "unknown": 431}
    assert not set(outdoor.values()) & set(KEPT)
    digest = hashlib.sha256(" ".join(map(str, KEPT)).encode()).hexdigest()
    assert digest.startswith("c99c649f6b3a0860")


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, (3, 2, 2)))
def test_normals_in_bytes_are_the_bytes_vectors_at_unit_length(stored):
    coding = ByteDirections((3, 2, 2))
    encoded = coding.encode(stored)
    found = coding.column(encoded[None])[np.array([0])][0]
    vectors = stored.astype(np.float64) / 127.5 - 1
    length = np.sqrt((vectors**2).sum(axis=0))
    black = (stored == 0).all(axis=0)
    wanted = np.where((length >= 0.5) & ~black, vectors / length, 0)
    np.testing.assert_allclose(found, wanted, atol=3e-7)
    assert found.dtype == np.float32
    assert coding.valid(encoded) == np.count_nonzero(wanted.any(axis=0))


def test_normals_in_bytes_take_nothing_else():
    with pytest.raises(DataError, match="type float32, and uint8 is wanted"):
        ByteDirections((3, 2, 2)).encode(np.zeros((3, 2, 2), np.float32))


def test_the_cache_takes_ten_bytes_a_pixel():
    assert sum(coding.size for coding in PascalContext(*SIZE).codings().values()) == 10 * 24 * 32


def test_saliency_is_cut_at_a_half(small):
    stored = np.arange(24 * 32).reshape(SIZE) % 256
    Image.fromarray(stored.astype(np.uint8)).save(path_of(small, "saliency"))
    np.testing.assert_array_equal(first(small, "saliency"), stored / 255 > 0.5)


# Damage


def write_pixels(path, shape, dtype=np.uint8, value=0):
    Image.fromarray(np.full(shape, value, dtype)).save(path)


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_anno(path, anno):
    savemat(path, {"anno": anno})


def write_list(path, *lines):
    path.write_text("\n".join(lines))


MISSING = {
    f"no {kind}": (PLACES[kind], Path.unlink, "is missing")
    for kind in ("input", "edges", "segmentation", "human_parts", "normals", "saliency")
}
TRUNCATED = {
    f"half of {kind}": (PLACES[kind], truncate, "cannot be read")
    for kind in ("input", "edges", "segmentation", "human_parts", "normals", "saliency")
}
OTHER_SIZES = {
    "size of edges": (
        PLACES["edges"],
        lambda path: write_regions(path, np.full((23, 32), 440)),
        "has 23×32 pixels",
    ),
    "size of parts": (
        PLACES["human_parts"],
        lambda path: savemat(
            path, annotation("", (24, 31), [{"mask": np.ones((24, 31)), "head": np.ones((24, 31))}])
        ),
        "the mask of 'head' is 24×31 pixels, and the picture is 24×32",
    ),
    "size of segmentation": (
        PLACES["segmentation"],
        lambda path: write_pixels(path, (32, 24)),
        "has 32×24 pixels",
    ),
    "size of normals": (
        PLACES["normals"],
        lambda path: write_pixels(path, (25, 32, 3)),
        "has 25×32 pixels",
    ),
    "size of saliency": (
        PLACES["saliency"],
        lambda path: write_pixels(path, (24, 33)),
        "has 24×33 pixels",
    ),
}
VALUES = {
    "class 21": (
        PLACES["segmentation"],
        lambda path: write_pixels(path, SIZE, value=21),
        "label 21 at row 0, column 0, and there are 21 classes",
    ),
    "region 460": (
        PLACES["edges"],
        lambda path: write_regions(path, np.full(SIZE, 460)),
        "LabelMap holds 460, and its classes are 1 to 459",
    ),
    "region NaN": (
        PLACES["edges"],
        lambda path: savemat(path, {"LabelMap": np.full(SIZE, np.nan)}),
        "LabelMap holds nan",
    ),
    "region 1.5": (
        PLACES["edges"],
        lambda path: savemat(path, {"LabelMap": np.full(SIZE, 1.5)}),
        "LabelMap holds 1.5",
    ),
    "regions as text": (
        PLACES["edges"],
        lambda path: savemat(path, {"LabelMap": "wall"}),
        "whole numbers of shape (H, W) are wanted",
    ),
    "colours for classes": (
        PLACES["segmentation"],
        lambda path: write_pixels(path, (*SIZE, 3)),
        "shape (3, 24, 32), and (24, 32) is wanted",
    ),
    "grey normals": (
        PLACES["normals"],
        lambda path: write_pixels(path, SIZE),
        "shape (24, 32), and (3, 24, 32) is wanted",
    ),
    "coloured saliency": (
        PLACES["saliency"],
        lambda path: write_pixels(path, (*SIZE, 3)),
        "shape (3, 24, 32), and (24, 32) is wanted",
    ),
    "16-bit saliency": (
        PLACES["saliency"],
        lambda path: write_pixels(path, SIZE, np.uint16),
        "holds uint16, and 8 bits a channel are wanted",
    ),
    "1-bit segmentation": (
        PLACES["segmentation"],
        lambda path: write_pixels(path, SIZE, bool),
        "holds bool, and 8 bits a channel are wanted",
    ),
}
KEYS = {
    "no LabelMap": (
        PLACES["edges"],
        lambda path: savemat(path, {"other": np.zeros(SIZE)}),
        "has no variable 'LabelMap'",
    ),
    "no anno": (
        PLACES["human_parts"],
        lambda path: savemat(path, {"other": np.zeros(SIZE)}),
        "has no variable 'anno'",
    ),
    "no objects": (
        PLACES["human_parts"],
        lambda path: write_anno(path, {"imname": FIRST}),
        "'anno' is not nested as in PASCAL-Part",
    ),
    "no struct": (
        PLACES["human_parts"],
        lambda path: write_anno(path, np.zeros(SIZE)),
        "'anno' is not nested as in PASCAL-Part",
    ),
    "no parts": (
        PLACES["human_parts"],
        lambda path: write_anno(path, {"objects": {"class_ind": 15}}),
        "'anno' is not nested as in PASCAL-Part",
    ),
    "no mask": (
        PLACES["human_parts"],
        lambda path: write_anno(
            path, {"objects": {"class_ind": 15, "parts": {"part_name": "head"}}}
        ),
        "'anno' is not nested as in PASCAL-Part",
    ),
    "unknown part": (
        PLACES["human_parts"],
        lambda path: write_parts(path, masks(wing=(0, 1, 0, 1))),
        "a person has the part 'wing', and the known ones are head, hair,",
    ),
}
LISTS = {
    "no list": ("ImageSets/Context/val.txt", Path.unlink, "is missing"),
    "empty list": ("ImageSets/Context/val.txt", lambda path: write_list(path, ""), "is empty"),
    "name twice": (
        "ImageSets/Context/train.txt",
        lambda path: write_list(path, FIRST, FIRST),
        f"names '{FIRST}' twice",
    ),
}


@pytest.mark.parametrize(
    ("place", "harm", "words"),
    [
        pytest.param(*case, id=name)
        for cases in (MISSING, TRUNCATED, OTHER_SIZES, VALUES, KEYS, LISTS)
        for name, case in cases.items()
    ],
)
def test_damage_is_named_with_its_file_by_check_and_prepare(small, place, harm, words):
    path = small / place.format(FIRST)
    harm(path)
    dataset = PascalContext(*SIZE)
    found = dataset.check(small)
    assert len(found) == 1
    with pytest.raises(DataError) as raised:
        dataset.prepare(small)
    for sentence in (found[0], str(raised.value)):
        assert str(path) in sentence
        assert words in sentence


def test_a_list_that_names_an_absent_picture_is_told_with_its_files(root):
    with (root / "ImageSets/Context/val.txt").open("a") as file:
        file.write("2010_000001\n")
    dataset = PascalContext(*SIZE)
    found = dataset.check(root)
    assert len(found) == 6
    absent = path_of(root, "input", "2010_000001")
    assert found[0].startswith(f"{absent} is missing; sample '2010_000001' needs it")
    with pytest.raises(DataError, match="2010_000001.jpg is missing.*5 more"):
        dataset.prepare(root)


def nobody(root, name):
    savemat(path_of(root, "human_parts", name), annotation(name, size_of(root, name), []))


def only_sky(root, name):
    write_regions(path_of(root, "edges", name), np.full(size_of(root, name), 360))


def no_labels(root, name):
    write_pixels(path_of(root, "voc", name), size_of(root, name), value=255)


@pytest.mark.parametrize(
    ("harm", "target"),
    [(nobody, "human_parts"), (only_sky, "normals"), (no_labels, "segmentation")],
)
def test_a_whole_part_without_annotated_pixels_is_told(root, harm, target):
    for name in (root / "ImageSets/Context/val.txt").read_text().split():
        harm(root, name)
    dataset = PascalContext(*SIZE)
    words = f"Nothing is valid in '{target}' of the whole split 'test' of pascal-context"
    assert [sentence[: len(words)] for sentence in dataset.check(root)] == [words]
    with pytest.raises(DataError, match=words):
        dataset.prepare(root)
