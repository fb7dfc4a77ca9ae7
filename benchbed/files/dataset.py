"""The base class of data sets that lie in files."""

from __future__ import annotations

import inspect
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np

from benchbed.basics.cache import cached, is_cached
from benchbed.basics.errors import DataError, one_line
from benchbed.contracts.dataset import Column, Dataset, Report, has_fixture, silent
from benchbed.discovery.spec import show_value
from benchbed.files.codings import Coding, coding_of
from benchbed.files.columns import Rows, mapped
from benchbed.files.entry import FILES, GROUPS, allocated, array_file, read_json
from benchbed.files.samples import (
    Found,
    Sample,
    absent,
    cut,
    file_digest,
    groups_of,
    paths_of,
    samples_of,
    sha256,
    stamped,
)
from benchbed.files.threads import in_threads
from benchbed.files.validity import Validity


class FileDataset(Dataset):
    """A data set that lies in files of a folder and is converted once into memory-mapped arrays.

    A plugin sets :attr:`input` and :attr:`targets` and defines ``find`` and ``read``. The data's
    folder is the one of its :attr:`name` below the data root, or else the data root itself.

    Its parts are what the data's authors divided it into: ``train`` and ``test``, which is what
    papers score on. Splits are ``trainval`` (the whole part ``train``), ``train`` and
    ``validation``, which it is cut into, and ``test``. The cut follows from the samples' names or
    groups alone, whatever their order: those with the smallest SHA-256 are held out.

    Attributes:
        name: the data set's id.
        revision: of ``find`` and ``read``: changes whenever an array may.
        held_out: share of part ``train`` that is held out for validation.
        layout: where the files lie, told to users who have not found them.
        counts: how many samples each part has by its authors' word; fewer are noted, not refused.
    """

    name: ClassVar[str]
    revision: ClassVar[str] = "1"
    held_out: ClassVar[float] = 0.1
    layout: ClassVar[str] = ""
    parts: ClassVar[tuple[str, ...]] = ("train", "test")
    official: ClassVar[Mapping[str, str]] = MappingProxyType({"trainval": "train"})
    counts: ClassVar[Mapping[str, int]] = MappingProxyType({})
    splits = ("train", "validation", "trainval", "test")
    _named: str
    _options: str

    @abstractmethod
    def find(self, folder: Path) -> Mapping[str, Sequence[Sample]]:
        """Return the samples of each part, in the data's own order.

        Whether their files are there need not be checked.

        Raises:
            DataError: a list or folder that tells which samples there are is missing or wrong.
        """

    @abstractmethod
    def read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays: ``"input"`` and each target.

        What they hold is checked by :meth:`codings`. Called by several threads at once.

        Raises:
            DataError: a file cannot be read; the message names it.
        """

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """Remember the options: arrays of other options lie in another entry of the cache."""
        made = super().__new__(cls)
        bound = inspect.signature(cls.__init__).bind(made, *arguments, **options)
        _, *given = bound.arguments.items()  # the first one is self
        written = ",".join(f"{name}={show_value(value)}" for name, value in given)
        made._named = f"{cls.name}:{written}" if written else cls.name
        bound.apply_defaults()
        _, *given = bound.arguments.items()
        made._options = repr(given)
        return made

    def codings(self) -> Mapping[str, Coding]:
        """Return how each column is checked and stored; by default what follows from its kind."""
        targets = {name: coding_of(target) for name, target in self.targets.items()}
        return {"input": coding_of(self.input), **targets}

    def folder(self, root: Path | None) -> Path:
        """Return the data's folder.

        Raises:
            DataError: there is none.
        """
        if root is None:
            raise DataError(
                f"Data set '{self.name}' needs its folder: name it with --data-root, BENCHBED_DATA "
                f"or data_root in the configuration file. {self._help()}"
            )
        own = root / self.name
        found = own if own.is_dir() else root
        if not found.is_dir():
            raise DataError(f"There is no folder {root}; {self.name} should be there.")
        return found

    def load(self, split: str, root: Path | None) -> Mapping[str, Column]:
        """Return the columns of a split, which decode what the cache's memory maps hold."""
        entry = self._entry(root)
        part = "test" if split == "test" else "train"
        columns: dict[str, Column] = {}
        for name, coding in self.codings().items():
            columns[name] = coding.column(mapped(entry / array_file(part, name)))
        if split in {"test", "trainval"}:
            return columns
        kept, held_out = cut(read_json(entry / GROUPS), self.held_out)
        positions = held_out if split == "validation" else kept
        rows = np.array(positions, dtype=np.int64)
        return {name: Rows(column, rows) for name, column in columns.items()}

    def length(self, split: str, root: Path | None) -> int:
        """Return how many samples a split has, by its lists and folders; no file is read."""
        found = self._found(root)
        if split in {"test", "trainval"}:
            return len(found["test" if split == "test" else "train"])
        kept, held_out = cut(groups_of(found), self.held_out)
        return len(held_out if split == "validation" else kept)

    def digest(self, root: Path | None) -> str:
        """Return a digest of the samples' names and their files' content, not of paths.

        It is kept in the cache, and files are read anew when a size or time of change is another.
        """
        folder, found = self.folder(root), self._found(root)
        return self._digest(found, folder, self._stamp(found, folder), silent)

    def size(self, root: Path | None) -> int:
        """Return how many bytes ``prepare`` would write; 0 if all is there.

        Reads no file's content: what has no digest yet is not there.
        """
        folder, found = self.folder(root), self._found(root)
        stamp = self._stamp(found, folder)
        if is_cached(stamp) and is_cached(self._key(self._digest(found, folder, stamp, silent))):
            return 0
        return self._volume(found)

    def notes(self, root: Path | None) -> list[str]:
        """Return for each part how many samples there are, if not as many as there should be."""
        found = self._found(root)
        notes: list[str] = []
        for part, count in self.counts.items():
            there = len(found[part])
            if there != count:
                notes.append(
                    f"Part '{part}' has {there:,} samples; the whole data set has {count:,}."
                )
        return notes

    def prepare(self, root: Path | None, report: Report = silent) -> None:
        """Read, check and convert all samples into the cache, unless they are there."""
        self._entry(root, report)

    def check(self, root: Path | None, report: Report = silent) -> list[str]:
        """Return what is wrong: every sample is read, and nothing written."""
        try:
            folder, found = self.folder(root), self._found(root)
        except DataError as error:
            return [str(error)]
        problems: list[str] = []
        validity = Validity(self.codings())
        jobs = _jobs(found, self.parts)

        def examine(job: tuple[str, int]) -> list[str] | dict[str, np.ndarray]:
            part, row = job
            sample = found[part][row]
            try:
                return absent(folder, sample) or self._encoded(folder, sample)
            except DataError as error:
                return [str(error)]

        for done, ((part, _), outcome) in enumerate(in_threads(examine, jobs), start=1):
            report(done, len(jobs))
            if isinstance(outcome, list):
                problems += outcome
            else:
                validity.add(part, outcome)
        whole = all(validity.samples(part) == len(found[part]) for part in self.parts)
        groups = groups_of(found) if whole else None
        problems += self._empty(validity, groups)
        return list(dict.fromkeys(problems))

    def _found(self, root: Path | None) -> Found:
        """Return the samples of each part.

        Raises:
            DataError: a part is empty, or a sample stands in two of them.
        """
        folder = self.folder(root)
        try:
            found = self.find(folder)
        except OSError as error:
            raise DataError(
                f"{error.filename or folder}: {error.strerror}. {self._help()}"
            ) from error
        except DataError as error:
            raise DataError(f"{error} {self._help()}") from error
        seen: set[tuple[str, str]] = set()
        for part in self.parts:
            samples = {(sample.id, sample.files["input"]) for sample in found.get(part, ())}
            if not samples:
                raise DataError(f"{folder} holds no sample of part '{part}'. {self._help()}")
            twice = min(seen & samples, default=None)
            if twice is not None:
                raise DataError(
                    f"{folder / twice[1]} is in part '{part}' and in another; take it out of one "
                    "list."
                )
            seen |= samples
        return found

    def _help(self) -> str:
        """Return how the data's folder should look, and where the data is."""
        wanted = f"Its files: {self.layout}. " if self.layout else ""
        known: list[str] = []
        if has_fixture(self):
            known.append(f"'benchbed data fixture {self.name} FOLDER' writes a miniature of it")
        if self.homepage:
            known.append(f"the data: {self.homepage}")
        listed = "; ".join(known)
        return f"{wanted}{listed[:1].upper()}{listed[1:]}." if listed else wanted.rstrip()

    def _digest(self, found: Found, folder: Path, stamp: str, report: Report) -> str:
        """Return a digest of the samples' names and files, which are read if their stamp is new."""
        paths = paths_of(found)

        def build(entry: Path) -> None:
            digests: dict[str, str] = {}
            work = in_threads(lambda path: file_digest(folder / path), paths)
            for done, (path, text) in enumerate(work, start=1):
                digests[path] = text
                report(done, len(paths))
            (entry / FILES).write_text(json.dumps(digests))

        digests = read_json(cached(stamp, build, 200 * len(paths)) / FILES)
        content: list[list[object]] = []
        for part in self.parts:
            for sample in found[part]:
                by_column = {column: digests[path] for column, path in sample.files.items()}
                content.append([part, sample.id, sample.group, by_column])
        return sha256(json.dumps(content, sort_keys=True))

    def _stamp(self, found: Found, folder: Path) -> str:
        """Return the cache's key of the files' digests: it follows from sizes and times of change.

        Raises:
            DataError: files are missing.
        """
        stamps = [stamped(folder, path) for path in paths_of(found)]
        if None in stamps:
            problems: list[str] = []
            for sample in samples_of(found):
                problems += absent(folder, sample)
            raise DataError(self._several(problems, folder))
        return f"digests/{sha256(json.dumps([self.name, stamps]))[:32]}"

    def _key(self, digest: str) -> str:
        """Return the cache's key of the arrays: it follows from all that they are made of."""
        cls = type(self)
        made_of = [cls.__module__, cls.__qualname__, self._options, self.revision, digest]
        made_of += [repr(item) for item in (self.input, self.targets, self.codings())]
        return f"{self.name}/{sha256(json.dumps(made_of))[:20]}"

    def _volume(self, found: Found) -> int:
        """Return how many bytes the arrays take."""
        count = sum(len(found[part]) for part in self.parts)
        return count * sum(coding.size for coding in self.codings().values())

    def _entry(self, root: Path | None, report: Report = silent) -> Path:
        """Return the folder of the converted arrays; make them first where they are not there."""
        folder, found = self.folder(root), self._found(root)
        stamp = self._stamp(found, folder)
        key = self._key(self._digest(found, folder, stamp, report))

        def build(entry: Path) -> None:
            self._convert(folder, found, entry, report)
            if self._stamp(found, folder) != stamp:
                raise DataError(
                    f"Files of {folder} were changed while they were read; run this again when "
                    "nothing writes there."
                )

        return cached(key, build, self._volume(found))

    def _several(self, problems: Sequence[str], folder: Path) -> str:
        """Return the first of several problems, and how to see them all."""
        more = len(problems) - 1
        told = f" {more} more: see" if more else " See also"
        return f"{problems[0]}{told} 'benchbed data check {self._named} --root {folder}'."

    def _convert(self, folder: Path, found: Found, entry: Path, report: Report) -> None:
        """Write each part's arrays and index into a cache entry.

        Raises:
            DataError: a sample is damaged, or a split has no valid value of some target.
        """
        codings = self.codings()
        arrays: dict[tuple[str, str], np.memmap[Any, Any]] = {}
        for part in self.parts:
            for name, coding in codings.items():
                shape = (len(found[part]), *coding.shape)
                arrays[part, name] = allocated(entry / array_file(part, name), coding.dtype, shape)
        jobs = _jobs(found, self.parts)
        validity = Validity(codings)

        def encode(job: tuple[str, int]) -> dict[str, np.ndarray]:
            part, row = job
            return self._encoded(folder, found[part][row])

        try:
            for done, ((part, row), stored) in enumerate(in_threads(encode, jobs), start=1):
                for name, values in stored.items():
                    arrays[part, name][row] = values
                validity.add(part, stored)
                report(done, len(jobs))
        except DataError as error:
            raise DataError(self._several([str(error)], folder)) from error
        problems = self._empty(validity, groups_of(found))
        if problems:
            raise DataError(self._several(problems, folder))
        for array in arrays.values():
            array.flush()
        (entry / GROUPS).write_text(json.dumps(groups_of(found)))

    def _encoded(self, folder: Path, sample: Sample) -> dict[str, np.ndarray]:
        """Return what is stored of a sample.

        Raises:
            DataError: a file is damaged or holds what it should not; the message names it.
        """
        values = self._read(folder, sample)
        stored: dict[str, np.ndarray] = {}
        for column, coding in self.codings().items():
            try:
                stored[column] = coding.encode(values[column])
            except DataError as error:
                where = folder / sample.files.get(column, sample.files["input"])
                raise DataError(
                    f"{where} ({column} of '{sample.id}'): {error}; copy the file anew or mend it."
                ) from error
        return stored

    def _read(self, folder: Path, sample: Sample) -> Mapping[str, np.ndarray]:
        """Return a sample's arrays, whatever a damaged file makes ``read`` raise as DataError."""
        try:
            return self.read(folder, sample)
        except (DataError, MemoryError):
            raise
        except Exception as error:
            raise DataError(
                f"Sample '{sample.id}' of {self.name} cannot be read ({one_line(error)}): "
                f"{', '.join(dict.fromkeys(sample.files.values()))}; copy it anew."
            ) from error

    def _empty(self, validity: Validity, groups: Sequence[str] | None) -> list[str]:
        """Return a sentence for each target of which a whole split holds nothing valid."""
        return [
            f"Nothing is valid in '{column}' of the whole split '{split}' of {self.name}; are "
            "these the right files?"
            for column, split in validity.empty(groups, self.held_out)
        ]


def _jobs(found: Found, parts: Sequence[str]) -> list[tuple[str, int]]:
    """Return part and position of each sample."""
    jobs: list[tuple[str, int]] = []
    for part in parts:
        jobs += [(part, row) for row in range(len(found[part]))]
    return jobs
