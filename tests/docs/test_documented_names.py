"""Dotted paths that the documentation and the example plugin name keep working."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLE = sorted((ROOT / "plugins" / "example").rglob("*.py"))

ELSEWHERE = {
    "benchbed.cache": "benchbed.basics.cache",
    "benchbed.errors": "benchbed.basics.errors",
    "benchbed.hookspecs": "benchbed.discovery.hookspecs",
    "benchbed.spec": "benchbed.discovery.spec",
}
"""Documented names and the modules that they stand for."""

IN_PLACE = (
    "benchbed.execution.executor",
    "benchbed.files",
    "benchbed.files.reading",
    "benchbed.report.statistics",
    "benchbed.testing",
    "benchbed.worker",
)


@pytest.mark.parametrize(("name", "place"), ELSEWHERE.items())
def test_a_documented_name_gives_the_very_objects_of_the_module_that_it_stands_for(name, place):
    named, module = importlib.import_module(name), importlib.import_module(place)
    public = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    own = {key for key, value in public.items() if getattr(value, "__module__", "") == place}
    assert own
    assert all(getattr(named, key) is value for key, value in public.items())


@pytest.mark.parametrize("name", IN_PLACE)
def test_a_documented_module_is_where_it_was(name):
    assert importlib.import_module(name)


@pytest.mark.parametrize("file", [*PAGES, *EXAMPLE], ids=lambda file: file.name)
def test_every_dotted_path_that_is_named_exists(file):
    named = set(re.findall(r"\bbenchbed(?:\.[A-Za-z_]\w*)+", file.read_text("utf-8")))
    missing = [name for name in sorted(named) if not exists(name)]
    assert not missing


def exists(name: str) -> bool:
    module, *rest = name.split(".")
    found = importlib.import_module(module)
    for part in rest:
        module = f"{module}.{part}"
        try:
            found = getattr(found, part)
        except AttributeError:
            try:
                found = importlib.import_module(module)
            except ModuleNotFoundError:
                return False
    return True
