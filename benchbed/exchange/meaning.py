"""What the sources of components at a commit mean, found without running them."""

from __future__ import annotations

from collections.abc import Iterable

from benchbed.discovery.component import Component
from benchbed.discovery.source import SCHEME, searching, source_digest
from benchbed.exchange.at_commit import Tree
from benchbed.exchange.bytes_digest import bytes_digest


def holds_source(tree: Tree, components: Iterable[Component]) -> bool:
    """Tell whether a commit holds the very sources that a record names.

    Args:
        tree: the commit's files.
        components: the record's, with the targets and the digests of its time.
    """
    with searching(tree.roots):
        return all(_digest_of_its_time(component) == component.source for component in components)


def _digest_of_its_time(component: Component) -> str:
    if component.source.startswith(f"{SCHEME}:"):
        return source_digest(component.target)
    return bytes_digest(component.target)


def meanings_at(tree: Tree, components: Iterable[Component]) -> dict[str, str]:
    """Return the digests by meaning of components' sources at a commit, by kind and id.

    Args:
        tree: the commit's files.
        components: a record's, with the targets of its time.
    """
    with searching(tree.roots):
        return {
            f"{component.kind} {component.id}": source_digest(component.target)
            for component in components
        }
