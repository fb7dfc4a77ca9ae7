"""Modules that code loads by a name that is text: what can be told of it without running it."""

from __future__ import annotations

import ast
from typing import Final

from benchbed.discovery.source.modules import Module
from benchbed.discovery.source.references import Below, Reference

IMPORTERS: Final = frozenset(
    {"builtins.__import__", "importlib.__import__", "importlib.import_module"}
)
LOOKUPS: Final = frozenset({"sys.modules.get", "sys.modules.pop"})


def loaded(call: ast.Call, module: Module) -> Reference | Below | None:
    """Return what a call of ``import_module`` or of its like may load of the own package."""
    given = {item.arg: item.value for item in call.keywords}
    name = call.args[0] if call.args else given.get("name")
    package = call.args[1] if len(call.args) > 1 else given.get("package")
    if name is None or None in given or "level" in given or len(call.args) > 2:
        return Below(module.top)
    start, exact = _beginning(name, module)
    if start.startswith("."):
        base, known = ("", False) if package is None else _beginning(package, module)
        start, exact = (_absolute(start, base), exact) if known else ("", False)
    return _own(start, exact, module)


def looked_up(call: ast.Call, module: Module) -> Reference | Below | None:
    """Return what ``sys.modules.get(key)`` may be of the own package."""
    return sought(call.args[0], module)


def sought(key: ast.expr, module: Module) -> Reference | Below | None:
    """Return what ``sys.modules[key]`` may be of the own package."""
    return _own(*_beginning(key, module), module)


def _own(start: str, exact: bool, module: Module) -> Reference | Below | None:
    if exact:
        return Reference(start, "") if start.partition(".")[0] == module.top else None
    within = start == module.top or start.startswith(f"{module.top}.")
    return Below(start) if within or module.top.startswith(start) else None


def _absolute(name: str, package: str) -> str:
    bare = name.lstrip(".")
    parts = package.split(".")
    above = parts[: len(parts) - (len(name) - len(bare)) + 1]
    return ".".join([*above, bare])


def _beginning(node: ast.expr, module: Module) -> tuple[str, bool]:
    """Return the text with which an expression begins, and whether that is all of it."""
    match node:
        case ast.Constant(str() as text):
            return text, True
        case ast.Name("__name__"):
            return module.name, True
        case ast.Name("__package__"):
            return module.package, True
        case ast.FormattedValue(value, -1, None):
            return _beginning(value, module)
        case ast.BinOp(left, ast.Add(), right):
            return _joined([left, right], module)
        case ast.JoinedStr(values):
            return _joined(values, module)
        case ast.BinOp(ast.Constant(str() as text), ast.Mod()):
            return text.partition("%")[0], False
        case ast.Call(ast.Attribute(ast.Constant(str() as text), "format")):
            return text.partition("{")[0], False
        case _:
            return "", False


def _joined(parts: list[ast.expr], module: Module) -> tuple[str, bool]:
    text = ""
    for part in parts:
        start, exact = _beginning(part, module)
        text += start
        if not exact:
            return text, False
    return text, True
