"""Pairs of programs that mean the same, and pairs that look alike and do not."""

import pytest

from tests.discovery.source.packages import digest

SAME = {
    "a local variable that shadows an unreached helper": (
        """
        def helper(): return 1
        class Thing:
            def run(self):
                helper = 2
                return helper
        """,
        """
        def helper(): return 7
        class Thing:
            def run(self):
                helper = 2
                return helper
        """,
    ),
    "an argument that shadows a constant": (
        """
        SIZE = 1
        class Thing:
            def run(self, SIZE): return SIZE
        """,
        """
        SIZE = 2
        class Thing:
            def run(self, SIZE): return SIZE
        """,
    ),
    "an attribute of the instance named like a helper": (
        """
        def scale(): return 1
        class Thing:
            def run(self): return self.scale
        """,
        """
        def scale(): return 2
        class Thing:
            def run(self): return self.scale
        """,
    ),
    "a class attribute that hides a constant in the class": (
        """
        size = 1
        class Thing:
            size = 4
            double = size * 2
        """,
        """
        size = 3
        class Thing:
            size = 4
            double = size * 2
        """,
    ),
    "a variable of a comprehension": (
        """
        x = 1
        class Thing:
            def run(self): return [x for x in range(3)]
        """,
        """
        x = 2
        class Thing:
            def run(self): return [x for x in range(3)]
        """,
    ),
    "names bound by except, with, for, match, := and import": (
        """
        e = f = i = m = r = s = w = j = 1
        class Thing:
            def run(self, x):
                try: x()
                except ValueError as e: print(e)
                with x as f: print(f)
                for i in x: print(i)
                match x:
                    case {"a": m, **r}: print(m, r)
                    case [*s]: print(s)
                if (w := x): print(w)
                import json as j
                return j
        """,
        """
        e = f = i = m = r = s = w = j = 2
        class Thing:
            def run(self, x):
                try: x()
                except ValueError as e: print(e)
                with x as f: print(f)
                for i in x: print(i)
                match x:
                    case {"a": m, **r}: print(m, r)
                    case [*s]: print(s)
                if (w := x): print(w)
                import json as j
                return j
        """,
    ),
    "an unreached function that changes a reached constant": (
        """
        TABLE = [1]
        def change(): TABLE.append(2)
        class Thing:
            def run(self): return TABLE
        """,
        """
        TABLE = [1]
        def change(): TABLE.append(3)
        class Thing:
            def run(self): return TABLE
        """,
    ),
    "the local name of an import": (
        """
        from .helper import work
        class Thing:
            def run(self): return work(1)
        # file: helper.py
        def work(x): return x
        """,
        """
        from .helper import work as w
        class Thing:
            def run(self): return w(1)
        # file: helper.py
        def work(x): return x
        """,
    ),
    "a name or an attribute of a module": (
        """
        from pkg.helper import work
        class Thing:
            def run(self): return work(1)
        # file: helper.py
        def work(x): return x
        """,
        """
        import pkg.helper
        class Thing:
            def run(self): return pkg.helper.work(1)
        # file: helper.py
        def work(x): return x
        """,
    ),
    "an import in the function or above": (
        """
        from .helper import work
        class Thing:
            def run(self): return work(1)
        # file: helper.py
        def work(x): return x
        """,
        """
        class Thing:
            def run(self):
                from . import helper
                return helper.work(1)
        # file: helper.py
        def work(x): return x
        """,
    ),
    "the list of what a module offers": (
        """
        from .helper import *
        class Thing:
            def run(self): return work(1)
        # file: helper.py
        __all__ = ["work"]
        def work(x): return x
        def other(): pass
        """,
        """
        from .helper import work
        class Thing:
            def run(self): return work(1)
        # file: helper.py
        def work(x): return x
        """,
    ),
    "a re-export by a package": (
        """
        from .parts import work
        class Thing:
            def run(self): return work(1)
        # file: parts/__init__.py
        from .deep import work as work
        # file: parts/deep.py
        def work(x): return x
        """,
        """
        from .flat import work
        class Thing:
            def run(self): return work(1)
        # file: flat.py
        def work(x): return x
        """,
    ),
    "functions that call each other, in two files or in one": (
        """
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        class Thing:
            def run(self): return even(4)
        """,
        """
        from .numbers import odd, even
        class Thing:
            def run(self): return even(4)
        # file: numbers.py
        def odd(n):
            from .more import even
            return n != 0 and even(n - 1)
        from .more import even
        # file: more.py
        from . import numbers
        def even(n): return n == 0 or numbers.odd(n - 1)
        """,
    ),
    "names that only annotations of functions use": (
        """
        class Size: x = 1
        class Thing:
            def run(self, size: Size) -> Size:
                last: Size = size
                return last
        """,
        """
        class Size: x = 2
        class Thing:
            def run(self, size: Size) -> Size:
                last: Size = size
                return last
        """,
    ),
    "the order of definitions": (
        """
        def a(): return 1
        B = 2
        class Thing:
            def run(self): return a() + B
        """,
        """
        class Thing:
            def run(self): return a() + B
        B = 2
        def a(): return 1
        """,
    ),
    "a branch for type checkers": (
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from .helper import Kind
        class Thing:
            def run(self, kind: Kind): return 1
        # file: helper.py
        class Kind: pass
        print("imported")
        """,
        """
        class Thing:
            def run(self, kind): return 1
        """,
    ),
    "a branch for scripts": (
        """
        class Thing: pass
        if __name__ == "__main__":
            print(Thing())
        """,
        """
        class Thing: pass
        """,
    ),
    "an overload": (
        """
        from typing import overload
        @overload
        def work(x: int) -> int: ...
        @overload
        def work(x: str) -> str: ...
        def work(x): return x
        class Thing:
            def run(self): return work(1)
        """,
        """
        def work(x): return x
        class Thing:
            def run(self): return work(1)
        """,
    ),
    "a quoted annotation of a field": (
        """
        class Part: x = 1
        class Thing:
            part: "list[Part]"
        """,
        """
        from __future__ import annotations
        class Part: x = 1
        class Thing:
            part: list[Part]
        """,
    ),
    "a name of another package or an attribute of it": (
        """
        import numpy as np
        class Thing:
            def run(self, x): return np.linalg.norm(x)
        """,
        """
        from numpy.linalg import norm as length
        class Thing:
            def run(self, x): return length(x)
        """,
    ),
    "where in benchbed a name stands": (
        """
        from benchbed.weighting import Weighting
        class Thing(Weighting): pass
        """,
        """
        from benchbed.contracts.weighting import Weighting
        class Thing(Weighting): pass
        """,
    ),
    "a name of benchbed, or an attribute of its module": (
        """
        from benchbed import Weighting
        class Thing(Weighting): pass
        """,
        """
        import benchbed.contracts.weighting
        class Thing(benchbed.contracts.weighting.Weighting): pass
        """,
    ),
    "a module of benchbed as a value": (
        """
        from benchbed import weighting
        class Thing(weighting.Weighting): pass
        """,
        """
        import benchbed.contracts.weighting as w
        class Thing(w.Weighting): pass
        """,
    ),
    "text in pieces": (
        """
        class Thing:
            def run(self, x): return f"a" "b" f"c{x}" "d" + 'e'
        """,
        """
        class Thing:
            def run(self, x): return (f"abc{x}d" + "e")
        """,
    ),
    "a global declared where it is only read": (
        """
        N = 1
        class Thing:
            def run(self):
                global N
                return N
        """,
        """
        N = 1
        class Thing:
            def run(self): return N
        """,
    ),
    "imports of the same module twice": (
        """
        import torch
        import torch.nn.functional
        class Thing:
            def run(self, x): return torch.nn.functional.relu(x)
        """,
        """
        import torch.nn.functional as F
        class Thing:
            def run(self, x): return F.relu(x)
        """,
    ),
    "a module with an effect under another name, imported in another order": (
        """
        from . import a
        from . import b
        class Thing: pass
        # file: a.py
        print("one")
        # file: b.py
        print("two")
        """,
        """
        from . import z
        from . import b
        class Thing: pass
        # file: z.py
        print("one")
        # file: b.py
        print("two")
        """,
    ),
    "a pure definition among effects": (
        """
        REGISTRY = {}
        def f(): return 1
        REGISTRY["f"] = f
        SIZE = 3
        class Thing:
            def run(self): return REGISTRY, SIZE
        """,
        """
        from .sizes import SIZE
        REGISTRY = {}
        REGISTRY["f"] = f
        def f(): return 1
        class Thing:
            def run(self): return REGISTRY, SIZE
        # file: sizes.py
        SIZE = 3
        """,
    ),
    "a private name of a class": (
        """
        class Thing:
            def __run(self): return 1
            def run(self): return self.__run()
        def __run(): return 1
        """,
        """
        class Thing:
            def __run(self): return 1
            def run(self): return self.__run()
        def __run(): return 2
        """,
    ),
    "an unreached class with its decorator, base and default": (
        """
        import dataclasses
        import torch
        class Thing: pass
        """,
        """
        import dataclasses
        import torch
        class Thing: pass
        @dataclasses.dataclass(frozen=True)
        class Other(torch.nn.Module):
            x: int = 3
            y: list = dataclasses.field(default_factory=list)
            @property
            def z(self): return 1
            @z.setter
            def z(self, value): pass
        @torch.no_grad()
        def unreached(x=(1, 2)): return Other(x)
        """,
    ),
    "unreached constants that are computed": (
        "class Thing: pass",
        """
        import math
        import re
        from pathlib import Path
        import numpy as np
        _WORD = re.compile("x")
        _NAMES = {"a": 1}
        _SWAPPED = {value: name for name, value in _NAMES.items()}
        _HERE = Path(__file__).resolve().parent
        _EPS = 16 * np.finfo(float).eps
        _TABLE = np.array([[1, 2], [3, 4]]).reshape(4)
        _LINES = "a b c".split()
        _AREA = math.pi * 2
        type_of = type
        class Thing: pass
        """,
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_what_means_the_same_has_the_same_digest(name):
    first, second = SAME[name]
    assert digest(first) == digest(second)


DIFFERENT = {
    "a class attribute against a global of the same name": (
        """
        size = 3
        class Thing:
            size = 4
            def run(self): return size
        """,
        """
        size = 5
        class Thing:
            size = 4
            def run(self): return size
        """,
    ),
    "a class attribute made of the global of the same name": (
        """
        size = 3
        class Thing:
            size = size
        """,
        """
        size = 4
        class Thing:
            size = size
        """,
    ),
    "a default that captures a constant of another file": (
        """
        from .helper import work
        class Thing:
            def run(self): return work()
        # file: helper.py
        from .sizes import SIZE
        def work(size=SIZE): return size
        # file: sizes.py
        SIZE = 3
        """,
        """
        from .helper import work
        class Thing:
            def run(self): return work()
        # file: helper.py
        from .sizes import SIZE
        def work(size=SIZE): return size
        # file: sizes.py
        SIZE = 4
        """,
    ),
    "a conditional import": (
        """
        try:
            from fast import work
        except ImportError:
            from .slow import work
        class Thing:
            def run(self): return work()
        # file: slow.py
        def work(): return 1
        """,
        """
        try:
            from fast import work
        except ImportError:
            from .slow import work
        class Thing:
            def run(self): return work()
        # file: slow.py
        def work(): return 2
        """,
    ),
    "a conditional import in a function": (
        """
        class Thing:
            def run(self):
                try:
                    from fast import work
                except ImportError:
                    from .slow import work
                return work()
        # file: slow.py
        def work(): return 1
        """,
        """
        class Thing:
            def run(self):
                try:
                    from fast import work
                except ImportError:
                    from .slow import work
                return work()
        # file: slow.py
        def work(): return 2
        """,
    ),
    "which module is asked for": (
        """
        class Thing:
            def run(self):
                try:
                    import fast
                except ImportError:
                    return 1
                return 2
        """,
        """
        class Thing:
            def run(self):
                try:
                    import faster
                except ImportError:
                    return 1
                return 2
        """,
    ),
    "an imported name that is bound again": (
        """
        from .helper import work
        def twice(f): return lambda: f() + f()
        work = twice(work)
        class Thing:
            def run(self): return work()
        # file: helper.py
        def work(): return 1
        """,
        """
        from .helper import work
        def twice(f): return lambda: f() + f() + f()
        work = twice(work)
        class Thing:
            def run(self): return work()
        # file: helper.py
        def work(): return 1
        """,
    ),
    "an imported name that is bound again, at its source": (
        """
        from .helper import work
        work = [work]
        class Thing:
            def run(self): return work
        # file: helper.py
        def work(): return 1
        """,
        """
        from .helper import work
        work = [work]
        class Thing:
            def run(self): return work
        # file: helper.py
        def work(): return 2
        """,
    ),
    "del": (
        """
        len = 1
        class Thing:
            def run(self): return len
        """,
        """
        len = 1
        del len
        class Thing:
            def run(self): return len
        """,
    ),
    "a starred expression": (
        """
        PARTS = [1, 2]
        class Thing:
            def run(self): return max(*PARTS)
        """,
        """
        PARTS = [1, 2]
        class Thing:
            def run(self): return max(PARTS)
        """,
    ),
    "a constant in a starred expression": (
        """
        PARTS = [1, 2]
        class Thing:
            parts = [0, *PARTS]
        """,
        """
        PARTS = [1, 3]
        class Thing:
            parts = [0, *PARTS]
        """,
    ),
    "nonlocal": (
        """
        class Thing:
            def run(self):
                x = 1
                def inner():
                    nonlocal x
                    x = 2
                inner()
                return x
        """,
        """
        class Thing:
            def run(self):
                x = 1
                def inner():
                    x = 2
                inner()
                return x
        """,
    ),
    "global": (
        """
        x = 1
        class Thing:
            def run(self):
                global x
                x = 2
                return x
        """,
        """
        x = 1
        class Thing:
            def run(self):
                x = 2
                return x
        """,
    ),
    "an argument of a decorator": (
        """
        from .marks import mark
        class Thing:
            @mark(1)
            def run(self): pass
        # file: marks.py
        def mark(n): return lambda f: f
        """,
        """
        from .marks import mark
        class Thing:
            @mark(2)
            def run(self): pass
        # file: marks.py
        def mark(n): return lambda f: f
        """,
    ),
    "a decorator's own code": (
        """
        from .marks import mark
        class Thing:
            @mark
            def run(self): pass
        # file: marks.py
        def mark(f): return f
        """,
        """
        from .marks import mark
        class Thing:
            @mark
            def run(self): pass
        # file: marks.py
        def mark(f): return lambda self: None
        """,
    ),
    "a field's default from a constant": (
        """
        from dataclasses import dataclass
        SIZE = 3
        @dataclass
        class Thing:
            size: int = SIZE
        """,
        """
        from dataclasses import dataclass
        SIZE = 4
        @dataclass
        class Thing:
            size: int = SIZE
        """,
    ),
    "a constant changed in a third module": (
        """
        from . import filler
        from .state import TABLE
        class Thing:
            def run(self): return TABLE
        # file: state.py
        TABLE = {}
        # file: filler.py
        from .state import TABLE
        TABLE["a"] = 1
        """,
        """
        from . import filler
        from .state import TABLE
        class Thing:
            def run(self): return TABLE
        # file: state.py
        TABLE = {}
        # file: filler.py
        from .state import TABLE
        TABLE["a"] = 2
        """,
    ),
    "a constant that another module sets": (
        """
        from . import filler, state
        class Thing:
            def run(self): return state.SIZE
        # file: state.py
        SIZE = 1
        # file: filler.py
        from . import state
        state.SIZE = 2
        """,
        """
        from . import filler, state
        class Thing:
            def run(self): return state.SIZE
        # file: state.py
        SIZE = 1
        # file: filler.py
        from . import state
        state.SIZE = 3
        """,
    ),
    "helpers of the same name in two modules, swapped": (
        """
        from . import a, b
        class Thing:
            def run(self): return a.work() - 2 * b.work()
        # file: a.py
        def work(): return 1
        # file: b.py
        def work(): return 2
        """,
        """
        from . import a, b
        class Thing:
            def run(self): return b.work() - 2 * a.work()
        # file: a.py
        def work(): return 1
        # file: b.py
        def work(): return 2
        """,
    ),
    "two lists that are alike, and one list": (
        """
        from .a import STORE as first
        from .b import STORE as second
        class Thing:
            def run(self):
                first.append(1)
                return second
        # file: a.py
        STORE = []
        # file: b.py
        STORE = []
        """,
        """
        from .a import STORE as first
        from .a import STORE as second
        class Thing:
            def run(self):
                first.append(1)
                return second
        # file: a.py
        STORE = []
        # file: b.py
        STORE = []
        """,
    ),
    "a metaclass": (
        """
        from .meta import One, Two
        class Thing(metaclass=One): pass
        # file: meta.py
        class One(type): pass
        class Two(type):
            x = 1
        """,
        """
        from .meta import One, Two
        class Thing(metaclass=Two): pass
        # file: meta.py
        class One(type): pass
        class Two(type):
            x = 1
        """,
    ),
    "a metaclass's own code": (
        """
        from .meta import Meta
        class Thing(metaclass=Meta): pass
        # file: meta.py
        class Meta(type):
            def __call__(cls): return 1
        """,
        """
        from .meta import Meta
        class Thing(metaclass=Meta): pass
        # file: meta.py
        class Meta(type):
            def __call__(cls): return 2
        """,
    ),
    "a keyword of the class": (
        """
        class Thing(dict, total=True): pass
        """,
        """
        class Thing(dict, total=False): pass
        """,
    ),
    "one of two functions of the same branch": (
        """
        import sys
        if sys.platform == "linux":
            def f(): return 1
            def g(): return 2
        class Thing:
            def run(self): return f()
        """,
        """
        import sys
        if sys.platform == "linux":
            def f(): return 1
            def g(): return 2
        class Thing:
            def run(self): return g()
        """,
    ),
    "one of two names bound at once": (
        """
        A, B = 1, 2
        class Thing:
            def run(self): return A
        """,
        """
        A, B = 1, 2
        class Thing:
            def run(self): return B
        """,
    ),
    "a value taken before or after an effect": (
        """
        TABLE = {}
        TABLE["a"] = 1
        COUNT = len(TABLE)
        class Thing:
            def run(self): return COUNT
        """,
        """
        TABLE = {}
        COUNT = len(TABLE)
        TABLE["a"] = 1
        class Thing:
            def run(self): return COUNT
        """,
    ),
    "a default taken before or after an effect": (
        """
        TABLE = {}
        TABLE["a"] = 1
        def work(n=len(TABLE)): return n
        class Thing:
            def run(self): return work()
        """,
        """
        TABLE = {}
        def work(n=len(TABLE)): return n
        TABLE["a"] = 1
        class Thing:
            def run(self): return work()
        """,
    ),
    "a value taken between two bindings": (
        """
        X = 1
        Y = X
        X = 2
        class Thing:
            def run(self): return Y
        """,
        """
        X = 1
        X = 2
        Y = X
        class Thing:
            def run(self): return Y
        """,
    ),
    "the order of effects": (
        """
        LIST = []
        LIST.append(1)
        LIST.append(2)
        class Thing: pass
        """,
        """
        LIST = []
        LIST.append(2)
        LIST.append(1)
        class Thing: pass
        """,
    ),
    "a function that is only registered": (
        """
        from .registry import REGISTRY
        from . import parts
        class Thing:
            def run(self): return REGISTRY["a"]()
        # file: registry.py
        REGISTRY = {}
        def register(f):
            REGISTRY[f.__name__] = f
            return f
        # file: parts.py
        from .registry import register
        @register
        def a(): return 1
        """,
        """
        from .registry import REGISTRY
        from . import parts
        class Thing:
            def run(self): return REGISTRY["a"]()
        # file: registry.py
        REGISTRY = {}
        def register(f):
            REGISTRY[f.__name__] = f
            return f
        # file: parts.py
        from .registry import register
        @register
        def a(): return 2
        """,
    ),
    "a subclass that registers itself": (
        """
        from . import parts
        from .base import Base
        class Thing:
            def run(self): return Base.known["a"]()
        # file: base.py
        class Base:
            known = {}
            def __init_subclass__(cls, key): Base.known[key] = cls
        # file: parts.py
        from .base import Base
        class Part(Base, key="a"):
            x = 1
        """,
        """
        from . import parts
        from .base import Base
        class Thing:
            def run(self): return Base.known["a"]()
        # file: base.py
        class Base:
            known = {}
            def __init_subclass__(cls, key): Base.known[key] = cls
        # file: parts.py
        from .base import Base
        class Part(Base, key="a"):
            x = 2
        """,
    ),
    "a grandchild that registers itself": (
        """
        from . import parts
        class Thing: pass
        # file: base.py
        class Base:
            def __init_subclass__(cls): print(cls)
        class Child(Base): pass
        # file: parts.py
        from .base import Child
        class Part(Child):
            x = 1
        """,
        """
        from . import parts
        class Thing: pass
        # file: base.py
        class Base:
            def __init_subclass__(cls): print(cls)
        class Child(Base): pass
        # file: parts.py
        from .base import Child
        class Part(Child):
            x = 2
        """,
    ),
    "subclasses that are asked for": (
        """
        from . import parts
        from .base import Base
        class Thing:
            def run(self): return Base.__subclasses__()
        # file: base.py
        class Base: pass
        # file: parts.py
        from .base import Base
        class Part(Base):
            x = 1
        """,
        """
        from . import parts
        from .base import Base
        class Thing:
            def run(self): return Base.__subclasses__()
        # file: base.py
        class Base: pass
        # file: parts.py
        from .base import Base
        class Part(Base):
            x = 2
        """,
    ),
    "a module handed on as a value": (
        """
        from . import parts
        class Thing:
            def run(self, name): return getattr(parts, name)
        # file: parts.py
        def a(): return 1
        """,
        """
        from . import parts
        class Thing:
            def run(self, name): return getattr(parts, name)
        # file: parts.py
        def a(): return 2
        """,
    ),
    "a package handed on as a value": (
        """
        from . import parts
        class Thing:
            def run(self, name): return getattr(parts, name).work
        # file: parts/__init__.py
        from . import deep
        # file: parts/deep.py
        def work(): return 1
        """,
        """
        from . import parts
        class Thing:
            def run(self, name): return getattr(parts, name).work
        # file: parts/__init__.py
        from . import deep
        # file: parts/deep.py
        def work(): return 2
        """,
    ),
    "a module imported by a literal name": (
        """
        import importlib
        class Thing:
            def run(self): return importlib.import_module("pkg.parts").a()
        # file: parts.py
        def a(): return 1
        """,
        """
        import importlib
        class Thing:
            def run(self): return importlib.import_module("pkg.parts").a()
        # file: parts.py
        def a(): return 2
        """,
    ),
    "a module imported by a relative name": (
        """
        from importlib import import_module as load
        class Thing:
            def run(self): return load(".parts", package=__package__).a()
        # file: parts.py
        def a(): return 1
        """,
        """
        from importlib import import_module as load
        class Thing:
            def run(self): return load(".parts", package=__package__).a()
        # file: parts.py
        def a(): return 2
        """,
    ),
    "a module imported by a computed name": (
        """
        import importlib
        class Thing:
            def run(self, name): return importlib.import_module(f"{__package__}.{name}").a()
        # file: parts.py
        def a(): return 1
        """,
        """
        import importlib
        class Thing:
            def run(self, name): return importlib.import_module(f"{__package__}.{name}").a()
        # file: parts.py
        def a(): return 2
        """,
    ),
    "import_module handed on": (
        """
        import importlib
        class Thing:
            load = staticmethod(importlib.import_module)
        # file: parts.py
        def a(): return 1
        """,
        """
        import importlib
        class Thing:
            load = staticmethod(importlib.import_module)
        # file: parts.py
        def a(): return 2
        """,
    ),
    "a class named by text": (
        """
        class Thing:
            parts = {"a": "pkg.parts:A"}
        # file: parts.py
        class A:
            x = 1
        """,
        """
        class Thing:
            parts = {"a": "pkg.parts:A"}
        # file: parts.py
        class A:
            x = 2
        """,
    ),
    "globals()": (
        """
        def a(): return 1
        class Thing:
            def run(self, name): return globals()[name]()
        """,
        """
        def a(): return 2
        class Thing:
            def run(self, name): return globals()[name]()
        """,
    ),
    "eval": (
        """
        def a(): return 1
        class Thing:
            def run(self, text): return eval(text)
        """,
        """
        def a(): return 2
        class Thing:
            def run(self, text): return eval(text)
        """,
    ),
    "sys.modules": (
        """
        import sys
        def a(): return 1
        class Thing:
            def run(self, name): return getattr(sys.modules[__name__], name)
        """,
        """
        import sys
        def a(): return 2
        class Thing:
            def run(self, name): return getattr(sys.modules[__name__], name)
        """,
    ),
    "a module's __getattr__": (
        """
        from pkg import work
        class Thing:
            def run(self): return work()
        # file: __init__.py
        def __getattr__(name): return lambda: 1
        """,
        """
        from pkg import work
        class Thing:
            def run(self): return work()
        # file: __init__.py
        def __getattr__(name): return lambda: 2
        """,
    ),
    "what a module's __getattr__ is asked for": (
        """
        from . import lazy
        class Thing:
            def run(self): return lazy.one()
        # file: lazy.py
        def __getattr__(name): return lambda: name
        """,
        """
        from . import lazy
        class Thing:
            def run(self): return lazy.two()
        # file: lazy.py
        def __getattr__(name): return lambda: name
        """,
    ),
    "what a module's __getattr__ loads": (
        """
        from pkg import work
        class Thing:
            def run(self): return work()
        # file: __init__.py
        import importlib
        _WHERE = {"work": "parts"}
        def __getattr__(name):
            return getattr(importlib.import_module(f"pkg.{_WHERE[name]}"), name)
        # file: parts.py
        def work(): return 1
        """,
        """
        from pkg import work
        class Thing:
            def run(self): return work()
        # file: __init__.py
        import importlib
        _WHERE = {"work": "parts"}
        def __getattr__(name):
            return getattr(importlib.import_module(f"pkg.{_WHERE[name]}"), name)
        # file: parts.py
        def work(): return 2
        """,
    ),
    "which of two stars a name comes from": (
        """
        from .a import *
        from .b import *
        class Thing:
            def run(self): return work()
        # file: a.py
        def work(): return 1
        # file: b.py
        def work(): return 2
        """,
        """
        from .b import *
        from .a import *
        class Thing:
            def run(self): return work()
        # file: a.py
        def work(): return 1
        # file: b.py
        def work(): return 2
        """,
    ),
    "a name that a star may hide": (
        """
        def work(): return 0
        from .a import *
        class Thing:
            def run(self): return work()
        # file: a.py
        def work(): return 1
        """,
        """
        def work(): return 0
        from .a import *
        class Thing:
            def run(self): return work()
        # file: a.py
        def work(): return 2
        """,
    ),
    "what a computed list offers": (
        """
        from .a import *
        class Thing:
            def run(self): return _work()
        # file: a.py
        __all__ = []
        __all__ += ["_work"]
        def _work(): return 1
        """,
        """
        from .a import *
        class Thing:
            def run(self): return _work()
        # file: a.py
        __all__ = []
        __all__ += ["_work"]
        def _work(): return 2
        """,
    ),
    "a star of another package": (
        """
        from math import *
        class Thing:
            def run(self): return pow(2, 3)
        """,
        """
        class Thing:
            def run(self): return pow(2, 3)
        """,
    ),
    "a name in a quoted annotation of a field": (
        """
        class Part:
            x: int
        class Thing:
            parts: "list[Part]"
        """,
        """
        class Part:
            x: float
        class Thing:
            parts: "list[Part]"
        """,
    ),
    "a literal in an annotation of a field": (
        """
        from typing import Literal
        class Thing:
            kind: Literal["a", "b + c"]
        """,
        """
        from typing import Literal
        class Thing:
            kind: Literal["a", "b+c"]
        """,
    ),
    "an annotation that a decorator reads": (
        """
        from functools import singledispatch
        @singledispatch
        def work(x): return 0
        @work.register
        def _(x: int): return 1
        class Thing:
            def run(self, x): return work(x)
        """,
        """
        from functools import singledispatch
        @singledispatch
        def work(x): return 0
        @work.register
        def _(x: str): return 1
        class Thing:
            def run(self, x): return work(x)
        """,
    ),
    "an annotation that a stranger's decorator may read": (
        """
        from beartype import beartype
        class Thing:
            @beartype
            def run(self, x: int): return x
        """,
        """
        from beartype import beartype
        class Thing:
            @beartype
            def run(self, x: str): return x
        """,
    ),
    "an annotation that is asked for": (
        """
        from typing import get_type_hints
        def work(x: int): return x
        class Thing:
            def run(self): return get_type_hints(work)
        """,
        """
        from typing import get_type_hints
        def work(x: str): return x
        class Thing:
            def run(self): return get_type_hints(work)
        """,
    ),
    "a docstring that is asked for": (
        '''
        def work():
            """One."""
        class Thing:
            def run(self): return work.__doc__
        ''',
        '''
        def work():
            """Two."""
        class Thing:
            def run(self): return work.__doc__
        ''',
    ),
    "a module's docstring that is asked for": (
        '''
        """One."""
        class Thing:
            def run(self): return __doc__
        ''',
        '''
        """Two."""
        class Thing:
            def run(self): return __doc__
        ''',
    ),
    "numbers that are equal": (
        "class Thing:\n    x = 1",
        "class Thing:\n    x = 1.0",
    ),
    "true and one": (
        "class Thing:\n    x = 1",
        "class Thing:\n    x = True",
    ),
    "minus zero": (
        "class Thing:\n    x = 0.0",
        "class Thing:\n    x = -0.0",
    ),
    "infinity and a large number": (
        "class Thing:\n    x = 1e999",
        "class Thing:\n    x = 1e308",
    ),
    "an imaginary number": (
        "class Thing:\n    x = 1.0",
        "class Thing:\n    x = 1.0j",
    ),
    "text and bytes": (
        "class Thing:\n    x = 'a'",
        "class Thing:\n    x = b'a'",
    ),
    "text and a name": (
        "class Thing:\n    x = 'len'",
        "class Thing:\n    x = len",
    ),
    "a builtin and an own function of its name": (
        """
        class Thing:
            def run(self): return sum([1])
        """,
        """
        def sum(x): return 0
        class Thing:
            def run(self): return sum([1])
        """,
    ),
    "an import for its effect": (
        """
        import timm_models
        class Thing: pass
        """,
        """
        import more_timm_models
        class Thing: pass
        """,
    ),
    "an own module imported for its effect, in a function": (
        """
        class Thing:
            def run(self):
                from . import effect
        # file: effect.py
        print(1)
        """,
        """
        class Thing:
            def run(self):
                from . import effect
        # file: effect.py
        print(2)
        """,
    ),
    "an effect of a package above": (
        """
        class Thing: pass
        # file: __init__.py
        print(1)
        """,
        """
        class Thing: pass
        # file: __init__.py
        print(2)
        """,
    ),
    "a function that a default calls": (
        """
        from .helper import make
        class Thing:
            def run(self, x=make()): return x
        # file: helper.py
        def make(): return 1
        """,
        """
        from .helper import make
        class Thing:
            def run(self, x=make()): return x
        # file: helper.py
        def make(): return 2
        """,
    ),
    "a base class two files away": (
        """
        from .a import Base
        class Thing(Base): pass
        # file: a.py
        from .b import Root
        class Base(Root): pass
        # file: b.py
        class Root:
            x = 1
        """,
        """
        from .a import Base
        class Thing(Base): pass
        # file: a.py
        from .b import Root
        class Base(Root): pass
        # file: b.py
        class Root:
            x = 2
        """,
    ),
    "a helper in a lambda in a comprehension": (
        """
        def helper(x): return x
        class Thing:
            run = [lambda x: helper(x) for _ in range(3)]
        """,
        """
        def helper(x): return -x
        class Thing:
            run = [lambda x: helper(x) for _ in range(3)]
        """,
    ),
    "the iterable of a comprehension that hides its own name": (
        """
        items = [1]
        class Thing:
            def run(self): return [items for items in items]
        """,
        """
        items = [2]
        class Thing:
            def run(self): return [items for items in items]
        """,
    ),
    "the iterable of a comprehension in a class": (
        """
        sizes = [1]
        class Thing:
            sizes = [2]
            twice = [s * 2 for s in sizes]
        """,
        """
        sizes = [1]
        class Thing:
            sizes = [3]
            twice = [s * 2 for s in sizes]
        """,
    ),
    "a private global that a class mangles": (
        """
        _Thing__size = 1
        class Thing:
            def run(self): return __size
        """,
        """
        _Thing__size = 2
        class Thing:
            def run(self): return __size
        """,
    ),
    "a local import hidden by an argument of an inner function": (
        """
        class Thing:
            def run(self):
                from .helper import work
                def inner(work): return work
                return inner(1)
        # file: helper.py
        def work(): return 1
        """,
        """
        class Thing:
            def run(self):
                from .helper import work
                def inner(other): return work
                return inner(1)
        # file: helper.py
        def work(): return 1
        """,
    ),
    "an else of a loop": (
        """
        class Thing:
            def run(self, xs):
                for x in xs: print(x)
                else: print(1)
        """,
        """
        class Thing:
            def run(self, xs):
                for x in xs: print(x)
                print(1)
        """,
    ),
    "except and except*": (
        """
        class Thing:
            def run(self, x):
                try: x()
                except ValueError: pass
        """,
        """
        class Thing:
            def run(self, x):
                try: x()
                except* ValueError: pass
        """,
    ),
    "the kind of an argument": (
        """
        class Thing:
            def run(self, x, *, y): return x
        """,
        """
        class Thing:
            def run(self, x, y): return x
        """,
    ),
    "a lock on positions": (
        """
        class Thing:
            def run(self, x, /, y): return x
        """,
        """
        class Thing:
            def run(self, x, y): return x
        """,
    ),
    "a conversion of an f-string": (
        """
        class Thing:
            def run(self, x): return f"{x!r}"
        """,
        """
        class Thing:
            def run(self, x): return f"{x!s}"
        """,
    ),
    "async": (
        """
        class Thing:
            async def run(self): pass
        """,
        """
        class Thing:
            def run(self): pass
        """,
    ),
    "a value caught by match against a constant": (
        """
        import enum
        class Kind(enum.Enum):
            A = 1
        class Thing:
            def run(self, x):
                match x:
                    case Kind.A: return 1
        """,
        """
        import enum
        class Kind(enum.Enum):
            A = 2
        class Thing:
            def run(self, x):
                match x:
                    case Kind.A: return 1
        """,
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_means_something_else_has_another_digest(name):
    first, second = DIFFERENT[name]
    assert digest(first) != digest(second)


@pytest.mark.parametrize("name", [*SAME, *DIFFERENT])
def test_a_digest_is_the_same_each_time(name):
    first, _ = {**SAME, **DIFFERENT}[name]
    assert digest(first) == digest(first)
