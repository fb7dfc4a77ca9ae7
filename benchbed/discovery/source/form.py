"""The canonical form of a statement: what it means, apart from how and where it is written."""

from __future__ import annotations

from typing import Final, NamedTuple

from benchbed.discovery.source.definitions import DEFINITIONS
from benchbed.discovery.source.expressions import EXPRESSIONS
from benchbed.discovery.source.modules import Module
from benchbed.discovery.source.references import Import, Piece
from benchbed.discovery.source.statements import STATEMENTS
from benchbed.discovery.source.writer import Specials, Writer

_SPECIAL: Final[Specials] = {**EXPRESSIONS, **DEFINITIONS, **STATEMENTS}


class Form(NamedTuple):
    """A statement as text with gaps for what it refers to.

    Attributes:
        pieces: text, and what must be looked up.
        imports: what is imported when all of it has run, functions too.
        looks: what it looks at, by ``known.LOOKING``.
    """

    pieces: tuple[Piece, ...]
    imports: tuple[Import, ...]
    looks: frozenset[str]


def form(module: Module, index: int) -> Form:
    """Return the canonical form of a statement of a module.

    Args:
        module: where it stands.
        index: of the statement.

    Raises:
        UnreadableError: it has syntax that is unknown, or is nested too deeply.
    """
    if index not in module.forms:
        writer = Writer(module, _SPECIAL)
        writer.write(module.statements[index])
        module.forms[index] = Form(writer.pieces(), tuple(writer.imports), frozenset(writer.looks))
    found: Form = module.forms[index]
    return found
