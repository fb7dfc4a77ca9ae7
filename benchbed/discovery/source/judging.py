"""Which statements have an effect, and which definitions are sensitive to effects before them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable

from benchbed.discovery.source import known
from benchbed.discovery.source.effects import LITERALS, Doubts, class_doubts, doubts
from benchbed.discovery.source.form import form
from benchbed.discovery.source.modules import NOTHING, Module
from benchbed.discovery.source.program import External, Program, Unit
from benchbed.discovery.source.references import Import, Reference, dotted
from benchbed.discovery.source.scopes import bindings

_HOOKS = frozenset({"__init_subclass__"})
_CONSTRUCTION = frozenset({"__init__", "__new__", "__post_init__", "__setattr__"})
_PURE_BASES = frozenset(
    {
        "builtins.Exception",
        "builtins.ValueError",
        "builtins.object",
        "enum.Enum",
        "msgspec.Struct",
        "typing.Generic",
        "typing.NamedTuple",
        "typing.Protocol",
        "typing.TypedDict",
    }
)
_CONSTANT = (
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.Constant,
    ast.IfExp,
    ast.Name,
    ast.Tuple,
    ast.UnaryOp,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
    ast.operator,
    ast.unaryop,
)


class Judge:
    """Answers questions about statements of a program; remembers the answers."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._effects: dict[tuple[str, int], bool] = {}
        self._bases: dict[Unit, bool] = {}
        self._data: dict[Unit, bool] = {}
        self._quiet: dict[str, bool] = {}

    def has_effect(self, module: Module, index: int) -> bool:
        """Return whether a statement does more than define names."""
        key = (module.name, index)
        if key not in self._effects:
            self._effects[key] = self._is_more(doubts(module, index))
        return self._effects[key]

    def _is_more(self, found: Doubts) -> bool:
        if found.certain:
            return True
        checks = [
            (self.inert_call, found.calls),
            (self.inert_base, found.bases),
            (self.inert_metaclass, found.metaclasses),
        ]
        return not all(check(reference) for check, many in checks for reference in many)

    def is_quiet_import(self, item: Import) -> bool:
        """Return whether it makes no difference when something is imported."""
        if not self.program.is_own(item.module):
            return item.module.partition(".")[0] in sys.stdlib_module_names
        below = f"{item.module}.{item.name}"
        inner = self.program.module(below) if item.name not in {"", "*"} else None
        return self._is_quiet(item.run) and (inner is None or self._is_quiet(below))

    def _is_quiet(self, name: str) -> bool:
        """Return whether a module neither changes nor looks at anything while it is imported."""
        if name not in self._quiet:
            self._quiet[name] = True  # meanwhile, for imports in a circle
            self._quiet[name] = self._keeps_to_itself(self.program.readable(name))
        return self._quiet[name]

    def _keeps_to_itself(self, module: Module | None) -> bool:
        if module is None or not all(map(self.is_quiet_import, module.imports)):
            return False
        for index in range(len(module.statements)):
            if self.has_effect(module, index) or doubts(module, index).reads:
                return False
        return True

    def inert_call(self, reference: Reference) -> bool:
        """Return whether calling something changes nothing."""
        targets, path = self.program.meaning(reference)
        match targets:
            case (External() as target,):
                return known.is_inert(target.path)
            case (Unit() as target,):
                if not path:
                    return self._remembered(self._data, target, self._only_holds_data)
                literal = _is_literal(self.definition(target))
                return len(path) == 1 and path[0] in known.METHODS and literal
            case _:
                return False

    def inert_base(self, reference: Reference) -> bool:
        """Return whether subclassing something changes nothing."""
        targets, path = self.program.meaning(reference)
        match targets:
            case (External() as target,):
                return known.is_known(target.path)
            case (Unit() as target,) if not path:
                return self._remembered(self._bases, target, self._is_inert_base)
            case _:
                return False

    def _is_inert_base(self, module: Module, node: ast.ClassDef) -> bool:
        hooked = bool(_HOOKS & _members(node))
        return not hooked and not self._is_more(class_doubts(module, node))

    def _remembered(
        self, answers: dict[Unit, bool], unit: Unit, ask: Callable[[Module, ast.ClassDef], bool]
    ) -> bool:
        """Return the answer to a question about a class; no while it is being answered."""
        if unit not in answers:
            answers[unit] = False
            module = self.program.readable(unit.module)
            node = self.definition(unit)
            if module is not None and isinstance(node, ast.ClassDef):
                answers[unit] = ask(module, node)
        return answers[unit]

    def inert_metaclass(self, reference: Reference) -> bool:
        """Return whether making a class by something changes nothing."""
        targets, _ = self.program.meaning(reference)
        match targets:
            case (External() as target,):
                return target.path in known.INERT_METACLASSES
            case _:
                return False

    def is_sensitive(self, module: Module, index: int) -> bool:
        """Return whether what a definition gives may depend on effects before it."""
        if doubts(module, index).reads:
            return True
        own = module.binds[index]
        for piece in form(module, index).pieces:
            if isinstance(piece, Reference) and piece.eager:
                itself = piece.module == module.name and piece.name in own
                if not itself and not self._is_steady(piece, ()):
                    return True
        return False

    def _is_steady(self, reference: Reference, seen: tuple[Unit, ...]) -> bool:
        """Return whether something is the same whenever it is looked at."""
        targets, path = self.program.meaning(reference)
        match targets:
            case (External(),):
                return True
            case (Unit() as target,) if not path and target not in seen:
                node = self.definition(target)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    return True
                parts = _constant_parts(node)
                names = [part.id for part in parts or [] if isinstance(part, ast.Name)]
                return parts is not None and all(
                    self._is_steady(Reference(target.module, name, bare=True), (*seen, target))
                    for name in names
                )
            case _:
                return False

    def definition(self, unit: Unit) -> ast.stmt | None:
        """Return the statement that defines a name, if there is exactly one."""
        module = self.program.readable(unit.module)
        indices = module.binders.get(unit.name, []) if module else []
        if module is None or len(indices) != 1 or unit.name in module.shared:
            return None
        return module.statements[indices[0]]

    def _only_holds_data(self, module: Module, node: ast.ClassDef) -> bool:
        """Return whether making an instance of a class runs no code of the package."""
        if _members(node) & (_CONSTRUCTION | _HOOKS) or node.keywords:
            return False
        if not all(_is_dataclass(module, item) for item in node.decorator_list):
            return False
        for part in ast.walk(node):
            if isinstance(part, ast.keyword) and part.arg == "default_factory":
                path = module.external(dotted(part.value)) or ""
                if not path.startswith("builtins."):
                    return False
        return all(self._is_data_base(module, base) for base in node.bases)

    def _is_data_base(self, module: Module, base: ast.expr) -> bool:
        parts = dotted(base)
        if not parts:
            return False
        targets, path = self.program.meaning(Reference(module.name, parts[0], parts[1:], bare=True))
        match targets:
            case (External() as target,):
                return target.path in _PURE_BASES
            case (Unit() as target,) if not path:
                return self._remembered(self._data, target, self._only_holds_data)
            case _:
                return False


def _is_dataclass(module: Module, decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return module.external(dotted(function)) == "dataclasses.dataclass"


def _members(node: ast.ClassDef) -> frozenset[str]:
    return frozenset(bindings(node.body, "", NOTHING).names)


def _value(node: ast.stmt | None) -> ast.expr | None:
    return node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None


def _is_literal(node: ast.stmt | None) -> bool:
    return isinstance(_value(node), LITERALS)


def _constant_parts(node: ast.stmt | None) -> list[ast.AST] | None:
    """Return the parts of a constant of numbers, texts and tuples; nothing if it is none."""
    value = _value(node)
    parts = list(ast.walk(value)) if value is not None else []
    return parts if parts and all(isinstance(part, _CONSTANT) for part in parts) else None
