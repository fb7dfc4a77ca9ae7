"""Finding modules' files without importing the packages above them."""

from __future__ import annotations

from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path


def module_file(module: str) -> Path | None:
    """Return the source file of a module, found without importing the packages above it."""
    spec = _find(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    return path if path.is_file() else None


def is_module(module: str) -> bool:
    """Return whether there is a module or package of this name, with source or without."""
    return _find(module) is not None


def submodules(package: str) -> list[str]:
    """Return the names of all modules that lie below a package, sorted."""
    spec = _find(package)
    if spec is None or spec.submodule_search_locations is None:
        return []
    names: set[str] = set()
    for folder in spec.submodule_search_locations:
        for path in Path(folder).rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            below = parts[:-1] if parts[-1] == "__init__" else parts
            if below and all(part.isidentifier() for part in below):
                names.add(".".join((package, *below)))
    return sorted(names)


def _find(module: str) -> ModuleSpec | None:
    top, *rest = module.split(".")
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    name = top
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec
