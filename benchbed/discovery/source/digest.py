"""The digest of a component's source: of what its code means, however it is written."""

from __future__ import annotations

import hashlib
from typing import Final

from benchbed.discovery.source.contents import Contents, NotUnderstoodError
from benchbed.discovery.source.judging import Judge
from benchbed.discovery.source.listing import Listing
from benchbed.discovery.source.program import Program
from benchbed.discovery.source.reach import Reach
from benchbed.discovery.source.references import Reference

SCHEME: Final = "ast1"
"""Version of the canonical form. It changes when the same code would get another text."""

_DIGITS: Final = 16


def source_digest(target: str) -> str:
    """Return a digest of the definitions that the class ``"package.module:Name"`` is made of.

    It is that of ``source_text``: comments, docstrings, layout, annotations of functions and where
    in the package a definition stands do not count. Nothing of the package is imported. The digest
    is empty where there is no source to read (an extension module, say).
    """
    text = source_text(target)
    if not text:
        return ""
    return f"{SCHEME}:{hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]}"


def source_text(target: str) -> str:
    """Return the canonical text of what a class reaches in its own top-level package.

    A line for each definition, numbered where it is first named, and the statements with effects
    of all modules that are imported on the way. Where docstrings or annotations are looked at by
    what is reached, they count. It is empty where there is no source to read.

    Args:
        target: ``"package.module:Name"``; all of the module, where it does not define the name.
    """
    module, _, name = target.partition(":")
    unreadable: frozenset[str] = frozenset()
    while True:
        program = Program(module.partition(".")[0], unreadable)
        if program.module(module) is None:
            return ""
        try:
            return _text(program, Reference(module, name))
        except NotUnderstoodError as error:
            unreadable |= {error.module}


def _text(program: Program, reference: Reference) -> str:
    judge = Judge(program)
    for full in (False, True):
        contents = Contents(program, full)
        start = contents.reference(reference).pieces
        reach = Reach(program, contents, judge)
        reach.follow(reference.module, start)
        if not reach.introspects:
            break
    listing = Listing(contents)
    listing.write(SCHEME, start)
    _write_effects(listing, reach)
    if reach.others:
        listing.write("imports", sorted(f"<{name}>" for name in reach.others))
    return listing.text()


def _write_effects(listing: Listing, reach: Reach) -> None:
    """Write the effects of each module, in an order that does not depend on modules' names."""
    found = [(name, reach.effects_of(name)) for name in sorted(reach.modules)]
    texts = []
    for _, pieces in found:
        alone = listing.copy()
        if pieces:
            alone.write("effects", pieces)
        texts.append(alone.text())
    order = sorted(range(len(found)), key=texts.__getitem__)
    for index in order:
        if texts[index]:
            listing.write("effects", found[index][1])
