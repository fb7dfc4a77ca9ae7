"""``benchbed data list``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from benchbed.cli.common import json_option, print_json, strict_option
from benchbed.cli.data_command import installed_datasets
from benchbed.contracts.dataset import Dataset


@click.command("list")
@json_option
@strict_option
def command(as_json: bool, strict_plugins: bool) -> None:
    """List the installed data sets: what they hold, what they need, their licences.

    \b
    Example:
      benchbed data list
    """
    found = installed_datasets(strict=strict_plugins)
    rows = [{"id": spec.id, "summary": spec.summary, **_facts(dataset)} for spec, dataset in found]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        _print_facts(row)


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "input": list(dataset.input.shape),
        "splits": list(dataset.splits),
        "targets": list(dataset.targets),
        "needs_folder": bool(dataset.check(None)),
        "licence": dataset.licence,
        "homepage": dataset.homepage,
    }


def _print_facts(row: Mapping[str, Any]) -> None:
    lines = {
        "input": " × ".join(map(str, row["input"])),
        "splits": ", ".join(row["splits"]),
        "targets": ", ".join(row["targets"]),
        "files": "in the folder of --data-root" if row["needs_folder"] else "none needed",
        "licence": row["licence"],
        "home page": row["homepage"],
    }
    formatter = click.HelpFormatter()
    formatter.indent()
    formatter.write_text(row["summary"])
    formatter.write_dl([(name, text) for name, text in lines.items() if text])
    click.secho(row["id"], bold=True)
    click.echo(formatter.getvalue())
