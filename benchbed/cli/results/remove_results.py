"""``benchbed results remove``."""

from __future__ import annotations

from pathlib import Path

import click

from benchbed.basics.errors import StoreError, suggest
from benchbed.cli.common import results_option
from benchbed.cli.results.shown import remove_or_say
from benchbed.records.housekeeping import Held, files_of, held
from benchbed.records.store import Store


@click.command("remove")
@click.argument("protocol")
@click.argument("methods", nargs=-1)
@results_option
@click.option("--yes", is_flag=True, help="Remove them.")
def command(protocol: str, methods: tuple[str, ...], results: Path, yes: bool) -> None:
    """Remove the records, weights and failures of methods, or of a whole protocol.

    PROTOCOL is name@version, or a name that has one version there; METHODS are as `results list`
    shows them. Leaderboards stay as they were written.

    \b
    Examples:
      benchbed results remove digits hps+dwa
      benchbed results remove digits-try-1f0c9a42 --yes
    """
    store = Store(results)
    there = held(store)
    chosen = _protocol(protocol, there)
    rows = {item.row for item in there if item.protocol == chosen}
    for method in methods:
        if method not in rows:
            raise StoreError(f"There is no '{method}' under {chosen}.{suggest(method, rows)}")
    name, _, version = chosen.partition("@")
    remove_or_say(files_of(store, name, int(version), methods), really=yes)


def _protocol(text: str, there: list[Held]) -> str:
    """Return the protocol that is meant.

    Raises:
        StoreError: there is none, or several versions.
    """
    known = list(dict.fromkeys(item.protocol for item in there))
    found = [name for name in known if text in {name, name.partition("@")[0]}]
    if len(found) == 1:
        return found[0]
    if found:
        raise StoreError(f"There are several versions of {text}: {', '.join(found)}; name one.")
    raise StoreError(f"There are no records of '{text}'.{suggest(text, known)}")
