"""Plugins that break one rule each, with the check that must refuse them and what it must say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchbed import Spec


@dataclass(frozen=True)
class Case:
    kind: str
    plugin: type
    check: str
    says: str
    arguments: dict[str, Any]
    attributes: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.plugin.__name__}-{self.check}"


CASES: list[Case] = []


def breaks(
    kind, check, says, *, options=None, traits=(), metrics=None, arguments=None, **attributes
):
    """Note that a class is refused by a check, in a sentence that matches ``says``.

    Args:
        kind: of plugin.
        check: the name of the conformance class's method, without ``test_``.
        says: a regular expression.
        options, traits, metrics: of the class's Spec.
        arguments: of the method, besides pytest's own.
        attributes: of the author's test class.
    """

    def note(plugin):
        target = f"{plugin.__module__}:{plugin.__name__}"
        spec = Spec(
            "broken",
            "1.0",
            target,
            options=options or {},
            traits=frozenset(traits),
            metrics=metrics or {},
        )
        author = {"spec": spec, **attributes}
        CASES.append(Case(kind, plugin, f"test_{check}", says, arguments or {}, author))
        return plugin

    return note
