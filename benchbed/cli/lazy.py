"""A group of commands each of which lies in a file of its own, imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Knows its commands by name, and imports one only when it is asked for.

    Args:
        modules: the module of each command by the command's name; it defines ``command``.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of ``modules``."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; ``None`` where there is none of that name."""
        if cmd_name in self.modules:
            self._load(cmd_name)
        else:
            # click suggests what might have been meant, among the commands that it knows
            for name in self.modules:
                self._load(name)
        return self.commands.get(cmd_name)

    def _load(self, name: str) -> None:
        if name not in self.commands:
            module = importlib.import_module(self.modules[name])
            self.add_command(module.command, name)
