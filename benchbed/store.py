"""The results folder: where records lie, and how they are written so that none is ever half there.

::

    runs/<protocol>/<version>/<architecture>/<weighting>/<run key>.json   and .safetensors beside it
    failed/…  measurements/…                                               the same layout
    checkpoints/<run key>.pt  logs/<run key>.log                           while a run is under way
    leaderboards/                                                          derived
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from benchbed.errors import RecordError, StoreError
from benchbed.record import Failure, Measurement, Record, decode, decode_record

Shelf = Literal["runs", "failed", "measurements"]
SUPERSEDED: Final = ".superseded-"


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


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was skipped, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


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
            return decode_record(path.read_bytes(), path.stem)
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
        return sorted(path for path in found if SUPERSEDED not in path.name)

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
            return decode(self.path(shelf, place, key).read_bytes(), kind)
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
        for path in self._files("runs", protocol, version):
            try:
                records.append(decode_record(path.read_bytes(), path.stem))
            except RecordError as error:
                refused.append(Refused(path, str(error)))
            except OSError as error:
                refused.append(Refused(path, str(error.strerror)))
        records.sort(key=lambda record: (record.method, record.seed, record.tasks))
        return records, refused

    def others(self, shelf: Shelf, protocol: str, version: int, kind: type[Any]) -> list[Any]:
        """Return a protocol's failures or measurements; what cannot be read is left out."""
        found: list[Any] = []
        for path in self._files(shelf, protocol, version):
            with contextlib.suppress(OSError, RecordError):
                found.append(decode(path.read_bytes(), kind))
        return found

    def _files(self, shelf: Shelf, protocol: str, version: int) -> Iterator[Path]:
        top = self.root / shelf / protocol / str(version)
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                if name.endswith(".json") and SUPERSEDED not in name and not name.startswith("."):
                    yield Path(folder, name)

    def require_writable(self) -> None:
        """Refuse a results folder that cannot be written, before anything is trained.

        Raises:
            StoreError: with the folder and the remedy.
        """
        with _writing(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(b"benchbed")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that at any moment either the old or the whole new content is there.

    Raises:
        StoreError: it cannot be written; nothing of it is left behind.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
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
