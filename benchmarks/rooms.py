"""Rendering the data set ``rooms``: time, frequency of classes, and what NumPy's SIMD changes.

Target: 1,000 images of 64 × 64 in under 60 s on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchbed.basics.cache import VARIABLE
from benchbed_zoo.datasets.rooms.dataset import CHANNELS, CLASSES, Rooms
from benchmarks.timing import save

SCENES = 50
RENDER = f"""
import sys
import numpy as np
from benchbed_zoo.datasets.rooms.render import render
scenes = [render(0, 0, index, 64, 64, 0.5) for index in range({SCENES})]
np.savez(sys.argv[1], **{{key: np.stack([x[key] for x in scenes]) for key in scenes[0]}})
"""


def main() -> None:
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        dataset = Rooms()
        started, used = time.perf_counter(), os.times()
        dataset.prepare(None)
        seconds, after = time.perf_counter() - started, os.times()
        labels = dataset.load("train", None)["segmentation"][:]
        differing = without_simd(Path(folder), features)
    save(
        "rooms",
        {
            "what": "1,000 images of 64 × 64 into the cache; target 60 s on two cores",
            "seconds": seconds,
            "CPU seconds of all processes": after.children_user
            + after.children_system
            - used.children_user
            - used.children_system,
            "processes": len(os.sched_getaffinity(0)),
            "classes": {
                name: {
                    "share of images": float((labels == k).any(axis=(1, 2)).mean()),
                    "share of pixels": float((labels == k).mean()),
                }
                for k, name in enumerate(CLASSES)
            },
            f"share of values that differ without {' '.join(features)}": differing,
        },
    )


def without_simd(folder: Path, features: list[str]) -> dict[str, float]:
    """Return each column's share of values that differ where NumPy uses no SIMD instructions."""
    files = {}
    for name, disabled in (("fast", ""), ("plain", " ".join(features))):
        files[name] = folder / f"{name}.npz"
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "NPY_DISABLE_CPU_FEATURES": disabled,
        }
        subprocess.run([sys.executable, "-c", RENDER, files[name]], env=environment, check=True)
    fast, plain = np.load(files["fast"]), np.load(files["plain"])
    return {name: float((fast[name] != plain[name]).mean()) for name in CHANNELS}


if __name__ == "__main__":
    main()
