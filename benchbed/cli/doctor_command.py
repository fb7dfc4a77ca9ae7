"""``benchbed doctor``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from benchbed.basics.environment import versions
from benchbed.basics.errors import BenchbedError, one_line
from benchbed.basics.texts import counted
from benchbed.cli.common import open_registry, results_option
from benchbed.contracts.dataset import Dataset
from benchbed.discovery.catalogue import protocols, suites
from benchbed.discovery.loading import load
from benchbed.discovery.spec import Kind
from benchbed.execution.executor import Executor
from benchbed.records.store import Store


@click.command("doctor")
@results_option
def command(results: Path) -> None:
    """Check the installation, the plugins and the results folder.

    Ends with status 1 when something needs mending.

    \b
    Example:
      benchbed doctor
    """
    healthy = True
    for good, line in _checks(results):
        healthy &= good
        mark = click.style("ok  ", fg="green") if good else click.style("MEND", fg="red")
        click.echo(f"{mark} {line}")
    if not healthy:
        raise click.exceptions.Exit(1)


def _checks(results: Path) -> Iterator[tuple[bool, str]]:
    """Yield what was looked at, a line each, and whether it is sound."""
    for name, version in versions().items():
        yield version != "not installed", f"{name} {version}"
    yield from _torch()
    yield from _plugins()
    yield from _results(results)


def _torch() -> Iterator[tuple[bool, str]]:
    try:
        import torch
        import torchvision  # noqa: F401 - that it can be imported beside torch is the check
    except Exception as error:  # noqa: BLE001 - broken builds raise anything
        yield False, f"torch or torchvision cannot be imported: {one_line(error)}"
        return
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    yield True, f"torch can be imported; GPU: {gpu}; cores: {os.cpu_count()}"


def _plugins() -> Iterator[tuple[bool, str]]:
    try:
        registry = open_registry(strict=False, note=False)
    except BenchbedError as error:
        yield False, str(error)
        return
    known, groups = protocols(registry), suites(registry)
    bases = _bases()
    for entry in registry.entries.values():
        try:
            load(entry.spec.target, bases[entry.kind])
        except BenchbedError as error:
            yield False, f"{entry.kind} '{entry.spec.id}' of {entry.distribution}: {error}"
    for broken in registry.broken:
        yield False, f"left out {broken}"
    components = len(registry.entries)
    there = [
        counted(components, "component"),
        counted(len(known), "protocol"),
        counted(len(groups), "suite"),
    ]
    yield True, ", ".join(there)


def _bases() -> dict[Kind, type]:
    """Return what components extend; here and not above, since most of it loads torch."""
    from benchbed.contracts.architecture import Architecture
    from benchbed.contracts.backbone import Backbone
    from benchbed.contracts.task import Task
    from benchbed.contracts.transform import Transform
    from benchbed.contracts.weighting import Weighting

    return {
        "architecture": Architecture,
        "backbone": Backbone,
        "dataset": Dataset,
        "task": Task,
        "weighting": Weighting,
        "transform": Transform,
        "executor": Executor,
    }


def _results(results: Path) -> Iterator[tuple[bool, str]]:
    store = Store(results)
    if not results.exists():
        yield True, f"{results} does not exist yet"
        return
    try:
        store.require_writable()
    except BenchbedError as error:
        yield False, str(error)
    count = unsealed = 0
    for protocol in sorted((results / "runs").glob("*/*")):
        if not protocol.name.isdecimal():
            continue
        records, refused = store.records(protocol.parent.name, int(protocol.name))
        count += len(records)
        unsealed += sum(not record.content for record in records)
        for item in refused:
            yield False, f"record {item}"
    without = f", {unsealed} of them without a digest of their content" if unsealed else ""
    yield True, f"{results}: {count} sound records{without}"
