"""Changes of a package that leave its meaning, each from texts by module name to such texts."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable
from random import Random

from benchbed.discovery.source.scopes import arguments
from tests.discovery.source.zoo import COPY, bound_by, names_used, parsed

Texts = dict[str, str]
Cosmetic = Callable[[Texts, str, Random], Texts]

_EFFECTS = frozenset({"metrics.thinning"})  # modules of the zoo of which order means something


def reformatted(texts: Texts, module: str, random: Random) -> Texts:
    """Write the module anew: layout, quotes and brackets are others, comments are gone."""
    return {**texts, module: ast.unparse(ast.parse(texts[module]))}


def commented(texts: Texts, module: str, random: Random) -> Texts:
    """Put a comment or a blank line above many statements."""
    lines = texts[module].split("\n")
    tree = parsed(texts[module])
    starts = {node.lineno: node.col_offset for node in ast.walk(tree) if _is_plain_statement(node)}
    out: list[str] = []
    for number, line in enumerate(lines, 1):
        before = line[: starts.get(number, 0)]
        if number in starts and random.random() < 0.5 and not before.strip():
            out.append(random.choice(["", f"{before}# a comment"]))
        out.append(line)
    return {**texts, module: "\n".join(out)}


def _is_plain_statement(node: ast.AST) -> bool:
    return isinstance(node, ast.Return | ast.Assign | ast.If | ast.For | ast.ImportFrom)


def without_docstrings(texts: Texts, module: str, random: Random) -> Texts:
    """Remove docstrings, ``pass`` in their place."""
    tree = ast.parse(texts[module])
    for node in _documented(tree):
        if ast.get_docstring(node) is not None:
            node.body[0] = ast.Pass()
    return _written(texts, module, tree)


def with_docstrings(texts: Texts, module: str, random: Random) -> Texts:
    """Add docstrings, before those that are there."""
    tree = ast.parse(texts[module])
    for node in _documented(tree):
        node.body.insert(0, ast.Expr(ast.Constant(f"Docstring {random.random()}.")))
    return _written(texts, module, tree)


def _documented(tree: ast.Module) -> list[ast.ClassDef | ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)]


def without_annotations(texts: Texts, module: str, random: Random) -> Texts:
    """Remove the annotations of functions and of the variables in them and of the module."""
    return _written(texts, module, _Unannotated().visit(ast.parse(texts[module])))


class _Unannotated(ast.NodeTransformer):
    in_class = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        before, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        before, self.in_class = self.in_class, False
        node.returns = None
        self.generic_visit(node)
        self.in_class = before
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self.in_class or node.value is None:
            return node
        return ast.Assign([node.target], node.value)


def with_annotations(texts: Texts, module: str, random: Random) -> Texts:
    """Annotate everything in functions."""
    tree = ast.parse(texts[module])
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = ast.Name("Unknown")
            for argument in arguments(node.args):
                argument.annotation = ast.Constant("list[Unknown]")
    return _written(texts, module, tree)


def requoted(texts: Texts, module: str, random: Random) -> Texts:
    """Write plain texts with the other quotes."""
    tokens = list(tokenize.generate_tokens(io.StringIO(texts[module]).readline))
    out = [(token.type, _other_quotes(token)) for token in tokens]
    return {**texts, module: tokenize.untokenize(out)}


def _other_quotes(token: tokenize.TokenInfo) -> str:
    text = token.string
    plain = token.type == tokenize.STRING and text.startswith('"') and not text.startswith('""')
    inside = text[1:-1]
    return f"'{inside}'" if plain and not set("'\"\\\n") & set(inside) else text


def renamed(texts: Texts, module: str, random: Random) -> Texts:
    """Give the module another name or move it into a folder of its own."""
    package, _, name = module.rpartition(".")
    other = random.choice([f"{package}.{name}_renamed", f"{package}.inner_{name}.{name}"])
    out = {key: _renamed_in(text, module, other) for key, text in texts.items()}
    out[other] = out.pop(module)
    if "inner_" in other:
        out[f"{other.rpartition('.')[0]}.__init__"] = '"""A folder."""\n'
    return out


def _renamed_in(text: str, module: str, other: str) -> str:
    """Import a module by its new name."""
    package, _, name = module.rpartition(".")
    if name not in text:
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == module:
            node.module = other
        for alias in node.names if isinstance(node, ast.Import) else ():
            alias.name = other if alias.name == module else alias.name
        if isinstance(node, ast.ImportFrom) and node.module == package:
            _import_under_old_name(tree, node, name, other)
    return ast.unparse(ast.fix_missing_locations(tree))


def _import_under_old_name(tree: ast.Module, node: ast.ImportFrom, name: str, other: str) -> None:
    if name in [alias.name for alias in node.names]:
        package, _, new = other.rpartition(".")
        node.names = [alias for alias in node.names if alias.name != name]
        tree.body.insert(1, ast.ImportFrom(package, [ast.alias(new, name)], 0))
    if not node.names:
        tree.body.remove(node)


def moved(texts: Texts, module: str, random: Random) -> Texts:
    """Move a function or constant that uses nothing else of its module to a module of its own."""
    tree = ast.parse(texts[module])
    own = {name for node in tree.body for name in bound_by(node)}
    free = [node for node in tree.body if _is_pure(node) and not names_used(node) & own]
    if not free or module.partition(".")[2] in _EFFECTS:
        return texts
    node = random.choice(free)
    (name,) = bound_by(node)
    place = f"{COPY}.moved_{random.randrange(10**6)}"
    imports = [item for item in tree.body if isinstance(item, ast.Import | ast.ImportFrom)]
    tree.body[tree.body.index(node)] = ast.ImportFrom(place, [ast.alias(name)], 0)
    out = {key: _taken_from(text, module, name, place, random) for key, text in texts.items()}
    out[place] = ast.unparse(ast.fix_missing_locations(ast.Module([*imports, node], [])))
    return _written(out, module, tree)


def _is_pure(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef):
        return not node.decorator_list
    value = getattr(node, "value", None)
    parts = list(ast.walk(value)) if value is not None else []
    return bool(bound_by(node)) and bool(parts) and not any(isinstance(p, ast.Call) for p in parts)


def _taken_from(text: str, module: str, name: str, place: str, random: Random) -> str:
    """Import a moved definition from its new place, or still through the old one."""
    if random.random() < 0.3 or name not in text:
        return text
    tree = ast.parse(text)
    for node in list(tree.body):
        if isinstance(node, ast.ImportFrom) and node.module == module:
            taken = [alias for alias in node.names if alias.name == name]
            node.names = [alias for alias in node.names if alias.name != name]
            if taken:
                tree.body.insert(tree.body.index(node), ast.ImportFrom(place, taken, 0))
            if not node.names:
                tree.body.remove(node)
    return ast.unparse(ast.fix_missing_locations(tree))


def reordered(texts: Texts, module: str, random: Random) -> Texts:
    """Shuffle the functions at the top of the module, and the imports before them."""
    tree = ast.parse(texts[module])
    for kinds in (ast.FunctionDef, ast.Import | ast.ImportFrom):
        places = [i for i, node in enumerate(tree.body) if isinstance(node, kinds)]
        nodes = [tree.body[i] for i in places]
        if not any(getattr(node, "decorator_list", []) for node in nodes):
            random.shuffle(nodes)
        for place, node in zip(places, nodes, strict=True):
            tree.body[place] = node
    future = [node for node in tree.body if getattr(node, "module", "") == "__future__"]
    tree.body = [*future, *(node for node in tree.body if node not in future)]
    return _written(texts, module, tree)


def with_unreached_code(texts: Texts, module: str, random: Random) -> Texts:
    """Add definitions that nothing reaches, among the others."""
    tree = ast.parse(texts[module])
    more = ast.parse(
        "import re as _re\n"
        f"def _unreached_{random.randrange(100)}(x=1): return _re.sub('a', 'b', x)\n"
        f"_UNREACHED = ({random.random()}, _re.compile('x'))\n"
        "class _Unreached:\n    x = _UNREACHED\n"
    ).body
    places = sorted(random.randrange(_first(tree), len(tree.body) + 1) for _ in more)
    for place, node in reversed(list(zip(places, more, strict=True))):
        tree.body.insert(place, node)
    return _written(texts, module, tree)


def _first(tree: ast.Module) -> int:
    """Return where the imports of a module end."""
    imports = [
        i for i, node in enumerate(tree.body) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    return 1 + max(imports, default=0)


def imported_otherwise(texts: Texts, module: str, random: Random) -> Texts:
    """Import modules, not names: ``from a import b`` is ``import a as c`` and ``c.b``."""
    tree = ast.parse(texts[module])
    bound = {node.id for node in ast.walk(tree) if _is_bound_again(node)}
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    out: list[ast.stmt] = []
    longer: dict[str, ast.expr] = {}
    for count, node in enumerate(tree.body):
        local = f"_module_{count}"
        names = [alias.name for alias in getattr(node, "names", [])]
        usable = isinstance(node, ast.ImportFrom) and node.module != "__future__"
        if not usable or set(names) & bound or any(alias.asname for alias in node.names):
            out.append(node)
            continue
        out.append(ast.Import([ast.alias(node.module, local)]))
        longer |= {name: ast.Attribute(ast.Name(local, ast.Load()), name) for name in names}
    tree.body = out
    return _written(texts, module, _Longer(longer).visit(tree))


def _is_bound_again(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)


class _Longer(ast.NodeTransformer):
    def __init__(self, longer: dict[str, ast.expr]) -> None:
        self.longer = longer

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.longer.get(node.id, node)


def _written(texts: Texts, module: str, tree: ast.AST) -> Texts:
    return {**texts, module: ast.unparse(ast.fix_missing_locations(tree))}


COSMETICS: list[Cosmetic] = [
    reformatted,
    commented,
    without_docstrings,
    with_docstrings,
    without_annotations,
    with_annotations,
    requoted,
    renamed,
    moved,
    reordered,
    with_unreached_code,
    imported_otherwise,
]
