"""Fill the cache of ``rooms``: as many processes as there are cores, each with its share of rows.

Processes of their own and not ``multiprocessing``'s, which import the user's script anew or copy a
process in which torch's threads run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

import numpy as np

from benchbed.basics.environment import cores
from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Report
from benchbed_zoo.datasets.rooms.channels import CHANNELS, file_name
from benchbed_zoo.datasets.rooms.render import render

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def volume(sizes: Mapping[str, int], options: Mapping[str, Any]) -> int:
    """Return the number of bytes of all columns."""
    pixel = sum(np.dtype(kind).itemsize * max(depth, 1) for depth, kind in CHANNELS.values())
    return sum(sizes.values()) * options["height"] * options["width"] * pixel


def build(
    folder: Path, sizes: Mapping[str, int], options: Mapping[str, Any], report: Report
) -> None:
    """Render all splits into a folder.

    Args:
        folder: where the columns' files go.
        sizes: number of scenes of each split.
        options: height, width, seed and share of people.
        report: told after each scene.

    Raises:
        DataError: a process failed, with the end of what it said.
    """
    plane, total = (options["height"], options["width"]), sum(sizes.values())
    for split, size in sizes.items():
        for name, (depth, kind) in CHANNELS.items():
            shape = (size, *((depth,) if depth else ()), *plane)
            np.lib.format.open_memmap(folder / file_name(split, name), "w+", kind, shape)
    workers: list[subprocess.Popen[bytes]] = []
    read, write = os.pipe()  # each worker writes a line a scene
    with TemporaryFile() as errors, os.fdopen(read) as lines:
        try:
            count = min(cores(), total)
            job = {"folder": str(folder), "sizes": sizes, "options": options, "step": count}
            with os.fdopen(write, "wb") as output:
                workers.extend(
                    _start({**job, "first": first}, output, errors) for first in range(count)
                )
            for done, _ in enumerate(lines, 1):
                report(done, total)
                if any(worker.poll() for worker in workers):
                    break
            else:
                for worker in workers:
                    worker.wait()
            if any(worker.poll() for worker in workers):
                raise _failure(errors)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


def _start(job: Mapping[str, Any], output: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
    path = {"PYTHONPATH": os.pathsep.join(sys.path), **dict.fromkeys(THREADS, "1")}
    return subprocess.Popen(
        [sys.executable, "-m", __name__, json.dumps(job)],
        env={**os.environ, **path},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
    )


def _failure(errors: IO[bytes]) -> DataError:
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip()
    last = said.splitlines()[-1] if said else "it was killed, perhaps for want of memory"
    return DataError(f"A process that rendered the data set 'rooms' failed: {last}.")


def work(job: Mapping[str, Any]) -> None:
    """Render every ``step``-th scene from the ``first`` on into the files of a folder."""
    folder, number = Path(job["folder"]), 0
    for place, (split, size) in enumerate(job["sizes"].items()):
        columns = {
            name: np.lib.format.open_memmap(folder / file_name(split, name), "r+")
            for name in CHANNELS
        }
        for index in range(size):
            if number % job["step"] == job["first"]:
                scene = render(split=place, index=index, **job["options"])
                for name, column in columns.items():
                    column[index] = scene[name]
                print(number, flush=True)
            number += 1
        for column in columns.values():
            column.flush()


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
