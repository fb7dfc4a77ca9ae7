"""Finding modules' files without importing the packages above them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

_ROOTS: Final[ContextVar[tuple[str, ...]]] = ContextVar("roots", default=())


@contextlib.contextmanager
def searching(roots: Sequence[Path]) -> Iterator[None]:
    """Look for top-level packages in these folders first, such as a tree of another commit."""
    token = _ROOTS.set(tuple(map(str, roots)))
    try:
        yield
    finally:
        _ROOTS.reset(token)


class Place(NamedTuple):
    """Where a module lies: its file, if it has source, and the folders of what is below it."""

    file: Path | None
    folders: list[str]


def module_file(module: str) -> Path | None:
    """Return the source file of a module, found without importing the packages above it."""
    place = _find(module)
    return place.file if place is not None else None


def is_module(module: str) -> bool:
    """Return whether there is a module or package of this name, with source or without."""
    return _find(module) is not None


def submodules(package: str) -> list[str]:
    """Return the names of all modules with source below a package, sorted."""
    place = _find(package)
    names: set[str] = set()
    for folder in place.folders if place is not None else ():
        for path in Path(folder).rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            below = parts[:-1] if parts[-1] == "__init__" else parts
            if below and all(part.isidentifier() for part in below):
                names.add(".".join((package, *below)))
    return sorted(names)


def _find(module: str) -> Place | None:
    top, *rest = module.split(".")
    place = _place(_top_spec(top))
    name = top
    for part in rest:
        name = f"{name}.{part}"
        place = _below(name, place.folders) if place is not None else None
    return place


def _top_spec(top: str) -> ModuleSpec | None:
    """Return the spec of a top-level package, which :func:`searching` may look for elsewhere."""
    roots = _ROOTS.get()
    elsewhere = PathFinder.find_spec(top, list(roots)) if roots else None
    if elsewhere is not None:
        return elsewhere
    try:
        return find_spec(top)
    except (ImportError, ValueError):
        return None


def _below(name: str, folders: list[str]) -> Place | None:
    """Return the place of a module that lies in one of some folders."""
    try:
        spec = PathFinder.find_spec(name, folders)
    except KeyError:  # it has no __init__.py, and the package above it is not imported
        inner = [Path(folder) / name.rpartition(".")[2] for folder in folders]
        return Place(None, [str(folder) for folder in inner if folder.is_dir()])
    return _place(spec)


def _place(spec: ModuleSpec | None) -> Place | None:
    if spec is None:
        return None
    path = Path(spec.origin) if spec.origin is not None else None
    has_source = path is not None and path.suffix == ".py" and path.is_file()
    return Place(path if has_source else None, list(spec.submodule_search_locations or []))
