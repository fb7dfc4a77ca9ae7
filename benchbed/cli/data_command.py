"""``benchbed data``: a file of the folder ``data`` for each of its commands."""

from __future__ import annotations

from typing import Final

import click

from benchbed.basics.errors import BenchbedError, MethodError
from benchbed.cli.common import open_registry
from benchbed.cli.lazy import LazyGroup
from benchbed.contracts.dataset import Dataset
from benchbed.discovery.loading import make_component
from benchbed.discovery.method import plain_component
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import Spec

MODULES: Final = {
    "check": "benchbed.cli.data.check_files",
    "fixture": "benchbed.cli.data.write_fixture",
    "list": "benchbed.cli.data.list_datasets",
    "prepare": "benchbed.cli.data.prepare_cache",
    "show": "benchbed.cli.data.show_samples",
}


@click.group("data", cls=LazyGroup, modules=MODULES)
def command() -> None:
    """List, prepare, check and show data sets.

    A data set is named with its options, if any: digits, or rooms:height=288,width=384.

    \b
    Examples:
      benchbed data list
      benchbed data show digits --samples 12
    """


def find_dataset(text: str, *, strict: bool) -> Dataset:
    """Return the installed data set meant by ``name:option=value,option=value``.

    Raises:
        PluginError: there is none of that name, or its class cannot be used.
        MethodError: its options are wrong.
    """
    return _make(text, open_registry(strict=strict))


def installed_datasets(*, strict: bool) -> list[tuple[Spec, Dataset]]:
    """Return every installed data set; name those that cannot be used on standard error.

    Raises:
        BenchbedError: one cannot be used, and ``strict`` is given.
    """
    registry = open_registry(strict=strict)
    found: list[tuple[Spec, Dataset]] = []
    for entry in registry.of_kind("dataset"):
        try:
            dataset = _make(entry.spec.id, registry)
        except BenchbedError as error:
            if strict:
                raise
            click.echo(f"Note: left out data set '{entry.spec.id}': {error}", err=True)
        else:
            found.append((entry.spec, dataset))
    return found


def _make(text: str, registry: Registry) -> Dataset:
    name, colon, tail = text.partition(":")
    options: dict[str, str] = {}
    for item in tail.split(",") if colon else ():
        option, _, value = item.partition("=")
        if not (option and value):
            raise MethodError(f"In data set '{text}', '{item}' must look like option=value.")
        if option in options:
            raise MethodError(f"In data set '{text}', option '{option}' is given twice.")
        options[option] = value
    component = plain_component("dataset", registry.get("dataset", name), options)
    return make_component(component, Dataset)
