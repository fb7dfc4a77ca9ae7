"""How functions, lambdas, classes and type aliases are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from benchbed.discovery.source import known
from benchbed.discovery.source.constants import constant_text
from benchbed.discovery.source.scopes import Bindings, Function, arguments
from benchbed.discovery.source.writer import Specials, Writer


def _function(writer: Writer, node: Function) -> None:
    """Write a function; its annotations only where something may look at them."""
    with _definition(writer, node):
        writer.fields(node.args, ["defaults", "kw_defaults"])
        with _type_scope(writer, node):
            _arguments(writer, node.args)
            with _docs(writer, writer.typed):
                _annotations(writer, node)
            with writer.extra():
                writer.out.append(constant_text(ast.get_docstring(node, clean=False)))
            bound = _names(writer, node.args, node.body)
            with writer.scope("function", bound), writer.later():
                writer.fields(node, ["body"])


def _class(writer: Writer, node: ast.ClassDef) -> None:
    with _definition(writer, node), _type_scope(writer, node):
        writer.fields(node, ["bases", "keywords"])
        writer.classes.append(node.name)
        with writer.extra():
            writer.out.append(constant_text(ast.get_docstring(node, clean=False)))
        with writer.scope("class", writer.found(node.body)):
            writer.fields(node, ["body"])
        writer.classes.pop()


@contextmanager
def _definition(writer: Writer, node: Function | ast.ClassDef) -> Iterator[None]:
    """Write what functions and classes have in common, around the rest."""
    before = writer.typed
    writer.typed = before or any(_reads_annotations(writer, item) for item in node.decorator_list)
    writer.out.append(f"{type(node).__name__}(")
    writer.bind(node.name)
    writer.out.append(f",name={node.name},")
    writer.fields(node, ["decorator_list"])
    yield
    writer.out.append(")")
    writer.typed = before


def _reads_annotations(writer: Writer, decorator: ast.expr) -> bool:
    """Return whether a decorator may look at the annotations of what it decorates."""
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(function, ast.Attribute) and function.attr == "register":
        return True
    path = writer.path_of(function)
    return path is not None and not known.is_known(path)


@contextmanager
def _docs(writer: Writer, counted: bool) -> Iterator[None]:
    """Enter what counts in any case, or where it is looked at alone."""
    with nullcontext() if counted else writer.extra():
        yield


def _annotations(writer: Writer, node: Function) -> None:
    """Write the annotations of a function's arguments and of what it returns."""
    given = [(item.arg, item.annotation) for item in arguments(node.args)]
    for name, found in [*given, ("returns", node.returns)]:
        if found is not None:
            annotation(writer, name, found)


def _arguments(writer: Writer, given: ast.arguments) -> None:
    groups = [("/", given.posonlyargs), ("", given.args), ("*", given.kwonlyargs)]
    groups += [("*args ", [given.vararg] if given.vararg else [])]
    groups += [("**", [given.kwarg] if given.kwarg else [])]
    writer.out.append("args=(")
    for mark, group in groups:
        for argument in group:
            writer.out.append(f"{mark}{argument.arg},")
    writer.out.append("),")


def _names(writer: Writer, given: ast.arguments, body: Sequence[ast.AST]) -> Bindings:
    bound = writer.found(body)
    for argument in arguments(given):
        bound.bind(argument.arg)
    return bound


def _lambda(writer: Writer, node: ast.Lambda) -> None:
    writer.out.append("Lambda(")
    writer.fields(node.args, ["defaults", "kw_defaults"])
    with writer.scope("function", _names(writer, node.args, [node.body])), writer.later():
        _arguments(writer, node.args)
        writer.fields(node, ["body"])
    writer.out.append(")")


def _type_alias(writer: Writer, node: Any) -> None:
    writer.out.append("TypeAlias(")
    writer.fields(node, ["name"])
    with _type_scope(writer, node), writer.later():
        writer.fields(node, ["value"])
    writer.out.append(")")


@contextmanager
def _type_scope(writer: Writer, node: Any) -> Iterator[None]:
    """Write the type parameters of a definition, if any, and enter their scope."""
    parameters = getattr(node, "type_params", [])
    if not parameters:
        yield
        return
    bound = Bindings()
    for parameter in parameters:
        bound.bind(parameter.name)
    with writer.scope("type", bound):
        with writer.later():
            writer.fields(node, ["type_params"])
        yield


def annotation(writer: Writer, name: str, node: ast.expr) -> None:
    """Write an annotation; it may be quoted, in whole or in part."""
    writer.out.append(f"{name}=")
    with writer.quoting("names"):
        writer.write(node)
    writer.out.append(",")


DEFINITIONS: Final[Specials] = {
    "AsyncFunctionDef": _function,
    "ClassDef": _class,
    "FunctionDef": _function,
    "Lambda": _lambda,
    "TypeAlias": _type_alias,
}
