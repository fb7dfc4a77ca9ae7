"""Small packages written as one text: ``# file: name.py`` begins a file, the first is main.py."""

import importlib
import sys
import tempfile
from pathlib import Path
from textwrap import dedent

from benchbed.discovery.source import source_digest, source_text

PACKAGE = "pkg_of_source_tests"
TARGET = f"{PACKAGE}.main:Thing"


def split(text: str) -> dict[str, str]:
    """Return the files of a package written as one text; ``pkg`` stands for its name."""
    files = {"__init__.py": "", "main.py": ""}
    name = "main.py"
    for line in dedent(text).splitlines():
        if line.startswith("# file: "):
            name = line.removeprefix("# file: ")
            files[name] = ""
        else:
            files[name] = files.get(name, "") + line.replace("pkg", PACKAGE) + "\n"
    return files


def write(files: dict[str, str], folder: Path) -> None:
    for name, content in files.items():
        path = folder / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def in_package(text: str, ask, target: str = TARGET) -> str:
    """Return ``ask(target)`` while the package is on the path."""
    with tempfile.TemporaryDirectory() as folder:
        write(split(text), Path(folder))
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        try:
            return ask(target.replace("pkg", PACKAGE) if target.startswith("pkg.") else target)
        finally:
            sys.path.remove(folder)


def digest(text: str, target: str = TARGET) -> str:
    found = in_package(text, source_digest, target)
    assert found.startswith("ast1:")
    return found


def canonical(text: str, target: str = TARGET) -> str:
    return in_package(text, source_text, target)
