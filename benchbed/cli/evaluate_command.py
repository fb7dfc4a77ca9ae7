"""``benchbed evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.basics.errors import StoreError
from benchbed.cli.common import (
    data_option,
    json_option,
    open_registry,
    plugin_option,
    print_json,
    results_option,
    strict_option,
)
from benchbed.discovery.catalogue import find_protocol
from benchbed.records.record import Tier
from benchbed.records.store import Store
from benchbed.records.tries import read_tries
from benchbed.records.verification import tier_of


@click.command("evaluate")
@click.argument("what", metavar="RECORD|FILE.safetensors")
@click.argument("method", required=False)
@click.option("--split", default="test", show_default=True, help="Of the protocol or the data set.")
@click.option(
    "--protocol", metavar="PROTOCOL", help="Of a checkpoint; of a record that no plugin brings."
)
@data_option
@results_option
@json_option
@plugin_option
@strict_option
def command(
    what: str,
    method: str | None,
    split: str,
    protocol: str | None,
    data_root: Path | None,
    results: Path,
    as_json: bool,
    plugins: tuple[Path, ...],
    strict_plugins: bool,
) -> None:
    """Score a record's network, or a checkpoint of your own.

    A checkpoint's scores are claimed: nothing says how it was trained, and they enter no table.

    \b
    Examples:
      benchbed evaluate 380257
      benchbed evaluate 380257 --split validation --json
      benchbed evaluate mine.safetensors hps+dwa --protocol digits
    """
    registry = open_registry(strict=strict_plugins, plugins=plugins)
    is_checkpoint = what.endswith(".safetensors")
    if is_checkpoint and not (method and protocol):
        raise click.UsageError("A checkpoint needs its METHOD and --protocol.")
    if not is_checkpoint and method:
        raise click.UsageError("A record says itself which METHOD it is of; leave it out.")

    # here and not above, since it loads torch
    from benchbed.api.models import load_record
    from benchbed.api.own_checkpoint import load_checkpoint_of
    from benchbed.report.inspect.records import find_record, read_record
    from benchbed.report.inspect.request import Request

    if is_checkpoint:
        if not Path(what).is_file():
            raise StoreError(f"There is no file {what}.")
        found = find_protocol(str(protocol), registry, read_tries(results))
        model = load_checkpoint_of(Path(what), found, str(method), registry, data_root)
        told = {"checkpoint": what, "protocol": found.id, "method": model.session.job.method}
        tier: Tier = "claimed"
    else:
        path = find_record(what, results)
        request = Request(path, results, protocol=protocol, data_root=data_root)
        record = read_record(path)
        model = load_record(record, request, registry)
        told = {"record": record.key, "protocol": record.protocol, "method": record.method}
        tier = tier_of(record, Store(results))
    scores = model.evaluate(split)
    if as_json:
        print_json({**told, "split": split, "tier": tier, "scores": scores})
        return
    click.echo(f"{told['method']} under {told['protocol']}, {split} split ({tier})")
    for task, values in scores.items():
        for metric, value in values.items():
            click.echo(f"  {task} {metric}: {value:.6g}")
