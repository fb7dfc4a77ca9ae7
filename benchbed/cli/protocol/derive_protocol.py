"""``benchbed protocol derive``."""

from __future__ import annotations

import click

from benchbed.cli.asked import changes_of, set_option, subset_option
from benchbed.cli.common import open_registry, strict_option
from benchbed.contracts.derived import derive, to_toml
from benchbed.discovery.catalogue import find_protocol


@click.command("derive")
@click.argument("protocol")
@click.argument("name")
@set_option
@subset_option
@strict_option
def command(
    protocol: str,
    name: str,
    settings_text: tuple[str, ...],
    subset: float | None,
    strict_plugins: bool,
) -> None:
    """Print a protocol with some fields changed, as the TOML file of a new one.

    \b
    Example:
      benchbed protocol derive digits my-digits --set epochs=40 > my-digits.toml
    """
    base = find_protocol(protocol, open_registry(strict=strict_plugins))
    changed = derive(base, changes_of(settings_text, subset), name)
    click.echo(to_toml(changed), nl=False)
