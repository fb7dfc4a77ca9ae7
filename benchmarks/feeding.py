"""Feeding augmented dense samples: cached arrays and joined transforms against a plain loader.

The plain loader does what the released code of MTAN (S. Liu et al., CVPR 2019) and LibMTL does: one
``np.load`` for each target and sample, scale, crop and flip of each sample, a ``DataLoader``.
Samples are 288 × 384 with 13 classes, depth and normals; both crop by 1, 1.2 or 1.5 and flip.

Target: at least three times as fast at batch 8, in wall and CPU time; memory flat over ten epochs.
"""

from __future__ import annotations

import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchbed.engine.data import Split
from benchbed_zoo.datasets.nyu.nyuv2 import NYUv2
from benchbed_zoo.transforms.flip import Flip
from benchbed_zoo.transforms.scale_crop import ScaleCrop
from benchmarks.timing import save

SAMPLES, HEIGHT, WIDTH, CLASSES = 96, 288, 384, 13
EPOCHS, TURNS = 10, 7
FREED = 31 * 2**20


def main() -> None:
    torch.set_num_threads(1)
    # as a network's activations do: glibc then keeps freed memory, which is better for both
    torch.empty(FREED, dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        os.environ["BENCHBED_CACHE"] = str(Path(folder) / "cache")
        write(root)
        found = {str(size): compared(root, size) for size in (8, 2)}
        memory = resident_by_epoch(cached(root, 8))
    save(
        "feeding",
        {
            "what": "milliseconds a batch on one thread, CPU time with that of ended children; "
            "target at batch 8: three times as quick as the plain loader",
            "samples": SAMPLES,
            "size": [HEIGHT, WIDTH],
            "batch": found,
            "resident anonymous MiB after each of ten epochs at batch 8": memory,
        },
    )


def compared(root: Path, size: int) -> dict[str, object]:
    """Return times of each way to feed batches of a size, and how many times quicker ours is."""
    ways = {
        "benchbed": cached(root, size),
        "plain loader": plain(root, size, workers=0),
        "plain loader, 2 workers": plain(root, size, workers=2),
    }
    times = alternated(ways, -(-SAMPLES // size))
    ours = times["benchbed"]
    quicker = {
        way: {clock: own[clock] / ours[clock] for clock in ours}
        for way, own in times.items()
        if way != "benchbed"
    }
    return {"ms": times, "times as quick as": quicker}


def alternated(
    ways: dict[str, Callable[[int], Iterable[object]]], batches: int
) -> dict[str, dict[str, float]]:
    """Return medians and minima of wall and CPU milliseconds a batch, over epochs in turns."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for turn in range(TURNS + 1):
        for way, epoch in ways.items():
            started, used = time.perf_counter(), cpu_seconds()
            for _ in epoch(turn):
                pass
            spent = (time.perf_counter() - started, cpu_seconds() - used)
            if turn:  # the first warms up
                found[way].append(spent)
    return {
        way: {
            f"{clock} {name}": 1000 * summary(pair[k] for pair in spent) / batches
            for k, clock in enumerate(("wall", "CPU"))
            for name, summary in (("median", statistics.median), ("minimum", min))
        }
        for way, spent in found.items()
    }


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def resident_by_epoch(epoch: Callable[[int], Iterable[object]]) -> list[float]:
    """Return resident anonymous MiB after each epoch; mapped files are the system's cache."""
    found = []
    for number in range(EPOCHS):
        for _ in epoch(number):
            pass
        status = Path("/proc/self/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        found.append(round(int(line.split()[1]) / 1024, 1))
    return found


def write(root: Path) -> None:
    """Write the samples as MTAN's release has them: a file a sample and target."""
    for place, count in (("train", SAMPLES), ("val", 1)):
        for index in range(count):
            for name, array in smooth(index).items():
                (root / place / name).mkdir(parents=True, exist_ok=True)
                np.save(root / place / name / f"{index}.npy", array)


def smooth(index: int) -> dict[str, np.ndarray]:
    """Return one sample, channels last and float32, as the papers' files hold it."""
    generator = torch.Generator().manual_seed(index)
    coarse = torch.rand(1, 8, 9, 12, generator=generator)
    fine = F.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)[0].movedim(0, -1)
    normals = F.normalize(fine[..., 5:] - torch.tensor([0.5, 0.5, 1.5]), dim=-1)
    return {
        "image": fine[..., :3].numpy(),
        "label": (fine[..., 3] * (CLASSES - 1)).round().numpy(),
        "depth": (0.5 + 9 * fine[..., 4:5]).numpy(),
        "normal": normals.numpy(),
    }


def cached(root: Path, size: int) -> Callable[[int], Iterable[object]]:
    """Return what feeds an epoch of the data set ``nyuv2`` from its cache."""
    dataset = NYUv2()
    columns, targets = dataset.load("trainval", root), {name: name for name in dataset.targets}
    transforms = [Flip(), ScaleCrop()]
    split = Split(columns, targets, torch.device("cpu"), transforms, dataset.targets)
    return lambda number: split.shuffled(size, 0, number, drop_last=False)


def plain(root: Path, size: int, workers: int) -> Callable[[int], Iterable[object]]:
    """Return what feeds an epoch from a file a sample and target."""
    loader = torch.utils.data.DataLoader(
        OneFileEach(root / "train"), size, shuffle=True, num_workers=workers
    )
    return lambda number: loader


class OneFileEach(torch.utils.data.Dataset[tuple[Tensor, ...]]):
    """Loads, crops and flips one sample at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        image, normals = (self.read(name, index).movedim(-1, 0) for name in ("image", "normal"))
        labels = self.read("label", index)[None]
        depth = self.read("depth", index).movedim(-1, 0)
        scale = random.choice([1.0, 1.2, 1.5])
        height, width = int(HEIGHT / scale), int(WIDTH / scale)
        top, left = random.randint(0, HEIGHT - height), random.randint(0, WIDTH - width)

        def enlarged(maps: Tensor, mode: str, align: bool | None = None) -> Tensor:
            crop = maps[None, :, top : top + height, left : left + width]
            return F.interpolate(crop, (HEIGHT, WIDTH), mode=mode, align_corners=align)[0]

        image = enlarged(image, "bilinear", True)
        normals = enlarged(normals, "bilinear", True)
        labels, depth = enlarged(labels, "nearest"), enlarged(depth, "nearest") / scale
        if random.random() < 0.5:
            image, labels, depth, normals = (x.flip(-1) for x in (image, labels, depth, normals))
            normals[0] = -normals[0]
        return image, labels[0], depth, normals

    def read(self, name: str, index: int) -> Tensor:
        return torch.from_numpy(np.load(self.root / name / f"{index}.npy"))


if __name__ == "__main__":
    main()
