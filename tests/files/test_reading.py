"""Files are read as they are, and what cannot be read is named with the remedy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from benchbed.basics.errors import DataError
from benchbed.files.reading import (
    list_files,
    read_array,
    read_image,
    read_lines,
    read_mat,
    read_pixels,
    resize_image,
    resize_map,
)

COLOURS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_images_of_any_mode_come_as_rgb(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), COLOURS.transpose(2, 0, 1))
    Image.fromarray(COLOURS[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), np.stack([COLOURS[..., 0]] * 3))


def test_pixels_come_as_they_are_stored(tmp_path):
    deep = np.array([[0, 1, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(read_pixels(tmp_path / "deep.png"), deep)
    palette = Image.fromarray(COLOURS[..., 0], "L").convert("P")
    palette.putpalette(list(range(255, -1, -1)) * 3)
    palette.save(tmp_path / "palette.png")
    with Image.open(tmp_path / "palette.png") as image:
        indices = np.asarray(image)
    assert np.array_equal(read_pixels(tmp_path / "palette.png"), indices)
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    assert np.array_equal(read_pixels(tmp_path / "a.png"), COLOURS.transpose(2, 0, 1))


def test_variables_of_matlab_files(tmp_path):
    savemat(tmp_path / "a.mat", {"depth": np.eye(2)})
    assert np.array_equal(read_mat(tmp_path / "a.mat", "depth"), np.eye(2))
    with pytest.raises(DataError, match=r"a\.mat has no variable 'edge'"):
        read_mat(tmp_path / "a.mat", "edge")


def test_lists_lose_blanks_and_empty_lines(tmp_path):
    (tmp_path / "list.txt").write_text(" a \n\nb\r\n")
    assert read_lines(tmp_path / "list.txt") == ["a", "b"]


def test_files_are_listed_by_number(tmp_path):
    for name in ("10.npy", "9.npy", "b.npy", "0.npy", "x.txt"):
        (tmp_path / name).touch()
    assert list_files([(tmp_path, ".npy")]) == ["b", "0", "9", "10"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "11.npy").touch()
    both = [(tmp_path, ".npy"), (tmp_path / "other", ".npy")]
    assert list_files(both) == ["b", "0", "9", "10", "11"]
    with pytest.raises(DataError, match=r"holds no \.png file"):
        list_files([(tmp_path, ".png")])
    with pytest.raises(DataError, match="is missing; add it"):
        list_files([(tmp_path / "nowhere", ".npy")])


@pytest.mark.parametrize("read", [read_image, read_pixels, read_array, lambda p: read_mat(p, "x")])
@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\nrubbish", b"\x93NUMPY\x01\x00v", b"x" * 300]
)
def test_rubbish_is_named_with_the_remedy(tmp_path, read, content):
    path = tmp_path / "file"
    with pytest.raises(DataError, match="file is missing; add it"):
        read(path)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"file cannot be read \(.*\); copy it anew"):
        read(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_truncated_images_are_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    read_image(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="cannot be read"):
        read_image(path)


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_array(tmp_path / "a.npy")


sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))


@given(sizes, sizes)
def test_each_pixel_of_a_resized_map_has_the_value_of_one_that_is_nearest(old, new):
    values = np.arange(2 * old[0] * old[1]).reshape(2, *old)
    rows, columns = np.divmod(resize_map(values, new)[0], old[1])
    for axis, (found, length) in enumerate(((rows[:, 0], new[0]), (columns[0], new[1]))):
        there = (np.arange(length) + 0.5) / length
        centres = (np.arange(old[axis]) + 0.5) / old[axis]
        distances = np.abs(there[:, None] - centres)
        chosen = distances[np.arange(length), found]
        assert np.allclose(chosen, distances.min(axis=1), rtol=0, atol=1e-12)
    assert np.array_equal(resize_map(values, new)[1], rows * old[1] + columns + old[0] * old[1])


def test_images_are_resized_with_antialiasing():
    stripes = np.zeros((3, 16, 16), np.uint8)
    stripes[:, :, ::2] = 200
    small = resize_image(stripes, (4, 4))
    assert small.shape == (3, 4, 4)
    assert np.abs(small[:, :, 1:3].astype(int) - 100).max() <= 6
    assert resize_image(stripes, (16, 16)) is stripes
