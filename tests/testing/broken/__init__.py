"""Plugins that break one rule each, with the check that must refuse them and what it must say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from benchbed import Spec
from benchbed.testing import Contract


@dataclass(frozen=True)
class Case:
    contract: type[Contract]
    plugin: type
    check: str
    says: str
    given: dict[str, Any]
    arguments: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.plugin.__name__}-{self.check}"


CASES: list[Case] = []


def breaks(
    contract, check, says, *, given=None, options=None, traits=(), arguments=None, **attributes
):
    """Note that a class is refused by a check, in a sentence that matches ``says``.

    Args:
        contract: the conformance class.
        check: the name of its method, without ``test_``.
        says: a regular expression.
        given: the options to make the plugin with.
        options, traits: of its Spec.
        arguments: of the method, besides ``given`` and pytest's own.
        attributes: of the author's test class.
    """

    def note(plugin):
        target = f"{plugin.__module__}:{plugin.__name__}"
        spec = Spec("broken", "1.0", target, options=options or {}, traits=frozenset(traits))
        author = {"spec": spec, **attributes}
        CASES.append(
            Case(contract, plugin, f"test_{check}", says, given or {}, arguments or {}, author)
        )
        return plugin

    return note
