"""The results folder: where records lie, and how they are written so that none is ever half there.

::

    runs/<protocol>/<version>/<architecture>/<weighting>/<run key>.json   and .safetensors beside it
    failed/…  measurements/…  conflicts/…                                  the same layout
    verifications/<protocol>/<version>/<run key>.json
    index/                                                                 derived
    checkpoints/<run key>.pt  logs/<run key>.log                           while a run is under way
    leaderboards/                                                          derived
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, NamedTuple

import msgspec

from benchbed.basics.errors import RecordError, StoreError
from benchbed.basics.texts import visible
from benchbed.records.record import Failure, Measurement, Record, decode, decode_record, names_of

Shelf = Literal["runs", "failed", "measurements", "conflicts"]
SUPERSEDED: Final = ".superseded-"
_KEY: Final = re.compile("[0-9a-f]+")
LARGEST_FILE: Final = 20_000_000
"""Bytes; what is larger is not read."""
LARGEST_WEIGHTS: Final = 20 * 2**30
"""Bytes of the weights beside a record; what is larger is not copied."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of a method's runs below a shelf."""

    protocol: str
    version: int
    architecture: str
    weighting: str

    def below(self, shelf: Path) -> Path:
        """Return the folder."""
        return shelf / self.protocol / str(self.version) / self.architecture / self.weighting

    @classmethod
    def of(cls, record: Record) -> Place:
        """Return where a record's files lie."""
        protocol, _, version = record.protocol.partition("@")
        architecture, weighting = names_of(record)
        return cls(protocol, int(version), architecture, weighting or "+".join(record.tasks))


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was skipped, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{visible(str(self.path), 1000)}: {self.reason}"


class Stamp(NamedTuple):
    """What of a file changes when its content does.

    ``path``, with slashes, is below the folder of a protocol's version on its shelf. The time of
    ``changed`` (of the inode, on POSIX) cannot be set back, as that of ``modified`` can.
    """

    path: str
    size: int
    modified: int
    changed: int
    inode: int


class Store:
    """Reads and writes one results folder."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)

    def path(self, shelf: Shelf, place: Place, key: str) -> Path:
        """Return where a file of a run lies."""
        return place.below(self.root / shelf) / f"{key}.json"

    def weights_path(self, place: Place, key: str) -> Path:
        """Return where a run's final weights lie."""
        return self.path("runs", place, key).with_suffix(".safetensors")

    def checkpoint_path(self, key: str) -> Path:
        """Return where an unfinished run's checkpoint lies."""
        return self.root / "checkpoints" / f"{key}.pt"

    def log_path(self, key: str) -> Path:
        """Return where a run's output goes."""
        return self.root / "logs" / f"{key}.log"

    def find(self, place: Place, key: str) -> Record | Refused | None:
        """Return the record of a run key, or why the file there cannot be trusted."""
        path = self.path("runs", place, key)
        try:
            return decode_record(read_regular(path), path.stem)
        except FileNotFoundError:
            return None
        except RecordError as error:
            return Refused(path, str(error))
        except OSError as error:
            raise StoreError(
                f"Cannot read {path}: {error.strerror}; choose another folder with --results."
            ) from error

    def find_key(self, prefix: str) -> list[Path]:
        """Return the files of all records whose run keys begin with ``prefix``."""
        found = (self.root / "runs").rglob(f"{prefix}*.json")
        return sorted(path for path in found if _KEY.fullmatch(path.stem))

    def find_failure(self, place: Place, key: str) -> Failure | None:
        """Return the last failure of a run key, if any."""
        found = self._read_optional("failed", place, key, Failure)
        return found if isinstance(found, Failure) else None

    def find_measurement(self, place: Place, key: str) -> Measurement | None:
        """Return a measurement by its key, if there is a sound one."""
        found = self._read_optional("measurements", place, key, Measurement)
        return found if isinstance(found, Measurement) else None

    def _read_optional(self, shelf: Shelf, place: Place, key: str, kind: type[Any]) -> Any:
        try:
            return decode(read_regular(self.path(shelf, place, key)), kind)
        except (OSError, RecordError):
            return None

    def write(self, shelf: Shelf, place: Place, value: Record | Failure | Measurement) -> Path:
        """Write a record, failure or measurement atomically.

        Raises:
            StoreError: the folder cannot be written.
        """
        path = self.path(shelf, place, value.key)
        content = msgspec.json.format(msgspec.json.encode(value), indent=1)
        write_atomically(path, content + b"\n")
        return path

    def supersede(self, place: Place, key: str) -> None:
        """Mark a record as superseded: its file stays, under a name that never counts."""
        path = self.path("runs", place, key)
        number = 1
        while (marked := path.with_name(f"{key}{SUPERSEDED}{number}.json")).exists():
            number += 1
        with _writing(path):
            path.rename(marked)

    def discard_failure(self, place: Place, key: str) -> None:
        """Remove the failure of a run that has since succeeded."""
        self.path("failed", place, key).unlink(missing_ok=True)

    def records(self, protocol: str, version: int) -> tuple[list[Record], list[Refused]]:
        """Return a protocol's records by method and seed, and the files that were refused."""
        records: list[Record] = []
        refused: list[Refused] = []
        for stamp in self.stamps("runs", protocol, version):
            found = self.read(protocol, version, stamp.path)
            if isinstance(found, Record):
                records.append(found)
            else:
                refused.append(found)
        records.sort(key=lambda record: (record.method, record.seed, record.tasks))
        refused.sort(key=lambda item: item.path)
        return records, refused

    def read(self, protocol: str, version: int, path: str) -> Record | Refused:
        """Return the record in a file that :meth:`stamps` named, or why it does not count."""
        # a text: to make a Path takes as long as to decode the record
        file = f"{self.root}/runs/{protocol}/{version}/{path}"
        stem = path.rpartition("/")[2].removesuffix(".json")
        try:
            record = decode_record(read_regular(file), stem)
        except RecordError as error:
            return Refused(Path(file), str(error))
        except OSError as error:
            return Refused(Path(file), str(error.strerror))
        place = Place.of(record)
        at = f"{place.architecture}/{place.weighting}/{record.key}.json"
        if (place.protocol, place.version, at) != (protocol, version, path):
            folder = place.below(self.root / "runs")
            return Refused(Path(file), f"misplaced (it belongs into {folder})")
        return record

    def others(self, shelf: str, protocol: str, version: int, kind: type[Any]) -> list[Any]:
        """Return a protocol's failures, measurements or notes; what cannot be read is left out."""
        return [value for _, value in self.others_by_file(shelf, protocol, version, kind)]

    def others_by_file(
        self, shelf: str, protocol: str, version: int, kind: type[Any]
    ) -> Iterator[tuple[Path, Any]]:
        """Yield the same, each after its file."""
        top = self.root / shelf / protocol / str(version)
        for stamp in self.stamps(shelf, protocol, version):
            path = top / stamp.path
            with contextlib.suppress(OSError, RecordError):
                yield path, decode(read_regular(path), kind)

    def stamps(self, shelf: str, protocol: str, version: int) -> list[Stamp]:
        """Return a protocol's files on a shelf; folders that are links are passed over."""
        # texts, not Paths, all the way down: there may be 100,000 files
        above = f"{self.root}/{shelf}"
        folders = [above, f"{above}/{protocol}", f"{above}/{protocol}/{version}"]
        if any(map(os.path.islink, folders)):
            return []
        top = f"{folders[-1]}/"
        found: list[Stamp] = []
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                entries = os.scandir(top + folder)
            except OSError:
                continue
            with entries:
                for entry in entries:
                    name = entry.name
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{folder}{name}/")
                    elif counts(name):
                        info = entry.stat(follow_symlinks=False)
                        times = info.st_mtime_ns, info.st_ctime_ns
                        found.append(Stamp(folder + name, info.st_size, *times, info.st_ino))
        return found

    def require_writable(self) -> None:
        """Refuse a results folder that cannot be written, before anything is trained.

        Raises:
            StoreError: with the folder and the remedy.
        """
        with _writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(b"benchbed")


def counts(name: str) -> bool:
    """Tell whether a name is that of a record, and not superseded, hidden or half-written."""
    return name.endswith(".json") and SUPERSEDED not in name and not name.startswith(".")


def read_regular(path: Path | str) -> bytes:
    """Return a file's content, and follow no link.

    Raises:
        RecordError: a link or a device, or too large for a record.
        OSError: it cannot be read.
    """
    with _open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_FILE:
            raise RecordError(f"{size} bytes, more than any record ({LARGEST_FILE})")
        return file.read()


@contextlib.contextmanager
def _open_regular(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file for reading, and follow no link.

    Raises:
        RecordError: a link or a device.
        OSError: it cannot be opened.
    """
    # a pipe that nobody writes to would be waited for; Windows lacks these flags
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise RecordError("a symbolic link, and none is followed") from error
        raise
    with os.fdopen(handle, "rb") as file:
        # of what is open, not of the path, which may be another file by now
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise RecordError("no regular file")
        yield file


def copy_regular(source: Path, target: Path) -> None:
    """Copy a file so that at any moment the target is not there or whole, and follow no link.

    Raises:
        RecordError: the source is a link or a device, or larger than weights are.
        OSError: it cannot be read.
        StoreError: the target cannot be written; nothing of it is left behind.
    """
    with _open_regular(source) as file:
        size = os.fstat(file.fileno()).st_size
        if size > LARGEST_WEIGHTS:
            raise RecordError(f"{size} bytes, more than is taken ({LARGEST_WEIGHTS})")
        with _replacing(target) as copy:
            shutil.copyfileobj(file, copy, 2**20)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment either the old or the whole new content is there.

    Raises:
        StoreError: it cannot be written; nothing of it is left behind.
    """
    with _replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of ``path`` once it is whole.

    Raises:
        StoreError: it cannot be written; nothing of it is left behind.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)  # mkstemp's files are for their owner alone
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


_REMEDIES: Final = {
    errno.ENOSPC: "free some space, or choose another folder with --results",
    errno.EFBIG: "free some space, or choose another folder with --results",
    errno.EDQUOT: "free some space, or choose another folder with --results",
}


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "choose a writable folder with --results")
        raise StoreError(f"Cannot write {path}: {error.strerror}; {remedy}.") from error
