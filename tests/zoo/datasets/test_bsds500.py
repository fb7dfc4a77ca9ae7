import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import distance_transform_cdt, label, maximum_filter, minimum_filter

from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.bsds500 import BSDS500
from benchbed_zoo.tasks.edges import Edges
from tests.zoo.datasets.map_damage import (
    every,
    mat,
    nearest,
    photo,
    remove,
    same,
    told,
    truncate,
)

SIZE = 48, 64
DATA = "BSR/BSDS500/data"
TRAIN = ["train/97017", "train/100075", "train/100080", "val/3096", "val/101085"]
TEST = ["test/2018", "test/100007"]
AROUND = np.ones((3, 3))
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


class TestBSDS500(DatasetContract):
    id = "bsds500"
    options = {"height": 24, "width": 32}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bsds500")
    BSDS500().fixture(folder)
    return folder


@pytest.fixture
def root(written, tmp_path):
    shutil.copytree(written, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def dataset():
    return BSDS500(*SIZE)


def annotated(path, *segmentations):
    """Write annotations, as a cell array of structs."""
    cells = np.empty((1, len(segmentations)), dtype=object)
    for number, regions in enumerate(segmentations):
        cells[0, number] = {"Segmentation": regions, "Boundaries": np.zeros(regions.shape, bool)}
    savemat(path, {"groundTruth": cells})


def scattered(seed, size=(321, 481)):
    """Return the regions that are nearest to each of some points."""
    generator = np.random.default_rng(seed)
    y, x = generator.uniform(0, size[0], 9), generator.uniform(0, size[1], 9)
    rows, columns = np.indices(size)[..., None]
    return ((rows - y) ** 2 + (columns - x) ** 2).argmin(axis=-1).astype(np.uint16) + 1


def found_of(dataset, root, name):
    """Return the contours of a test sample."""
    row = [sample.id for sample in dataset.find(root)["test"]].index(name)
    return every(dataset.load("test", root)["edges"])[row]


def test_training_and_validation_images_train_and_the_others_are_tested(dataset, written):
    found = dataset.find(written)
    assert [sample.id for sample in found["train"]] == TRAIN
    assert [sample.id for sample in found["test"]] == TEST


def test_images_are_those_of_the_files_resized(dataset, written):
    images = every(dataset.load("trainval", written)["input"])
    for image, name in zip(images, TRAIN, strict=True):
        expected = photo(written / DATA / f"images/{name}.jpg", SIZE)
        np.testing.assert_array_equal(np.rint(image * 255), expected)


def test_each_annotator_has_a_map_and_who_is_absent_255(dataset, written):
    edges = every(dataset.load("trainval", written)["edges"])
    assert edges.shape == (5, 9, *SIZE)
    assert edges.dtype == np.uint8
    for maps, annotators in zip(edges, (5, 4, 9, 9, 4), strict=True):
        assert (maps[annotators:] == 255).all()
        assert all(set(np.unique(own)) == {0, 1} for own in maps[:annotators])


def test_a_straight_border_is_a_line_one_pixel_wide_that_no_one_else_drew(root):
    regions, other = np.ones((321, 481), np.uint16), np.full((321, 481), 7, np.uint16)
    regions[:, 200:] = 65535
    annotated(root / DATA / "groundTruth/test/2018.mat", regions, other)
    Image.new("RGB", (481, 321)).save(root / DATA / "images/test/2018.jpg")
    edges = found_of(BSDS500(321, 481), root, "test/2018")
    assert (edges[0, 1:-1, 199:201].sum(axis=1) == 1).all()
    assert edges[0].sum() == edges[0, :, 199:201].sum()
    assert (edges[1] == 0).all()
    assert (edges[2:] == 255).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [(96, 128), (512, 512)])
def test_contours_are_connected_lines_along_the_borders_of_the_resized_regions(root, size, seed):
    regions = scattered(seed)
    annotated(root / DATA / "groundTruth/test/100007.mat", regions)
    Image.new("RGB", (481, 321)).save(root / DATA / "images/test/100007.jpg")
    contours = found_of(BSDS500(*size), root, "test/100007")[0]
    resized = nearest(regions, size)
    border = maximum_filter(resized, footprint=CROSS) != minimum_filter(resized, footprint=CROSS)
    assert not contours[~border].any()
    distance = distance_transform_cdt(contours == 0, "chessboard")
    assert distance[border].max() <= 2  # where a line meets the image's edge, else 1
    assert label(contours, AROUND)[1] == label(border, AROUND)[1]
    blocks = contours[:-1, :-1] + contours[1:, :-1] + contours[:-1, 1:] + contours[1:, 1:]
    assert blocks.max() < 4


def test_the_edges_task_learns_from_the_annotators_that_there_are(dataset, written):
    edges = torch.from_numpy(every(dataset.load("test", written)["edges"]))
    task = Edges("edges", dataset.targets["edges"])
    total, number = task.loss(torch.zeros(len(edges), 1, *SIZE), edges)
    assert 0 < number <= edges[:, 0].numel()
    assert 0 < total < torch.inf


@pytest.mark.parametrize("place", ["BSDS500/data", "data"])
def test_the_outer_folders_may_be_left_out(dataset, root, written, place):
    (root / DATA).rename(root / "moved")
    shutil.rmtree(root / "BSR")
    (root / place).parent.mkdir(exist_ok=True)
    (root / "moved").rename(root / place)
    assert same(dataset, dataset, written, root)


def struct(**fields):
    """Return an annotation file with one annotator of these fields."""
    cells = np.empty((1, 1), dtype=object)
    cells[0, 0] = fields
    return mat(groundTruth=cells)


def annotators(number):
    return lambda path: annotated(path, *[np.ones((321, 481), np.uint16)] * number)


@pytest.mark.parametrize(
    ("path", "damage", "text"),
    [
        ("images/val/3096.jpg", remove, "is missing; sample 'val/3096' needs it"),
        ("images/val/3096.jpg", truncate, "cannot be read"),
        ("groundTruth/val/3096.mat", remove, "is missing; sample 'val/3096' needs it"),
        ("groundTruth/val/3096.mat", truncate, "cannot be read"),
        ("groundTruth/val/3096.mat", mat(segs=1), "has no variable 'groundTruth'"),
        ("groundTruth/val/3096.mat", mat(groundTruth=1), "has no field 'Segmentation'"),
        ("groundTruth/val/3096.mat", struct(Boundaries=1), "has no field 'Segmentation'"),
        ("groundTruth/val/3096.mat", annotators(10), "has 10 annotators, and 1 to 9 are wanted"),
        ("groundTruth/val/3096.mat", annotators(0), "has 0 annotators"),
        ("groundTruth/val/3096.mat", annotators(1), "321×481 pixels, and its image"),
        (
            "groundTruth/val/3096.mat",
            struct(Segmentation=np.full((481, 321), np.nan)),
            "has type float64, and whole numbers are wanted",
        ),
        ("images/val", shutil.rmtree, "is missing; add it. Its files: BSR"),
    ],
)
def test_damage_is_named_with_its_file(dataset, root, path, damage, text):
    damage(root / DATA / path)
    sentence = told(dataset, root)
    assert sentence.startswith(str(root / DATA / path))
    assert text in sentence


def test_it_is_told_if_no_folder_of_the_data_is_there(dataset, tmp_path):
    assert told(dataset, tmp_path).startswith(f"{tmp_path} holds none of the folders BSR/")
