"""What a record says of the machine and the software; no host names, no paths."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("benchbed", "torch", "torchvision", "timm", "torchmetrics", "numpy")


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Return the versions of what results depend on, without importing any of it."""
    found: dict[str, str] = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def describe(device: str, threads: int) -> dict[str, str]:
    """Return the environment of a run.

    Args:
        device: the torch device that was used, and for a GPU its model.
        threads: number of CPU threads.
    """
    return {
        **versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "device": device,
        "threads": str(threads),
    }


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit_of(folder: Path) -> tuple[str, bool]:
    """Return the git commit that a folder is at, and whether its tracked files differ from it.

    The commit is empty where there is none: before the first one, without git, or elsewhere.
    """
    try:
        done = subprocess.run(
            ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "", False
    commit, dirty = "", False
    for line in done.stdout.splitlines():
        if line.startswith("# branch.oid") and not commit:
            commit = line.split()[-1]
        elif not line.startswith("#"):
            dirty = True
    if commit == "(initial)":
        return "", dirty
    return commit, dirty


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
