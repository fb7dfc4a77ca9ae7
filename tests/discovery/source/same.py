"""Pairs of programs that mean the same."""

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
        from benchbed.contracts import weighting
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
    "a constant under another name": (
        """
        SIZE = 1
        class Thing:
            def run(self): return SIZE
        """,
        """
        LENGTH = 1
        class Thing:
            def run(self): return LENGTH
        """,
    ),
    "a name of the module that is only annotated": (
        """
        size = 1
        class Thing:
            def run(self): return size
        """,
        """
        size: int
        size = 1
        class Thing:
            def run(self): return size
        """,
    ),
    "an unreached class with a branch for type checkers": (
        "class Thing: pass",
        """
        from typing import TYPE_CHECKING
        class Thing: pass
        class Other:
            if TYPE_CHECKING:
                x: int
        """,
    ),
    "a branch for type checkers and the other one": (
        """
        import typing
        if not typing.TYPE_CHECKING:
            SIZE = 1
        else:
            SIZE = 2
        class Thing:
            def run(self): return SIZE
        """,
        """
        SIZE = 1
        class Thing:
            def run(self): return SIZE
        """,
    ),
    "unreached constants that a function makes of others": (
        "class Thing: pass",
        """
        from dataclasses import dataclass, field
        @dataclass
        class Colour:
            red: float
            more: list = field(default_factory=list)
        RED = Colour(1.0)
        NAMES = ("b", "a")
        SORTED = sorted(NAMES, key=len)
        LENGTHS = tuple(map(len, NAMES))
        class Thing: pass
        """,
    ),
    "an import of another file that nothing uses": (
        "class Thing: pass",
        """
        from .helper import work
        class Thing: pass
        # file: helper.py
        def work(): return 1
        """,
    ),
    "an import of another package that nothing uses": (
        "class Thing: pass",
        """
        import json
        import numpy as np
        from torch import Tensor
        class Thing: pass
        """,
    ),
    "unreached definitions around effects": (
        """
        TABLE = {}
        TABLE["a"] = 1
        class Thing:
            def run(self): return TABLE
        """,
        """
        def before(): return TABLE
        TABLE = {}
        COUNT = len(TABLE)
        TABLE["a"] = 1
        def after(n=len(TABLE)): return COUNT
        class Thing:
            def run(self): return TABLE
        """,
    ),
    "a class that is imported from elsewhere": (
        """
        class Thing:
            x = 1
        """,
        """
        from .deep import Thing
        # file: deep/__init__.py
        from .deeper import Other as Thing
        # file: deep/deeper.py
        from .deepest import Thing as Other
        # file: deep/deepest.py
        class Thing:
            x = 1
        """,
    ),
    "a file that the package itself imports": (
        """
        from pkg import helper
        class Thing:
            def run(self): return helper.work()
        # file: __init__.py
        from . import helper, other
        # file: helper.py
        def work(): return 1
        # file: other.py
        x = 1
        """,
        """
        from .helper import work
        class Thing:
            def run(self): return work()
        # file: helper.py
        def work(): return 1
        """,
    ),
    "imports after a choice of imports": (
        """
        try:
            import fast
        except ImportError:
            fast = None
        import json
        from .helper import work, other
        class Thing:
            def run(self): return work(json)
        # file: helper.py
        def work(x): return 1
        def other(): return 1
        """,
        """
        try:
            import fast
        except ImportError:
            fast = None
        from .helper import work, other
        import json
        class Thing:
            def run(self): return work(json)
        # file: helper.py
        def work(x): return 1
        def other(): return 2
        """,
    ),
    "a doubtful escape": (
        """
        class Thing:
            x = "\\\\d"
        """,
        """
        class Thing:
            x = "\\d"
        """,
    ),
    "a logger of a file that is renamed": (
        """
        from .helper import work
        class Thing:
            def run(self): return work()
        # file: helper.py
        import logging
        LOG = logging.getLogger(__name__)
        def work(): LOG.info("working")
        """,
        """
        from .other import work
        class Thing:
            def run(self): return work()
        # file: other.py
        import logging
        LOG = logging.getLogger(__name__)
        def work(): LOG.info("working")
        """,
    ),
    "classes that subclass each other by mistake": (
        """
        from .a import A
        class Thing: pass
        # file: a.py
        from .b import B
        class A(B): pass
        # file: b.py
        from .a import A
        class B(A): pass
        def unreached(): pass
        """,
        """
        from .a import A
        class Thing: pass
        # file: a.py
        from .b import B
        class A(B): pass
        # file: b.py
        from .a import A
        class B(A): pass
        """,
    ),
    "a definition that moves from among effects": (
        """
        REGISTRY = {}
        REGISTRY["a"] = 1
        def work(): return 1
        class Thing:
            def run(self): return work(), REGISTRY
        """,
        """
        REGISTRY = {}
        REGISTRY["a"] = 1
        from .helper import work
        class Thing:
            def run(self): return work(), REGISTRY
        # file: helper.py
        import math
        def work(): return 1
        """,
    ),
}
