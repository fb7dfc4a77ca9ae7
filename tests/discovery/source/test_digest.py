"""What a digest is of: each cosmetic change keeps it, each change of meaning alters it."""

import re
import subprocess
import sys

import pytest

from benchbed.discovery.source import source_text
from tests.conftest import ROOT
from tests.discovery.source.packages import canonical, digest, in_package

PROGRAM = '''
"""A module."""
from __future__ import annotations
import math
import torch
from .helper import scaled
RATE = 0.5
REGISTRY = {}
REGISTRY["one"] = 1
REGISTRY["two"] = 2
class Base:
    margin = 1
class Thing(Base):
    """A class."""
    size: int = 3
    @torch.no_grad()
    def run(self, x: float, factor: float = 2.0) -> float:
        """A method."""
        y = x * factor + RATE
        z: int = math.floor(y)
        return scaled(z, by=self.size, name="a" "b")
# file: helper.py
from .deep import shifted
def scaled(x, by, name):
    return shifted(x) * by
# file: deep.py
from .deeper import LIMIT
def shifted(x):
    return x - LIMIT
# file: deeper.py
LIMIT = 7
'''

COSMETIC = {
    "layout": ("y = x * factor + RATE", "y = x*factor +  RATE"),
    "a line in two": ("y = x * factor + RATE", "y = (x * factor\n             + RATE)"),
    "brackets": ("return shifted(x) * by", "return (((shifted)((x))) * (by))"),
    "quotes": ('name="a" "b"', "name='ab'"),
    "a text joined by the compiler": ('name="a" "b"', 'name="ab"'),
    "an f-string that fills nothing in": ('name="a" "b"', 'name=f"a" "b"'),
    "a number written otherwise": ("LIMIT = 7", "LIMIT = 0x7"),
    "a comment": ("RATE = 0.5", "# A comment.\nRATE = 0.5  # another"),
    "a text in place of a comment": ("RATE = 0.5", 'RATE = 0.5\n"""Half."""'),
    "the module's docstring": ('"""A module."""\n', ""),
    "the class's docstring": ('"""A class."""', '"""Another text."""'),
    "the method's docstring": ('"""A method."""', "pass"),
    "pass beside a docstring": ('"""A method."""', '"""A method."""\n        pass'),
    "an ellipsis": ('"""A method."""', "..."),
    "annotations of the method": ("x: float, factor: float = 2.0) -> float", "x, factor=2.0)"),
    "other annotations": ("x: float,", "x: list[Unknown],"),
    "the annotation of a local variable": ("z: int =", "z ="),
    "an annotation alone": ("z: int =", "z: int\n        z ="),
    "the annotation of a constant": ("RATE = 0.5", "RATE: float = 0.5"),
    "the future": ("from __future__ import annotations\n", ""),
    "the order of imports": ("import math\nimport torch\n", "import torch\nimport math\n"),
    "a module's alias": ("from .helper import scaled", "from .helper import scaled as scaled"),
    "an absolute import": ("from .helper", "from pkg.helper"),
    "an import in the function": ("        y = x", "        from torch import nn\n        y = x"),
    "another file's name": ("helper", "helpers_of_mine"),
    "unreached code": ("RATE = 0.5", "def other(): return RATE\nRATE = 0.5\nclass More: x = other"),
    "an unreached constant": ("LIMIT = 7", "MORE = 8\nLIMIT = 7"),
}


@pytest.mark.parametrize("name", COSMETIC)
def test_a_cosmetic_change_keeps_the_digest(name):
    old, new = COSMETIC[name]
    assert PROGRAM.count(old)
    assert digest(PROGRAM.replace(old, new)) == digest(PROGRAM)


def test_a_helper_that_moves_keeps_the_digest():
    moved = PROGRAM.replace("from .helper import scaled", "from .inner.place import scaled")
    moved = moved.replace("# file: helper.py\nfrom .deep", "# file: inner/place.py\nfrom ..deep")
    assert digest(moved) == digest(PROGRAM)


def test_a_helper_that_moves_into_the_same_file_keeps_the_digest():
    text = PROGRAM.replace("# file: helper.py\nfrom .deep import shifted\n", "")
    text = text.replace("from .helper import scaled", "from .deep import shifted")
    assert digest(text) == digest(PROGRAM)


def test_a_constant_that_moves_keeps_the_digest():
    text = PROGRAM.replace("RATE = 0.5\n", "from .rates import RATE\n")
    assert digest(f"{text}# file: rates.py\nRATE = 0.5\n") == digest(PROGRAM)


def test_a_base_class_that_moves_keeps_the_digest():
    text = PROGRAM.replace("class Base:\n    margin = 1\n", "from . import bases\n")
    text = text.replace("Thing(Base)", "Thing(bases.Base)")
    assert digest(f"{text}# file: bases.py\nclass Base:\n    margin = 1\n") == digest(PROGRAM)


SEMANTIC = {
    "a constant": ("RATE = 0.5", "RATE = 0.25"),
    "a constant's type": ("LIMIT = 7", "LIMIT = 7.0"),
    "a default": ("factor: float = 2.0", "factor: float = 3.0"),
    "an operator": ("x * factor", "x / factor"),
    "brackets that mean something": ("x * factor + RATE", "x * (factor + RATE)"),
    "a call": ("math.floor(y)", "math.ceil(y)"),
    "no call": ("math.floor(y)", "math.floor"),
    "a keyword's name": ("by=self.size", "to=self.size"),
    "the order of keywords": ('by=self.size, name="a" "b"', 'name="a" "b", by=self.size'),
    "an argument's name": ("def scaled(x, by, name)", "def scaled(x, by, title)"),
    "a text": ('"a" "b"', '"a" "c"'),
    "an attribute": ("self.size", "self.margin"),
    "a field's annotation": ("size: int = 3", "size: float = 3"),
    "a field without its annotation": ("size: int = 3", "size = 3"),
    "a field's default": ("size: int = 3", "size: int = 4"),
    "no decorator": ("    @torch.no_grad()\n", ""),
    "another decorator": ("torch.no_grad", "torch.enable_grad"),
    "no base class": ("Thing(Base)", "Thing"),
    "a base class's attribute": ("margin = 1", "margin = 2"),
    "the order of statements": (
        "y = x * factor + RATE\n        z: int = math.floor(y)",
        "z: int = math.floor(y)\n        y = x * factor + RATE",
    ),
    "a statement more": ("return shifted(x) * by", "x += 1\n    return shifted(x) * by"),
    "a helper": ("shifted(x) * by", "shifted(x) + by"),
    "a helper two imports away": ("return x - LIMIT", "return x + LIMIT"),
    "a constant three imports away": ("LIMIT = 7", "LIMIT = 8"),
    "the order of effects": (
        'REGISTRY["one"] = 1\nREGISTRY["two"] = 2',
        'REGISTRY["two"] = 2\nREGISTRY["one"] = 1',
    ),
    "an effect more": ("LIMIT = 7", "LIMIT = 7\nprint(LIMIT)"),
    "an effect's value": ('REGISTRY["one"] = 1', 'REGISTRY["one"] = 3'),
    "a method more": ("class Base:", "class Base:\n    def more(self): pass"),
    "a base class with another meaning": ("class Base:", "class Base(torch.nn.Module):"),
    "where a function comes from": ("import math", "import cmath as math"),
}


@pytest.mark.parametrize("name", SEMANTIC)
def test_a_change_of_meaning_alters_the_digest(name):
    old, new = SEMANTIC[name]
    assert PROGRAM.count(old)
    assert digest(PROGRAM.replace(old, new)) != digest(PROGRAM)


def test_all_changes_of_meaning_differ_from_each_other():
    digests = [digest(PROGRAM.replace(old, new)) for old, new in SEMANTIC.values()]
    assert len(set(digests)) == len(digests)


def test_the_text_has_a_line_for_each_definition_that_is_reached():
    lines = canonical(PROGRAM).splitlines()
    starts = [line.partition(" ")[0] for line in lines]
    assert starts == ["ast1", "#0", "#1", "#2", "#3", "#4", "#5", "effects", "#6"]
    assert lines[6] == "#5 Assign(targets=[#5,],value=int(7),);"


def test_the_text_names_no_file_of_the_package():
    text = canonical(PROGRAM)
    assert not re.search("helper|deep|deeper|main|pkg", text)


def test_classes_of_the_same_package_share_what_they_have_in_common():
    two = PROGRAM.replace("# file: helper.py", "class Other: x = scaled\n# file: helper.py")
    assert digest(two) == digest(PROGRAM)
    other = in_package(two, source_text, "pkg.main:Other")
    assert "LIMIT" not in other
    assert "int(7)" in other


def test_the_digest_does_not_depend_on_the_order_of_hashes():
    script = (
        "from benchbed.discovery.source import source_digest as d;"
        "print(d('benchbed_zoo.tasks.edges:Edges'), d('benchbed_zoo.datasets.rooms:Rooms'))"
    )
    path = f"{ROOT}:{ROOT / 'plugins'}"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1
    assert next(iter(found)).startswith("ast1:")


def test_computing_a_digest_loads_neither_torch_nor_numpy_nor_the_plugin():
    script = (
        "import sys;"
        "from benchbed.discovery.source import source_digest as d;"
        "assert d('benchbed_zoo.tasks.edges:Edges');"
        "print([m for m in ('torch', 'numpy', 'benchbed_zoo') if m in sys.modules])"
    )
    path = f"{ROOT}:{ROOT / 'plugins'}"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
