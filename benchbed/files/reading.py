"""Reading files of data sets, with errors that name the file and the remedy; and resizing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from benchbed.basics.errors import DataError, one_line

_HEADERS: Final = Lock()


def read_lines(path: Path) -> list[str]:
    """Return the lines of a list, without blanks around them and without empty ones.

    Raises:
        DataError: it is missing, no text, empty, or holds a line twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty; it must name a sample a line.")
    twice = [line for line, count in Counter(lines).items() if count > 1]
    if twice:
        raise DataError(f"{path} names '{twice[0]}' twice; take one out.")
    return lines


def list_files(places: Iterable[tuple[Path, str]]) -> list[str]:
    """Return the names, without suffix, of the files in folders; numbers by size.

    A name that only some places have is listed too, so that its other files are missed.

    Args:
        places: folders, and the suffix of the files that count in each.

    Raises:
        DataError: folders are missing, or there is no such file in some; all are named.
    """
    names: set[str] = set()
    problems: list[str] = []
    for folder, suffix in places:
        try:
            files = list(folder.iterdir())
        except OSError as error:
            problems.append(str(_unreadable(folder, error)))
            continue
        found = {path.stem for path in files if _is_listed(path, suffix)}
        if not found:
            problems.append(f"{folder} holds no {suffix} file.")
        names |= found
    if problems:
        raise DataError(" ".join(problems))
    return sorted(names, key=_by_number)


def _is_listed(path: Path, suffix: str) -> bool:
    return path.suffix == suffix and not path.name.startswith(".")


def _by_number(name: str) -> tuple[int, str]:
    """Return what names are sorted by: others first, then numbers by size."""
    return (int(name) if name.isdecimal() else -1, name)


def read_array(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file.

    Raises:
        DataError: it is missing, damaged, or holds Python objects.
    """
    try:
        # parsing headers in several threads at once fails now and then (CPython issue 106905)
        with _HEADERS:
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        return np.array(found)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error


def read_image(path: Path) -> np.ndarray:
    """Return an image of any format as RGB, uint8 ``(3, H, W)``.

    Raises:
        DataError: it is missing, damaged or truncated.
    """
    return channels_first(_decoded(path, "RGB"))


def read_pixels(path: Path) -> np.ndarray:
    """Return an image file's own values: of a palette the indices, of 16 bits uint16.

    Returns:
        ``(H, W)`` or, of several channels, ``(C, H, W)``.

    Raises:
        DataError: it is missing, damaged or truncated.
    """
    pixels = _decoded(path, None)
    return channels_first(pixels) if pixels.ndim == 3 else pixels


def read_mat(path: Path, key: str) -> Any:
    """Return a variable of a MATLAB file (version 7 or older).

    Raises:
        DataError: the file is missing or damaged, or has no such variable.
    """
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            found = loadmat(file, variable_names=[key])
    except Exception as error:  # whatever rubbish makes SciPy's reader raise
        raise _unreadable(path, error) from error
    if key not in found:
        raise DataError(f"{path} has no variable '{key}'; copy the file anew.")
    return found[key]


def channels_first(pixels: np.ndarray) -> np.ndarray:
    """Return ``(C, H, W)`` of ``(H, W, C)``."""
    return np.moveaxis(pixels, -1, 0)


def check_size(path: Path, values: np.ndarray, image_path: Path, image: np.ndarray) -> None:
    """Refuse a map ``(…, H, W)`` that is not of its image's size.

    Raises:
        DataError: heights or widths differ; the message names both files.
    """
    if values.shape[-2:] != image.shape[-2:]:
        raise DataError(
            f"{path} has {_size(values)} pixels, and its image {image_path} has {_size(image)} "
            "(height×width); copy both anew."
        )


def _size(values: np.ndarray) -> str:
    return "×".join(map(str, values.shape[-2:]))


def resize_image(image: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return a uint8 image ``(3, H, W)`` in another size, bicubic, with antialiasing (Pillow)."""
    if image.shape[1:] == tuple(size):
        return image
    from PIL import Image

    pixels = Image.fromarray(np.ascontiguousarray(np.moveaxis(image, 0, -1)))
    height, width = size
    return channels_first(np.asarray(pixels.resize((width, height), Image.Resampling.BICUBIC)))


def resize_map(values: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Return a map ``(…, H, W)`` in another size: each pixel takes the nearest one's value."""
    for axis, (new, old) in enumerate(zip(size, values.shape[-2:], strict=True), -2):
        if new != old:
            # centres (i + ½)·old/new, cut to whole numbers, in whole numbers: none is rounded
            nearest = (2 * np.arange(new) + 1) * old // (2 * new)
            values = values.take(nearest, axis=axis)
    return values


def _decoded(path: Path, mode: str | None) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image if mode is None else image.convert(mode))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path} is missing; add it.")
    if isinstance(error, PermissionError):
        return DataError(f"{path} may not be read; give yourself the permission.")
    reason = one_line(error)
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    return DataError(f"{path} cannot be read ({reason}); copy it anew.")
