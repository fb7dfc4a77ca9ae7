"""Fixtures: a registry with the toy plugin, plugins installed into a folder, the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

from benchbed.contracts.protocol import parse_protocol
from benchbed.discovery.registry import Registry, discover
from tests import toys

ROOT = Path(__file__).parent.parent

# nothing in the tests is timed: a busy machine is no fault
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory):
    """The tests share a cache, and never use that of who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHBED_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def global_switches():
    """Torch's global switches, which training in this process sets, are put back."""
    import torch

    torch.use_deterministic_algorithms(False)
    benchmark = torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = benchmark


@pytest.fixture
def registry() -> Registry:
    """First-party plugins and the toy plugin."""
    found = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
    found.add_plugin(toys, "toys", "toys", "1.0")
    return found


@pytest.fixture
def toy_protocol(tmp_path):
    """The toy protocol, parsed."""
    return parse_protocol(toys.write_protocol(tmp_path).read_text(), "toy")


class PluginFolder:
    """A folder on ``PYTHONPATH`` in which distributions are installed by writing their files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(self, name: str, source: str, version: str = "1.0") -> Path:
        """Install ``name`` as a module of its own with an entry point; return the module's file."""
        self.path.mkdir(exist_ok=True)
        module = self.path / f"{name}.py"
        module.write_text(source)
        info = self.path / f"{name}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        info.joinpath("METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        info.joinpath("entry_points.txt").write_text(f"[benchbed]\n{name} = {name}\n")
        return module


@pytest.fixture
def plugin_folder(tmp_path) -> PluginFolder:
    """An empty plugin folder; the ``bench`` fixture's processes see what is installed in it."""
    return PluginFolder(tmp_path / "plugins")


@pytest.fixture
def bench(tmp_path, plugin_folder):
    """Run ``benchbed`` in a process of its own, in an empty folder; returns the finished process.

    The toy plugin is installed. Keyword ``env`` adds environment variables, ``timeout`` is in s.
    """
    plugin_folder.install("toys_plugin", "from tests.toy_manifest import *\n")
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)

    def call(*arguments: str, env=None, timeout: float = 120, start=False):
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, [plugin_folder.path, ROOT, ROOT / "plugins"])),
            "COLUMNS": "80",
            **(env or {}),
        }
        command = [sys.executable, "-m", "benchbed", *map(str, arguments)]
        if start:
            return subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    call.folder = folder
    call.protocol = toys.write_protocol(folder)
    return call
