"""How a conformance class finds its plugin and its options."""

import ast
from pathlib import Path

import pytest

import benchbed
from benchbed.basics.errors import PluginError
from benchbed.testing import TaskContract, WeightingContract


class Dwa(WeightingContract):
    id = "dwa"
    options = {"T": 0.5}


def test_a_plugin_is_found_by_its_id_with_its_options():
    assert Dwa().construct({}).temperature == 2.0
    assert Dwa().construct(Dwa.options).temperature == 0.5


class Asked:
    """What pytest hands over when it collects a test."""

    def __init__(self, *fixturenames):
        self.fixturenames = fixturenames
        self.sets = None

    def parametrize(self, name, sets, ids):
        assert name == "given"
        self.sets = {ids(given): given for given in sets}


@pytest.mark.parametrize(
    ("author", "sets"),
    [
        (Dwa, {"defaults": {}, "T=0.5": {"T": 0.5}}),
        (type("Default", (WeightingContract,), {"id": "dwa"}), {"defaults": {}}),
    ],
)
def test_a_test_runs_with_the_defaults_and_with_the_stated_options(author, sets):
    asked = Asked("given")
    author().pytest_generate_tests(asked)
    assert asked.sets == sets
    other = Asked("tmp_path")
    author().pytest_generate_tests(other)
    assert other.sets is None


def test_a_class_without_a_plugin_says_what_it_needs():
    with pytest.raises(AssertionError, match="WeightingContract must name its plugin: id = "):
        WeightingContract().test_its_spec_is_sound()


def test_a_name_that_is_not_installed_suggests_one():
    with pytest.raises(PluginError, match="Did you mean 'dwa'"):
        type("Typo", (WeightingContract,), {"id": "dwaa"})().test_its_spec_is_sound()


def test_a_task_is_tested_by_default_with_samples_that_are_not_annotated():
    author = type("Labels", (TaskContract,), {"id": "classification"})()
    assert author.construct({}).target.ignore is not None


def test_pytest_is_imported_by_the_conformance_classes_alone():
    package = Path(benchbed.__file__).parent
    importers = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [alias.name for alias in node.names] + [getattr(node, "module", "")]
            if "pytest" in names:
                importers.add(path.parent.name)
    assert importers == {"testing"}
