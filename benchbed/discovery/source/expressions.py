"""How expressions are written whose meaning the general way would miss."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any, Final

from benchbed.discovery.source import known
from benchbed.discovery.source.constants import constant_text
from benchbed.discovery.source.dynamic import IMPORTERS, LOOKUPS, loaded, looked_up, sought
from benchbed.discovery.source.nodes import COUNTED
from benchbed.discovery.source.parsing import parsed_expression
from benchbed.discovery.source.references import Below, Named, Piece, dotted
from benchbed.discovery.source.scopes import Bindings, Comprehension, targets
from benchbed.discovery.source.writer import Specials, Writer

_BLANK: Final = re.compile(r"\s")
_NAME: Final = re.compile(r"\w+(\.\w+)*[.:]\w+")
_BEGUN: Final = re.compile(r"\w+(\.\w+)*\.?")


def _name(writer: Writer, node: ast.Name) -> None:
    writer.name(node.id, load=isinstance(node.ctx, ast.Load))


def _attribute(writer: Writer, node: ast.Attribute) -> None:
    parts = dotted(node)
    _note_attributes(writer, parts[1:] or (node.attr,))
    if parts:
        writer.name(parts[0], tuple(map(writer.mangled, parts[1:])))
    else:
        writer.write(node.value)
        writer.out.append(f".{writer.mangled(node.attr)}")


def _note_attributes(writer: Writer, names: Sequence[str]) -> None:
    """Note attributes through which more is reached than a value."""
    for name in names:
        if name in known.LOOKING:
            writer.looks.add(known.LOOKING[name])
        if name in known.EVERYWHERE_ATTRIBUTES:
            writer.out.append(Below(writer.module.top))


def _constant(writer: Writer, node: ast.Constant) -> None:
    value = node.value
    if not isinstance(value, str):
        writer.out.append(constant_text(value))
    elif writer.quoted:
        _annotation_text(writer, value)
    else:
        writer.out.append(constant_text(value))
        _name_in_text(writer, value, whole=True)


def _name_in_text(writer: Writer, text: str, whole: bool) -> None:
    """Note that a text names a module of the own package, or begins so.

    Args:
        writer: what is being written.
        text: a constant.
        whole: nothing is added to the text.
    """
    top = writer.module.top
    if not text.startswith((f"{top}.", f"{top}:")) or _BLANK.search(text):
        return
    if whole and _NAME.fullmatch(text):
        writer.out.append(Named(text))
        return
    begun = _BEGUN.match(text)
    if begun is not None:
        writer.out.append(Below(begun[0]))


def _annotation_text(writer: Writer, text: str) -> None:
    """Write a text of an annotation as the expression that it is."""
    if writer.quoted == "both":
        writer.out.append(constant_text(text))
    node = parsed_expression(text)
    if node is not None:
        writer.write(node)
    elif writer.quoted == "names":
        writer.out.append(constant_text(text))


def _joined(writer: Writer, node: Any) -> None:
    """Write an f-string; one without anything to fill in is a constant."""
    kind = type(node).__name__
    parts = _merged(node.values)
    if kind == "JoinedStr" and all(isinstance(part, str) for part in parts):
        writer.out.append(constant_text("".join(parts)))
        return
    writer.out.append(f"{kind}([")
    for index, part in enumerate(parts):
        if isinstance(part, str):
            writer.out.append(constant_text(part))
            if index == 0:
                _name_in_text(writer, part, whole=False)
        else:
            writer.write(part)
        writer.out.append(",")
    writer.out.append("])")


def _merged(parts: Sequence[Any]) -> list[Any]:
    """Return the parts of an f-string, texts that stand side by side as one ``str``."""
    merged: list[Any] = []
    for part in parts:
        if not isinstance(part, ast.Constant):
            merged.append(part)
        elif merged and isinstance(merged[-1], str):
            merged[-1] += str(part.value)
        elif part.value:
            merged.append(str(part.value))
    return merged


def _formatted(writer: Writer, node: Any) -> None:
    kind = type(node).__name__
    spec = node.format_spec
    writer.out.append(f"{kind}(")
    writer.fields(node, ["value", "conversion"])
    if kind == "Interpolation":
        writer.out.append(f"str={constant_text(node.str)},")
    if not isinstance(spec, ast.JoinedStr) or _merged(spec.values):
        writer.fields(node, ["format_spec"])
    writer.out.append(")")


def _call(writer: Writer, node: ast.Call) -> None:
    path = writer.path_of(node.func)
    if path in known.GETTERS:
        texts = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        _note_attributes(writer, [text for text in texts if isinstance(text, str)])
    if path == "logging.getLogger" and _is_own_name(node.args):
        writer.out.append("Call(func=<logging.getLogger>,args=[__name__,],)")
        return
    if path in IMPORTERS or (path in LOOKUPS and node.args):
        writer.out.append(f"Call(func=<{path}>,")
        writer.fields(node, ["args", "keywords"])
        writer.out.append(")")
        _add(writer, (loaded if path in IMPORTERS else looked_up)(node, writer.module))
        return
    with writer.quoting("both" if writer.quoted else ""):
        writer.plain(node)
    if path in known.LOCAL_NAMESPACE and not (node.args or node.keywords or writer.deferred):
        writer.refer(writer.module.name, "")


def _is_own_name(args: Sequence[ast.expr]) -> bool:
    return [dotted(argument) for argument in args] == [("__name__",)]


def _add(writer: Writer, piece: Piece | None) -> None:
    if piece is not None:
        writer.out.append(piece)


def _subscript(writer: Writer, node: ast.Subscript) -> None:
    path = writer.path_of(node.value)
    if path == "sys.modules":
        writer.out.append("Subscript(value=<sys.modules>,")
        writer.fields(node, ["slice"])
        _add(writer, sought(node.slice, writer.module))
    else:
        writer.out.append("Subscript(")
        writer.fields(node, ["value"])
        _slice(writer, node.slice, path)
    writer.out.append(")")


def _slice(writer: Writer, node: ast.expr, path: str | None) -> None:
    """Write what stands in brackets; in an annotation some texts there are texts."""
    name = (path or "").removeprefix("typing.").removeprefix("typing_extensions.")
    writer.out.append("slice=")
    if not writer.quoted:
        writer.write(node)
    elif name == "Literal":
        with writer.quoting(""):
            writer.write(node)
    elif name == "Annotated" and isinstance(node, ast.Tuple):
        writer.write(node.elts[0])
        with writer.quoting(""):
            for item in node.elts[1:]:
                writer.out.append(",")
                writer.write(item)
    else:
        with writer.quoting(writer.quoted if path is not None else "both"):
            writer.write(node)
    writer.out.append(",")


def _compare(writer: Writer, node: ast.Compare) -> None:
    """Write a comparison; asking whether a module is loaded loads none."""
    membership = all(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
    if not membership or writer.path_of(node.comparators[-1]) != "sys.modules":
        writer.plain(node)
        return
    writer.out.append("Compare(")
    writer.fields(node, ["left", "ops"])
    writer.out.append("comparators=[<sys.modules>,],)")


def _comprehension(writer: Writer, node: Comprehension) -> None:
    """Write a comprehension; its first iterable belongs to the scope around it."""
    kind = type(node).__name__
    first, *others = node.generators
    bound = Bindings()
    for name in targets(node):
        bound.bind(name)
    writer.out.append(f"{kind}(")
    writer.fields(first, ["iter"])
    with writer.scope("function", bound):
        writer.fields(first, ["target", "ifs", "is_async"])
        for generator in others:
            writer.write(generator)
        writer.fields(node, [name for name in COUNTED[kind] if name != "generators"])
    writer.out.append(")")


EXPRESSIONS: Final[Specials] = {
    "Attribute": _attribute,
    "Call": _call,
    "Compare": _compare,
    "Constant": _constant,
    "DictComp": _comprehension,
    "FormattedValue": _formatted,
    "GeneratorExp": _comprehension,
    "Interpolation": _formatted,
    "JoinedStr": _joined,
    "ListComp": _comprehension,
    "Name": _name,
    "SetComp": _comprehension,
    "Subscript": _subscript,
    "TemplateStr": _joined,
}
