"""``benchbed protocol``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from benchbed.basics.canonical import canonical_json
from benchbed.cli.common import (
    data_option,
    json_option,
    open_registry,
    print_json,
    results_option,
    strict_option,
)


@click.group("protocol")
def command() -> None:
    """List, show, hash and compare protocols.

    A protocol is named by its name (the newest version), by name@version, or by a TOML file.

    \b
    Examples:
      benchbed protocol show digits
      benchbed protocol diff digits my-protocol.toml
    """


@command.command("list")
@json_option
@strict_option
def list_protocols(as_json: bool, strict_plugins: bool) -> None:
    """List the installed protocols with their digests.

    \b
    Example:
      benchbed protocol list
    """
    from benchbed.discovery.catalogue import protocols

    found = protocols(open_registry(strict=strict_plugins)).values()
    if as_json:
        print_json([{"protocol": p.id, "digest": p.digest, "title": p.title} for p in found])
        return
    for protocol in found:
        click.echo(f"{protocol.id:<24} {protocol.digest[:12]}  {protocol.title}")


@command.command("show")
@click.argument("protocol")
@json_option
@strict_option
def show(protocol: str, as_json: bool, strict_plugins: bool) -> None:
    """Show a protocol with all its fields, defaults filled in.

    \b
    Example:
      benchbed protocol show digits
    """
    import msgspec

    from benchbed.discovery.catalogue import find_protocol

    found = find_protocol(protocol, open_registry(strict=strict_plugins))
    if as_json:
        print_json({"digest": found.digest, **msgspec.to_builtins(found)})
        return
    click.echo(f"{found.id}: {found.title}\ndigest {found.digest}")
    if found.description:
        click.echo(found.description.strip())
    _print_nested(msgspec.to_builtins(found), 0)


def _print_nested(value: dict[str, object], depth: int) -> None:
    for name, inner in value.items():
        if depth == 0 and name in {"title", "description", "name", "version"}:
            continue
        if isinstance(inner, dict) and inner:
            click.echo("  " * depth + f"{name}:")
            _print_nested(inner, depth + 1)
        elif inner not in ("", {}):
            click.echo("  " * depth + f"{name}: {inner}")


@command.command("hash")
@click.argument("protocol")
@click.option("--canonical", is_flag=True, help="Print the text that the digest is taken of.")
@strict_option
def hash_protocol(protocol: str, canonical: bool, strict_plugins: bool) -> None:
    """Print a protocol's digest.

    \b
    Example:
      benchbed protocol hash digits@1
    """
    from benchbed.discovery.catalogue import find_protocol

    found = find_protocol(protocol, open_registry(strict=strict_plugins))
    click.echo(canonical_json(found.canonical()) if canonical else found.digest)


@command.command("diff")
@click.argument("first")
@click.argument("second")
@json_option
@strict_option
def diff(first: str, second: str, as_json: bool, strict_plugins: bool) -> None:
    """Show the fields in which two protocols differ; display text does not count.

    \b
    Example:
      benchbed protocol diff digits my-protocol.toml
    """
    import msgspec

    from benchbed.contracts.protocol import DISPLAY
    from benchbed.discovery.catalogue import find_protocol

    registry = open_registry(strict=strict_plugins)
    sides = [find_protocol(name, registry) for name in (first, second)]
    left, right = (_flat(msgspec.to_builtins(side)) for side in sides)
    different = {
        name: [left.get(name), right.get(name)]
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name) and name not in DISPLAY
    }
    if as_json:
        print_json(different)
        return
    if not different:
        click.echo(f"{sides[0].id} and {sides[1].id} do not differ.")
    for name, (before, after) in different.items():
        click.echo(f"{name}: {_shown(before)} → {_shown(after)}")


@command.command("constant")
@click.argument("protocol")
@json_option
@data_option
@results_option
@strict_option
def constant(
    protocol: str, as_json: bool, data_root: Path | None, results: Path, strict_plugins: bool
) -> None:
    """Score the best constant predictor of each task, and the records against it.

    The constant is fitted to the training split and scored on the test split. What a method gains
    over it is what it makes of the input.

    \b
    Example:
      benchbed protocol constant digits
    """
    from benchbed.discovery.catalogue import find_protocol
    from benchbed.records.record import finite
    from benchbed.records.store import Store
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
    click.echo(f"Best constant predictors, {found.id}; least gain of {len(same)} records")
    for task, score in scores.items():
        arrow = "↑" if score.higher_is_better else "↓"
        line = f"{task:<16} {score.metric + ' ' + arrow:<16} {score.score:>8.4g}"
        if task in least:
            gain, record = least[task]
            line += f"  {gain:+8.1%}  {record.method} seed {record.seed}"
        click.echo(line)


def _shown(value: object) -> str:
    return "not there" if value is None else str(value)


def _flat(value: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{prefix}{name}.")
        else:
            flat[prefix + name] = inner
    if not prefix:
        tasks = value.get("tasks")
        assert isinstance(tasks, dict)
        flat["task order"] = list(tasks)
    return flat
