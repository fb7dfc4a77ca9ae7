"""The samples of a data set in files: what they are read from, and how they are divided."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchbed.basics.errors import DataError


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a data set.

    Attributes:
        id: its name, as in the data set's lists.
        files: for each column the file that it is read from, relative to the data set's folder
            with forward slashes; several columns may share one.
        group: samples of one group (a scene, a city) are never divided between training and
            validation; alone if empty.
    """

    id: str
    files: Mapping[str, str]
    group: str = ""


Found = Mapping[str, Sequence[Sample]]
"""The samples of each part."""


def cut(groups: Sequence[str], share: float) -> tuple[list[int], list[int]]:
    """Divide samples into those to train on and those held out, by their groups' names alone.

    Groups are held out in the order of their names' SHA-256 until the share is reached, the last
    one only if that comes nearer to it; at least one group stays on each side.

    Args:
        groups: each sample's group.
        share: of the samples that is held out.

    Returns:
        Positions of the samples to train on and of those held out, each in order.

    Raises:
        DataError: there are not two groups.
    """
    members: dict[str, list[int]] = {}
    for position, group in enumerate(groups):
        members.setdefault(group, []).append(position)
    if len(members) < 2:
        raise DataError(
            "A validation split cannot be cut out of a single group of training samples; name "
            "'trainval' as the protocol's split for training."
        )
    held: list[int] = []
    for name in sorted(members, key=sha256)[:-1]:
        # half of a group in: with it, the share is missed by less than without it
        if held and len(held) + len(members[name]) / 2 > share * len(groups):
            break
        held += members[name]
    kept = set(range(len(groups))) - set(held)
    return sorted(kept), sorted(held)


def paths_of(found: Found) -> list[str]:
    """Return the paths of all files, each once."""
    paths: dict[str, None] = {}
    for sample in samples_of(found):
        paths.update(dict.fromkeys(sample.files.values()))
    return list(paths)


def samples_of(found: Found) -> Iterator[Sample]:
    """Yield all samples, part by part."""
    for samples in found.values():
        yield from samples


def absent(folder: Path, sample: Sample) -> list[str]:
    """Return a sentence for each of a sample's files that is not there."""
    paths = dict.fromkeys(sample.files.values())  # each once, in order
    missing = [path for path in paths if stamped(folder, path) is None]
    return [
        f"{folder / path} is missing; sample '{sample.id}' needs it: add it, or take the sample "
        "out of its list and folders."
        for path in missing
    ]


def stamped(folder: Path, path: str) -> tuple[str, int, int, int] | None:
    """Return what changes with a file's content; ``None`` if there is no such file."""
    try:
        found = (folder / path).stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return path, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def groups_of(found: Found) -> list[str]:
    """Return the group of each training sample."""
    return [sample.group or sample.id for sample in found["train"]]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def sha256(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
