"""Finding and digesting a component's source without importing it."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path


def source_digest(target: str) -> str:
    """Return a digest of the module named by ``"package.module:Name"`` and of what it imports.

    Followed are the static imports within the same top-level package, so that a helper shared by
    several plugins counts for each of them. Third-party modules do not count. The digest is empty
    where there is no source to read (an extension module, say).
    """
    digests: dict[str, str] = {}
    waiting = [target.partition(":")[0]]
    while waiting:
        module = waiting.pop()
        path = None if module in digests else module_file(module)
        if path is not None:
            stat = path.stat()
            digests[module], imports = _parse(module, path, stat.st_mtime_ns, stat.st_size)
            waiting += imports
    if not digests:
        return ""
    text = "\n".join(f"{module} {digests[module]}" for module in sorted(digests))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def module_file(module: str) -> Path | None:
    """Return the source file of a module, found without importing the packages above it."""
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
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    return path if path.is_file() else None


@lru_cache(maxsize=4096)
def _parse(module: str, path: Path, mtime_ns: int, size: int) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a file and its imports within its own top-level package.

    ``mtime_ns`` and ``size`` are part of the cache key: a file edited in between is read again.
    """
    content = path.read_bytes().replace(b"\r\n", b"\n")
    top = module.partition(".")[0]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        nodes = []
    for node in nodes:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                above = ".".join(parts[: len(parts) - node.level + 1])
                base = f"{above}.{base}" if base else above
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    own = tuple(name for name in names if name.partition(".")[0] == top)
    return hashlib.sha256(content).hexdigest(), own
