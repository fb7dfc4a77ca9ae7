"""Making a run by the source of a commit, in a process that imports that commit's tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchbed.basics.errors import RecordError, RunError
from benchbed.records.job import Job
from benchbed.records.record import Record
from benchbed.records.store import Store

_SKIPPED = {"tests", "docs", "benchmarks", "results"}
"""Folders at a tree's top that hold no package which a run imports."""


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a commit.

    Attributes:
        commit: as given.
        root: the folder that they lie in.
        roots: the folders from which the packages are imported.
    """

    commit: str
    root: Path
    roots: tuple[Path, ...]


def unpack(commit: str, packages: Iterable[str], repository: Path, folder: Path) -> Tree:
    """Write a commit's files into a folder and find the packages there.

    Args:
        commit: of the repository that the packages' source is kept in.
        packages: top-level names, such as ``benchbed``.
        repository: a folder of it.
        folder: where the tree goes; what is there already is taken.

    Raises:
        RecordError: there is no such commit, or none of the packages in it.
    """
    root = folder / commit
    if not root.is_dir():
        _extract(commit, repository, root)
    roots: list[Path] = []
    for package in packages:
        place = _import_root(root, package)
        if place is not None and place not in roots:
            roots.append(place)
    if not roots:
        listed = ", ".join(packages)
        raise RecordError(f"Commit {commit} of {repository} holds none of the packages {listed}.")
    return Tree(commit, root, tuple(roots))


def _extract(commit: str, repository: Path, root: Path) -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent) as scratch:
        archive = Path(scratch) / "tree.tar"
        done = subprocess.run(
            ["git", "archive", "--format=tar", f"--output={archive}", "--end-of-options", commit],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise RecordError(
                f"There is no commit '{commit}' in the repository at {repository} "
                f"({said[-1] if said else 'git failed'}); give the command in a clone that has it."
            )
        files = Path(scratch) / "files"
        with tarfile.open(archive) as tree:
            tree.extractall(files, filter="data")
        files.replace(root)


def _import_root(root: Path, package: str) -> Path | None:
    """Return the folder of a tree that holds a package, the one nearest the top."""
    found = [
        file.parent.parent
        for file in root.glob(f"**/{package}/__init__.py")
        if file.relative_to(root).parts[0] not in _SKIPPED
    ]
    return min(found, key=lambda place: len(place.parts), default=None)


def run_at(tree: Tree, job: Job, protocol: str, results: Path) -> Record:
    """Make a run by the source of a commit; a run that is in the results folder is not repeated.

    Args:
        tree: the commit's files.
        job: the run, as the present source plans it.
        protocol: the protocol's id, or its file.
        results: a results folder for this commit's runs alone.

    Raises:
        RunError: it failed, or the commit's benchbed plans another run.
    """
    found = Store(results).find(job.place, job.key)
    if not isinstance(found, Record):
        done = subprocess.run(
            _command(job, protocol, results),
            cwd=tree.root,
            env=_environment(tree),
            capture_output=True,
            text=True,
            check=False,
        )
        found = Store(results).find(job.place, job.key)
        if not isinstance(found, Record):
            said = (done.stderr or done.stdout).strip().splitlines()
            last = said[-1] if said else f"it ended with status {done.returncode}"
            raise RunError(
                f"Commit {tree.commit} left no record of {job.method} seed {job.seed}: {last}"
            )
    return found


def _command(job: Job, protocol: str, results: Path) -> list[str]:
    command = [sys.executable, "-m", "benchbed", "run", protocol, job.method]
    command += ["--seeds", f"{job.seed},", "--threads", str(job.threads), "--jobs", "1"]
    command += ["--device", job.device, "--results", str(results.absolute()), "--no-measure"]
    command += ["--data-root", job.data_root] if job.data_root else []
    command += ["--pretrained", job.pretrained] if job.pretrained else []
    command += ["--log-gradients"] if job.log_gradients else []
    return command


def _environment(tree: Tree) -> dict[str, str]:
    """Return the environment in which the commit's packages are found before the installed ones."""
    before = os.environ.get("PYTHONPATH", "")
    roots = [str(place) for place in tree.roots]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*roots, *filter(None, [before])])}
