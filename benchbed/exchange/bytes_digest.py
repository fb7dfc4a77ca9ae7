"""The digest of a component's source in records made before ``ast1:``, of the bytes of its modules.

It is kept to tell whether a commit holds the source that such a record names.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from benchbed.discovery.source import module_file


def bytes_digest(target: str) -> str:
    """Return the digest of a component's module and of what it imports of its own package.

    Args:
        target: ``"package.module:Name"``, where the commit has it.

    Returns:
        16 hex digits; nothing where there is no source.
    """
    digests: dict[str, str] = {}
    waiting = [target.partition(":")[0]]
    while waiting:
        module = waiting.pop()
        path = None if module in digests else module_file(module)
        if path is None:
            continue
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digests[module] = hashlib.sha256(content).hexdigest()
        waiting += _own_imports(module, path, content)
    if not digests:
        return ""
    text = "\n".join(f"{module} {digests[module]}" for module in sorted(digests))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _own_imports(module: str, path: Path, content: bytes) -> list[str]:
    """Return what a module imports of its own top-level package: modules, or names in them."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    names: list[str] = []
    for node in ast.walk(_parsed(content)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            names.append(base)
            names += [f"{base}.{alias.name}" for alias in node.names]
    top = module.partition(".")[0]
    return [name for name in names if name.partition(".")[0] == top]


def _parsed(content: bytes) -> ast.Module:
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module that ``from … import`` names."""
    base = node.module or ""
    if not node.level:
        return base
    parts = package.split(".")
    above = ".".join(parts[: len(parts) - node.level + 1])
    return f"{above}.{base}" if base else above
