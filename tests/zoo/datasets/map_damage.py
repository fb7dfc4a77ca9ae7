"""Damage to files of images and maps, and what is told of it."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from benchbed.basics.errors import DataError


def told(dataset, root):
    """Return the one sentence that ``check`` returns; ``prepare`` raises it too."""
    (sentence,) = dataset.check(root)
    with pytest.raises(DataError) as raised:
        dataset.prepare(root)
    assert str(raised.value).startswith(sentence)
    return sentence


def remove(path):
    path.unlink()


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def shrink(path):
    """Take a row off a picture."""
    pixels = np.asarray(Image.open(path))
    Image.fromarray(pixels[:-1]).save(path)


def colour(path):
    """Make a picture of one channel one of three that differ."""
    pixels = np.asarray(Image.open(path))
    Image.fromarray(np.stack([pixels, pixels // 2, pixels], axis=-1)).save(path)


def line(text):
    """Return what adds a line to a list."""
    return lambda path: path.write_text(f"{path.read_text()}{text}\n")


def mat(**variables):
    """Return what replaces a MATLAB file."""
    return lambda path: savemat(path, variables)


def pixels(change):
    """Return what changes a picture's values in place, keeping its palette."""

    def damage(path):
        with Image.open(path) as picture:
            values, palette = np.array(picture), picture.getpalette()
        change(values)
        changed = Image.fromarray(values)
        if palette:
            changed.putpalette(palette)
        changed.save(path)

    return damage


def every(column):
    """Return all samples of a column."""
    return column[np.arange(len(column))]


def same(one, other, root, other_root):
    """Tell whether two data sets hold the same arrays in all splits."""
    return all(
        np.array_equal(every(column), every(other.load(split, other_root)[key]))
        for split in one.splits
        for key, column in one.load(split, root).items()
    )


def photo(path, size):
    """Return an image file as the cache should hold it, by Pillow alone: ``(3, H, W)``."""
    with Image.open(path) as picture:
        resized = picture.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(resized).transpose(2, 0, 1)


def nearest(values, size):
    """Return a map in another size, by Pillow alone."""
    picture = Image.fromarray(values.astype(np.int32))
    return np.asarray(picture.resize(size[::-1], Image.Resampling.NEAREST))
