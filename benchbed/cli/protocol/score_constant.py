"""``benchbed protocol constant``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from benchbed.basics.texts import counted
from benchbed.cli.common import (
    data_option,
    json_option,
    open_registry,
    print_json,
    results_option,
    strict_option,
)
from benchbed.discovery.catalogue import find_protocol
from benchbed.records.record import finite
from benchbed.records.store import Store


@click.command("constant")
@click.argument("protocol")
@json_option
@data_option
@results_option
@strict_option
def command(
    protocol: str, as_json: bool, data_root: Path | None, results: Path, strict_plugins: bool
) -> None:
    """Score the best constant predictor of each task, and the records against it.

    The constant is fitted to the training split and scored on the test split. What a method gains
    over it is what it makes of the input.

    \b
    Example:
      benchbed protocol constant digits
    """
    # here and not above, since it loads torch
    from benchbed.report.constant import constants, least_gains

    registry = open_registry(strict=strict_plugins)
    found = find_protocol(protocol, registry)
    scores = constants(found, registry, data_root)
    records, _ = Store(results).records(found.name, found.version)
    same = [record for record in records if record.protocol_digest == found.digest]
    least = least_gains(scores, same)
    if as_json:
        listed = {task: asdict(score) for task, score in scores.items()}
        for task, (gain, record) in least.items():
            listed[task] |= {"least_gain": finite(gain), "of": record.method, "seed": record.seed}
        print_json(listed)
        return
    click.echo(
        f"Best constant predictors, {found.id}; least gain of {counted(len(same), 'record')}"
    )
    for task, score in scores.items():
        arrow = "↑" if score.higher_is_better else "↓"
        metric = f"{score.metric} {arrow}"
        line = f"{task:<16} {metric:<16} {score.score:>8.4g}"
        if task in least:
            gain, record = least[task]
            line += f"  {gain:+8.1%}  {record.method} seed {record.seed}"
        click.echo(line)
