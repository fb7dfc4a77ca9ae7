"""The table of syntax: complete for every Python, and safe where a later one has more."""

import ast
import json
import warnings
from pathlib import Path

import pytest

from benchbed.discovery.source.form import form
from benchbed.discovery.source.modules import Module
from benchbed.discovery.source.nodes import COUNTED, DROPPED, UNPARSED, UnreadableError
from tests.discovery.source.packages import canonical, digest

ABSTRACT = {
    *("AST", "boolop", "cmpop", "excepthandler", "expr", "expr_context", "mod", "operator"),
    *("pattern", "slice", "stmt", "type_ignore", "type_param", "unaryop"),
}
LISTED = json.loads(Path(__file__).with_name("syntax.json").read_text("utf-8"))
"""The fields of all classes of ``ast`` in each version of Python, separated by blanks."""


def running() -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = [item for item in vars(ast).values() if isinstance(item, type)]
    nodes = [item for item in classes if issubclass(item, ast.AST)]
    return {node.__name__: " ".join(node._fields) for node in nodes}


VERSIONS = {**LISTED, "running": running()}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_kind_of_node_is_accounted_for(version):
    kinds = set(VERSIONS[version])
    assert kinds - set(COUNTED) - UNPARSED - ABSTRACT == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_field_is_counted_or_knowingly_dropped(version):
    for kind, fields in VERSIONS[version].items():
        if kind in COUNTED:
            assert set(fields.split()) - set(COUNTED[kind]) - DROPPED == set(), kind


def test_every_field_of_the_table_is_one_of_some_version():
    known = {
        (kind, name) for found in LISTED.values() for kind in found for name in found[kind].split()
    }
    assert {(kind, name) for kind in COUNTED for name in COUNTED[kind]} <= known


def test_no_field_is_both_counted_and_dropped_but_the_annotation():
    both = {name for fields in COUNTED.values() for name in fields} & DROPPED
    assert both == {"annotation"}


def written(node: ast.stmt) -> str:
    module = Module("pkg.main", "pkg", "", statements=[node])
    return "".join(map(str, form(module, 0).pieces))


class Strange(ast.stmt):
    _fields = ("value",)


def test_a_node_that_the_table_lacks_is_named():
    with pytest.raises(UnreadableError, match="Strange is unknown"):
        written(Strange(ast.Constant(1)))


class Return(ast.stmt):
    _fields = ("value", "kindly")


def test_a_field_that_the_table_lacks_is_named_where_it_holds_anything():
    assert written(Return(value=ast.Constant(1), kindly=[])) == "Return(value=int(1),)"
    with pytest.raises(UnreadableError, match=r"Return\.kindly is unknown"):
        written(Return(value=ast.Constant(1), kindly=[ast.Constant(1)]))


FILE = """
from .helper import work
class Thing:
    def run(self): return work(1)
# file: helper.py
def work(x):
    match x:
        case 1: return {}
def unreached():
    return {}  # {}
"""


def test_a_reached_definition_of_unknown_syntax_counts_with_the_bytes_of_its_file(monkeypatch):
    before = digest(FILE.format(1, 1, "comment"))
    assert digest(FILE.format(1, 1, "other")) == before
    monkeypatch.delitem(COUNTED, "Match")
    _forget_layouts()
    unknown = digest(FILE.format(1, 1, "comment"))
    assert unknown != before
    assert digest(FILE.format(1, 1, "other")) != unknown
    assert digest(FILE.format(1, 1, "comment")) == unknown
    monkeypatch.undo()
    _forget_layouts()
    assert digest(FILE.format(1, 1, "comment")) == before


def _forget_layouts():
    from benchbed.discovery.source import writer

    writer._layout.cache_clear()


def test_what_a_file_of_unknown_syntax_imports_still_counts():
    broken = """
    from .helper import work
    class Thing:
        def run(self): return work(1)
    # file: helper.py
    from .deep import deeper
    def work(x): return DEEP
    # file: deep.py
    def deeper(): return NUMBER
    """.replace("DEEP", "+".join(["deeper()"] * 300))
    assert digest(broken.replace("NUMBER", "1")) != digest(broken.replace("NUMBER", "2"))


@pytest.mark.parametrize("times", [300, 3000])
def test_code_nested_beyond_reason_counts_by_its_bytes(times):
    text = f"class Thing:\n    x = {'+'.join(['1'] * times)}"
    assert "bytes=" in canonical(text)
    assert digest(text) != digest(f"{text}  # a comment")


def test_code_nested_as_deeply_as_code_is_has_a_form():
    text = f"class Thing:\n    x = {'+'.join(['1'] * 60)}"
    assert "bytes=" not in canonical(text)


class Interpolation(ast.expr):
    _fields = ("value", "str", "conversion", "format_spec")


class TemplateStr(ast.expr):
    _fields = ("values",)


def template(*values: ast.expr) -> str:
    return written(ast.Expr(TemplateStr(values=list(values))))


def test_template_strings_are_written_with_the_source_of_what_they_hold():
    part = Interpolation(value=ast.Constant(1), str="1", conversion=-1, format_spec=None)
    texts = [ast.Constant("a"), ast.Constant("b")]
    assert template(*texts, part) == (
        "Expr(value=TemplateStr([str('ab'),"
        "Interpolation(value=int(1),conversion=-1,str=str('1'),),]),)"
    )
    other = Interpolation(value=ast.Constant(1), str=" 1", conversion=-1, format_spec=None)
    assert template(*texts, part) != template(*texts, other)


def test_a_template_without_anything_to_fill_in_is_no_text():
    assert template(ast.Constant("a")) != written(ast.Expr(ast.Constant("a")))
