"""How statements are written that bind names by other means than an expression."""

from __future__ import annotations

import ast
from typing import Any, Final

from benchbed.discovery.source.constants import constant_text
from benchbed.discovery.source.definitions import annotation
from benchbed.discovery.source.nodes import COUNTED
from benchbed.discovery.source.references import Import, imports_of
from benchbed.discovery.source.writer import Specials, Writer


def _annotated(writer: Writer, node: ast.AnnAssign) -> None:
    """Write a class's field with its annotation, and any other variable without."""
    is_field = bool(writer.scopes) and writer.scopes[-1].kind == "class"
    if not is_field and node.value is None:
        return
    writer.out.append("Field(" if is_field else "Assign(")
    if is_field:
        annotation(writer, "annotation", node.annotation)
    else:
        with writer.extra():
            annotation(writer, "annotation", node.annotation)
    writer.out.append("targets=[")
    writer.write(node.target)
    writer.out.append(",],")
    writer.fields(node, ["value"])
    writer.out.append(")")


def _import(writer: Writer, node: ast.Import | ast.ImportFrom) -> None:
    for item in imports_of(node, writer.module.package):
        writer.imports.append(item)
        _import_one(writer, item)


def _import_one(writer: Writer, item: Import) -> None:
    """Write what an import binds; nothing where each use is written as what it stands for."""
    name = "" if item.local == "*" else item.name
    if writer.alias(item.local, writer.owner(item.local)) is None:
        writer.out.append("Bind(")
        if item.local != "*":
            writer.bind(item.local)
        writer.out.append("=")
    elif writer.trying:
        writer.out.append("Import(")
    else:
        return
    writer.refer(item.module, name)
    writer.out.append(")")


def _try(writer: Writer, node: Any) -> None:
    kind = type(node).__name__
    writer.out.append(f"{kind}(")
    writer.trying += 1
    writer.fields(node, ["body"])
    writer.trying -= 1
    writer.fields(node, [name for name in COUNTED[kind] if name != "body"])
    writer.out.append(")")


def _handler(writer: Writer, node: ast.ExceptHandler) -> None:
    writer.out.append("ExceptHandler(")
    writer.fields(node, ["type"])
    _named(writer, node.name)
    writer.fields(node, ["body"])
    writer.out.append(")")


def _capture(writer: Writer, node: ast.MatchAs | ast.MatchStar) -> None:
    writer.out.append(f"{type(node).__name__}(")
    writer.fields(node, ["pattern"])
    _named(writer, node.name)
    writer.out.append(")")


def _mapping(writer: Writer, node: ast.MatchMapping) -> None:
    writer.out.append("MatchMapping(")
    writer.fields(node, ["keys", "patterns"])
    _named(writer, node.rest)
    writer.out.append(")")


def _named(writer: Writer, name: str | None) -> None:
    if name is not None:
        writer.out.append("name=")
        writer.bind(name)
        writer.out.append(",")


def _singleton(writer: Writer, node: ast.MatchSingleton) -> None:
    writer.out.append(f"MatchSingleton({constant_text(node.value)})")


STATEMENTS: Final[Specials] = {
    "AnnAssign": _annotated,
    "ExceptHandler": _handler,
    "Import": _import,
    "ImportFrom": _import,
    "MatchAs": _capture,
    "MatchMapping": _mapping,
    "MatchSingleton": _singleton,
    "MatchStar": _capture,
    "Try": _try,
    "TryStar": _try,
}
