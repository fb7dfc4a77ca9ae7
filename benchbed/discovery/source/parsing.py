"""Text to syntax tree, however the running Python warns of it."""

from __future__ import annotations

import ast
import warnings


def parsed(text: str | bytes) -> ast.Module | None:
    """Return the syntax tree of a file; nothing if it has none.

    Warnings of doubtful syntax are left to who runs the code: where they are errors, the tree would
    depend on the settings of the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def parsed_expression(text: str) -> ast.expr | None:
    """Return the syntax tree of an expression that stands in quotes; nothing if it has none."""
    tree = parsed(f"({text}\n)")
    match tree.body if tree is not None else []:
        case [ast.Expr(value)]:
            return value
        case _:
            return None
