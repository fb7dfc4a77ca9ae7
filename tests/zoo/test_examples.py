"""What the docstrings of the weightings and architectures show is what happens."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re

import pytest
import torch

import benchbed
from benchbed.discovery.method import resolve_method
from benchbed.discovery.registry import discover
from benchbed_zoo import architectures, weightings

ZOO = discover({"BENCHBED_PLUGINS": "zoo"})


def modules_of(*packages):
    for package in packages:
        yield package.__name__
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield found.name


MODULES = list(modules_of(weightings, architectures))


def docstrings(name):
    """Each docstring of a module, with the examples in it, as doctest finds them."""
    finder = doctest.DocTestFinder(exclude_empty=False)
    module = importlib.import_module(name)
    return finder.find(module, extraglobs={"benchbed": benchbed, "torch": torch})


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    report: list[str] = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for docstring in docstrings(name):
            runner.run(docstring, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


@pytest.mark.parametrize("package", [weightings, architectures])
def test_examples_are_found(package):
    found = [text for name in modules_of(package) for text in docstrings(name) if text.examples]
    assert len(found) > 5


def methods_named_in(name):
    """The methods in a module's docstrings, as in ``hps+cagrad:c=0.5``."""
    known = "|".join(entry.spec.id for entry in ZOO.of_kind("architecture"))
    text = "\n".join(found.docstring for found in docstrings(name))
    return re.findall(rf"\b(?:{known})[+:][\w.:=,+-]*\w", text)


@pytest.mark.parametrize("name", MODULES)
def test_methods_named_in_docstrings_exist(name):
    for method in methods_named_in(name):
        architecture = re.split(r"[+:]", method)[0]
        assert resolve_method(method, ZOO, tasks=None).architecture.id == architecture
