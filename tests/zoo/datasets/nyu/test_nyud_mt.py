import shutil

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import label

from benchbed.basics.errors import DataError
from benchbed.testing import DatasetContract
from benchbed_zoo.datasets.nyu.nyud_mt import NYUDMT, resized_edges

HEIGHT, WIDTH = 48, 64
ALL = slice(None)
RELEASES = ("astmt", "vandenhende")


class TestNYUDMT(DatasetContract):
    id = "nyud-mt"
    options = {"release": "vandenhende"}

    def component(self, given, tasks=None):
        return super().component({"height": 24, "width": 32, **given}, tasks)


def loader(release, height=HEIGHT, width=WIDTH):
    return NYUDMT(release, height, width)


@pytest.fixture(scope="module")
def miniatures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nyud_mt")
    for release in RELEASES:
        (folder / release).mkdir()
        loader(release).fixture(folder / release)
    return folder


@pytest.fixture
def root(miniatures, tmp_path, release):
    """A miniature of its own, to be damaged."""
    return shutil.copytree(miniatures / release, tmp_path / "data")


def told(release, root):
    """What check says, and what prepare raises."""
    found = loader(release).check(root)
    with pytest.raises(DataError) as raised:
        loader(release).prepare(root)
    return "\n".join(found), str(raised.value)


def by_hand(root, release):
    """Replace the maps of the first image for tests; return those of whole numbers and depth."""
    generator = np.random.default_rng(4)
    labels = generator.integers(0, 41, (HEIGHT, WIDTH), np.uint8)
    depth = generator.uniform(0.7, 10, (HEIGHT, WIDTH)).astype(np.float32)
    depth[:, :5] = 0
    edges = generator.integers(0, 2, (HEIGHT, WIDTH), np.uint8)
    if release == "astmt":
        savemat(root / "segmentation/val_0.mat", {"segmentation": labels})
        savemat(root / "depth/val_0.mat", {"depth": depth})
        Image.fromarray(255 * edges).save(root / "edge/val_0.png")
    else:
        Image.fromarray(labels).save(root / "segmentation/val_0.png")
        np.save(root / "depth/val_0.npy", depth)
        np.save(root / "edge/val_0.npy", edges.astype(np.float32))
    return labels, depth, edges


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_on_disk_is_read_back(root, release):
    labels, depth, edges = by_hand(root, release)
    columns = {name: c[ALL][0] for name, c in loader(release).load("test", root).items()}
    with Image.open(root / "images/val_0.jpg") as picture:
        image = np.asarray(picture)
    assert np.abs(columns["input"] - image.transpose(2, 0, 1) / 255).max() < 1e-6
    shifted = {"astmt": labels, "vandenhende": labels - np.uint8(1)}[release]  # 0 becomes 255
    assert (columns["segmentation"] == shifted).all()
    assert (columns["depth"] == depth).all()
    assert (columns["edges"] == edges).all()


@pytest.mark.parametrize("release", RELEASES)
def test_maps_take_the_nearest_pixel_of_the_file(root, release):
    labels, depth, edges = by_hand(root, release)
    columns = {name: c[ALL][0] for name, c in loader(release, 16, 64).load("test", root).items()}
    shifted = {"astmt": labels, "vandenhende": labels - np.uint8(1)}[release]
    assert (columns["segmentation"] == shifted[1::3]).all()
    assert (columns["depth"] == depth[1::3]).all()
    assert columns["normals"].shape == (3, 16, 64)
    anywhere = edges.reshape(16, 3, 64).max(axis=1)
    assert (columns["edges"] <= anywhere).all()


@pytest.mark.parametrize("size", [(24, 32), (17, 40), (48, 64), (96, 100)])
@pytest.mark.parametrize("slope", [0, 0.4, 1])
def test_lines_stay_unbroken_and_thin_in_any_size(size, slope):
    """A line across the image still parts it in two."""
    edges = np.zeros((48, 64), np.uint8)
    columns = np.arange(64)
    edges[np.minimum(10 + (slope * columns / 2).astype(int), 47), columns] = 1
    found = resized_edges(edges, size)
    assert found.shape == size
    assert set(np.unique(found)) == {0, 1}
    middle = found[:, 3:-3]  # thinning may take the line's ends
    assert (middle.any(axis=0)).all()
    assert label(middle == 0)[1] == 2
    assert middle.sum(axis=0).max() <= 1 + slope * 2


@pytest.mark.parametrize(
    ("release", "names"), [("astmt", ["background", "wall"]), ("vandenhende", ["wall", "floor"])]
)
def test_only_one_release_counts_the_background_as_a_class(release, names):
    target = loader(release).targets["segmentation"]
    assert target.classes == len(target.names) == (41 if release == "astmt" else 40)
    assert list(target.names[:2]) == names
    assert target.names[-1] == "otherprop"


@pytest.mark.parametrize("release", ["vandenhende"])
@pytest.mark.parametrize("sign", [1, -1])
def test_normals_of_either_sign_face_the_camera(root, release, sign):
    generator = np.random.default_rng(5)
    normals = generator.normal(size=(HEIGHT, WIDTH, 3))
    normals[..., 2] = -np.abs(normals[..., 2]) - 0.1
    normals[0, 0] = (1, 1, -2)  # its components sum to zero
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    normals[5:8] = 0
    np.save(root / "normals/val_0.npy", (sign * normals).astype(np.float32))
    found = loader(release).load("test", root)["normals"][ALL][0]
    assert np.abs(found - normals.transpose(2, 0, 1)).max() < 4e-5
    length = np.linalg.norm(found, axis=0)
    assert ((length > 0.99) == (normals**2).sum(2).astype(bool)).all()


@pytest.mark.parametrize("release", ["astmt"])
def test_normals_in_pictures_are_decoded_and_grey_is_invalid(root, release):
    pixels = np.full((HEIGHT, WIDTH, 3), 127, np.uint8)
    pixels[:, 16:32] = (128, 128, 255)  # a wall that faces the camera
    pixels[:, 32:48] = (128, 230, 204)  # a floor
    pixels[:, 48:] = (230, 128, 204)  # a wall to the right, which faces left
    Image.fromarray(pixels).save(root / "normals/val_0.jpg", quality=100, subsampling=0)
    found = loader(release).load("test", root)["normals"][ALL][0]
    length = np.linalg.norm(found, axis=0)
    assert (length[:, :16] == 0).all()
    assert length[:, 16:] == pytest.approx(1, abs=1e-4)
    for column, wanted in ((24, (0, 0, -1)), (40, (0, -0.8, -0.6)), (56, (-0.8, 0, -0.6))):
        assert found[:, 20, column] == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("release", RELEASES)
def test_an_edge_starts_at_one_half(root, release):
    stripes = np.zeros((HEIGHT, WIDTH), int) + np.arange(4).repeat(16)
    if release == "astmt":
        shades = np.array([0, 127, 128, 255], np.uint8)
        Image.fromarray(shades[stripes]).save(root / "edge/val_0.png")
    else:
        np.save(root / "edge/val_0.npy", np.array([0, 0.49, 0.5, 1])[stripes])
    edges = loader(release).load("test", root)["edges"][ALL][0]
    assert (edges == (stripes >= 2)).all()


@pytest.mark.parametrize("release", RELEASES)
def test_splits_follow_the_lists(root, release):
    (root / "gt_sets/train.txt").write_text("train_4\ntrain_0\ntrain_1\n\n")
    (root / "gt_sets/val.txt").write_text("val_2")
    found = loader(release).find(root)
    assert [sample.id for sample in found["train"]] == ["train_4", "train_0", "train_1"]
    assert [sample.id for sample in found["test"]] == ["val_2"]
    sizes = {s: len(loader(release).load(s, root)["input"]) for s in NYUDMT.splits}
    assert sizes == {"train": 2, "validation": 1, "trainval": 3, "test": 1}


def replaced(path, change):
    """A damage: the array or picture of a file is replaced by what ``change`` makes of it."""

    def damage(root):
        file = root / path
        if file.suffix == ".npy":
            np.save(file, change(np.load(file)))
        else:
            with Image.open(file) as picture:
                pixels = np.asarray(picture)
            Image.fromarray(change(pixels.copy())).save(file)
        return file

    return damage


def mat(path, **variables):
    def damage(root):
        savemat(root / path, variables)
        return root / path

    return damage


def cut_off(path, share=0.5):
    def damage(root):
        content = (root / path).read_bytes()
        (root / path).write_bytes(content[: int(len(content) * share)])
        return root / path

    return damage


def missing(path):
    def damage(root):
        (root / path).unlink()
        return root / path

    return damage


def written(path, text):
    def damage(root):
        (root / path).write_text(text)
        return root / path

    return damage


def in_both_lists(root):
    (root / "gt_sets/val.txt").write_text("train_0")
    return root / "images/train_0.jpg"


def put(value, *place):
    def change(values):
        values[place] = value
        return values

    return change


ONES = np.ones((HEIGHT, WIDTH), np.float32)
OF_BOTH = {
    "no image": (missing("images/train_1.jpg"), "is missing"),
    "half an image": (cut_off("images/train_1.jpg"), "cannot be read"),
    "no list": (missing("gt_sets/val.txt"), "is missing"),
    "an empty list": (written("gt_sets/val.txt", "\n"), "is empty"),
    "a name twice": (written("gt_sets/val.txt", "val_0\nval_0"), "names 'val_0' twice"),
    "a name in both lists": (in_both_lists, "is in part 'test' and in another"),
    "a smaller image": (
        lambda root: replaced("images/val_1.jpg", lambda x: x[:40])(root).parent.parent,
        "(40, 64) is wanted, as large as its image",
    ),
}
DAMAGES = {
    "astmt": {
        "no labels": (missing("segmentation/train_1.mat"), "is missing"),
        "no depth": (missing("depth/train_1.mat"), "is missing"),
        "no normals": (missing("normals/train_1.jpg"), "is missing"),
        "no edges": (missing("edge/train_1.png"), "is missing"),
        "half labels": (cut_off("segmentation/train_1.mat"), "cannot be read"),
        "half depth": (cut_off("depth/train_1.mat"), "cannot be read"),
        "half normals": (cut_off("normals/train_1.jpg"), "cannot be read"),
        "half edges": (cut_off("edge/train_1.png", 0.7), "cannot be read"),
        "another variable": (mat("depth/val_1.mat", distance=ONES), "no variable 'depth'"),
        "labels of another size": (
            mat("segmentation/val_1.mat", segmentation=ONES[:9]),
            "shape (9, 64)",
        ),
        "depth with a channel": (mat("depth/val_1.mat", depth=ONES[None]), "shape (1, 48, 64)"),
        "depth in whole numbers": (
            mat("depth/val_1.mat", depth=ONES.astype(np.uint16)),
            "is uint16, and floating point",
        ),
        "depth that is NaN": (mat("depth/val_1.mat", depth=ONES * np.nan), "nan at row 0"),
        "class 41": (mat("segmentation/val_1.mat", segmentation=41 * ONES), "label 41.0 at row 0"),
        "class -1": (
            mat("segmentation/val_1.mat", segmentation=-ONES.astype(np.int16)),
            "label -1 at row 0",
        ),
        "class 255": (
            mat("segmentation/val_1.mat", segmentation=255 * ONES.astype(np.uint8)),
            "label 255 at row 0",
        ),
        "half a class": (mat("segmentation/val_1.mat", segmentation=ONES / 2), "label 0.5 at row"),
        "edges in colour": (replaced("edge/val_1.png", lambda x: np.stack([x] * 3, -1)), "(3, 48"),
        "edges of 16 bits": (
            replaced("edge/val_1.png", lambda x: x.astype(np.uint16)),
            "is uint16, and 8 bits",
        ),
        "edges of 1 bit": (replaced("edge/val_1.png", lambda x: x > 0), "is bool, and 8 bits"),
        "normals of another size": (replaced("normals/val_1.jpg", lambda x: x[:9]), "(3, 9, 64)"),
    },
    "vandenhende": {
        "no labels": (missing("segmentation/train_1.png"), "is missing"),
        "no depth": (missing("depth/train_1.npy"), "is missing"),
        "no normals": (missing("normals/train_1.npy"), "is missing"),
        "no edges": (missing("edge/train_1.npy"), "is missing"),
        "half labels": (cut_off("segmentation/train_1.png", 0.7), "cannot be read"),
        "half depth": (cut_off("depth/train_1.npy"), "cannot be read"),
        "half normals": (cut_off("normals/train_1.npy"), "cannot be read"),
        "half edges": (cut_off("edge/train_1.npy"), "cannot be read"),
        "labels in colour": (
            replaced("segmentation/val_1.png", lambda x: np.stack([x] * 3, -1)),
            "shape (3, 48, 64)",
        ),
        "labels of 16 bits": (
            replaced("segmentation/val_1.png", lambda x: x.astype(np.uint16)),
            "is uint16, and 8 bits",
        ),
        "class 41": (
            replaced("segmentation/val_1.png", put(41, 3, 5)),
            "label 41 at row 3, column 5",
        ),
        "depth in whole numbers": (
            replaced("depth/val_1.npy", lambda x: (1000 * x).astype(np.uint16)),
            "is uint16, and floating point",
        ),
        "depth that is NaN": (replaced("depth/val_1.npy", put(np.nan, 3, 5)), "nan at row 3"),
        "depth of another size": (replaced("depth/val_1.npy", lambda x: x[::2]), "shape (24, 64)"),
        "normals channels first": (
            replaced("normals/val_1.npy", lambda x: x.transpose(2, 0, 1)),
            "shape (64, 3, 48)",
        ),
        "normals without channels": (
            replaced("normals/val_1.npy", lambda x: x[..., 0]),
            "shape (48, 64)",
        ),
        "normals in whole numbers": (
            replaced("normals/val_1.npy", lambda x: x.astype(np.int8)),
            "is int8, and floating point",
        ),
        "normals that are NaN": (replaced("normals/val_1.npy", put(np.nan, 3, 5)), "unit vectors"),
        "normals of 8 bits": (replaced("normals/val_1.npy", lambda x: 127 * x), "unit vectors"),
        "edges of 8 bits": (replaced("edge/val_1.npy", lambda x: 255 * x), "values than 0 to 1"),
        "edges that are NaN": (replaced("edge/val_1.npy", put(np.nan, 3, 5)), "values than 0 to 1"),
        "edges that are words": (
            replaced("edge/val_1.npy", lambda x: x.astype(str)),
            "values than 0 to 1",
        ),
        "edges of another size": (replaced("edge/val_1.npy", lambda x: x[:9]), "shape (9, 64)"),
    },
}
CASES = [(release, case) for release in RELEASES for case in (*OF_BOTH, *DAMAGES[release])]


@pytest.mark.parametrize(("release", "case"), CASES)
def test_damage_is_named_with_its_file(root, release, case):
    damage, words = {**OF_BOTH, **DAMAGES[release]}[case]
    path = damage(root)
    for text in told(release, root):
        assert str(path) in text
        assert words in text


def emptied(root, release, place, target):
    """Overwrite all maps of a part with what is not valid."""
    for number in range(6 if place == "train" else 4):
        if target == "segmentation":
            Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(
                root / f"segmentation/{place}_{number}.png"
            )
        elif release == "vandenhende":
            channels = (3,) if target == "normals" else ()
            np.save(
                root / f"{target}/{place}_{number}.npy",
                np.zeros((HEIGHT, WIDTH, *channels), np.float32),
            )
        elif target == "depth":
            savemat(root / f"depth/{place}_{number}.mat", {"depth": 0 * ONES})
        else:
            grey = np.full((HEIGHT, WIDTH, 3), 127, np.uint8)
            Image.fromarray(grey).save(root / f"normals/{place}_{number}.jpg")


@pytest.mark.parametrize(("place", "part"), [("train", "train"), ("val", "test")])
@pytest.mark.parametrize(
    ("release", "target"),
    [
        ("astmt", "depth"),
        ("astmt", "normals"),
        ("vandenhende", "depth"),
        ("vandenhende", "normals"),
        ("vandenhende", "segmentation"),
    ],
)
def test_a_part_without_a_single_valid_pixel_is_refused(root, release, target, place, part):
    emptied(root, release, place, target)
    for text in told(release, root):
        assert f"Nothing is valid in '{target}' of the whole split '" in text


@pytest.mark.parametrize(("release", "other"), [RELEASES, RELEASES[::-1]])
def test_files_of_the_other_release_are_not_taken_for_ones_own(root, release, other):
    for text in told(other, root):
        assert str(root / loader(other).find(root)["train"][0].files["segmentation"]) in text
        assert "is missing" in text
