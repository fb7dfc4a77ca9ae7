"""Pairs of programs that mean something else, however alike they look."""

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
    "a function that sorted is given": (
        """
        SEEN = []
        def note(x): SEEN.append(x)
        SORTED = sorted([2, 1], key=note)
        class Thing:
            def run(self): return SEEN
        """,
        """
        SEEN = []
        def note(x): SEEN.insert(0, x)
        SORTED = sorted([2, 1], key=note)
        class Thing:
            def run(self): return SEEN
        """,
    ),
    "a function that map is given": (
        """
        SEEN = []
        def note(x): SEEN.append(x)
        NOTED = list(map(lambda x: note(x), [2, 1]))
        class Thing:
            def run(self): return SEEN
        """,
        """
        SEEN = []
        def note(x): SEEN.append(x)
        NOTED = list(map(lambda x: note(x), [2, 1, 0]))
        class Thing:
            def run(self): return SEEN
        """,
    ),
    "a builtin that a star may hide, in an unreached constant": (
        """
        from .helper import *
        X = len([1])
        class Thing: pass
        # file: helper.py
        def len(x): print(1)
        """,
        """
        from .helper import *
        X = len([1])
        class Thing: pass
        # file: helper.py
        def len(x): print(2)
        """,
    ),
    "a constant whose making has an effect": (
        """
        from .helper import make
        UNUSED = make()
        class Thing: pass
        # file: helper.py
        def make(): print(1)
        """,
        """
        from .helper import make
        UNUSED = make()
        class Thing: pass
        # file: helper.py
        def make(): print(2)
        """,
    ),
    "an unreached constant of a class that does more than hold data": (
        """
        from dataclasses import dataclass
        SEEN = []
        @dataclass
        class Colour:
            red: float
            def __post_init__(self): SEEN.append(self)
        RED = Colour(1.0)
        class Thing:
            def run(self): return SEEN
        """,
        """
        from dataclasses import dataclass
        SEEN = []
        @dataclass
        class Colour:
            red: float
            def __post_init__(self): SEEN.append(self)
        RED = Colour(2.0)
        class Thing:
            def run(self): return SEEN
        """,
    ),
    "the beginning of a module's name": (
        """
        from loaders import load
        class Thing:
            def run(self, name): return load("pkg.parts.%s" % name)
        # file: parts/one.py
        x = 1
        """,
        """
        from loaders import load
        class Thing:
            def run(self, name): return load("pkg.parts.%s" % name)
        # file: parts/one.py
        x = 2
        """,
    ),
    "the beginning of a module's name in an f-string": (
        """
        from loaders import load
        class Thing:
            def run(self, name): return load(f"pkg.parts.{name}")
        # file: parts/one.py
        x = 1
        """,
        """
        from loaders import load
        class Thing:
            def run(self, name): return load(f"pkg.parts.{name}")
        # file: parts/one.py
        x = 2
        """,
    ),
    "a loop that binds names": (
        """
        for size in (1, 2): pass
        class Thing:
            def run(self): return size
        """,
        """
        for size in (1, 3): pass
        class Thing:
            def run(self): return size
        """,
    ),
    "a with that binds a name": (
        """
        with open("a") as file: text = file.read()
        class Thing:
            def run(self): return text
        """,
        """
        with open("b") as file: text = file.read()
        class Thing:
            def run(self): return text
        """,
    ),
    "a name bound on the side": (
        """
        LAST = (SIZE := 1) + 1
        class Thing:
            def run(self): return SIZE
        """,
        """
        LAST = (SIZE := 2) + 1
        class Thing:
            def run(self): return SIZE
        """,
    ),
    "a setting of another package": (
        """
        import torch
        torch.manual_seed(1)
        class Thing: pass
        """,
        """
        import torch
        torch.manual_seed(2)
        class Thing: pass
        """,
    ),
    "a setting of another package behind a name": (
        """
        import torch
        _ = torch.manual_seed(1)
        class Thing: pass
        """,
        """
        import torch
        _ = torch.manual_seed(2)
        class Thing: pass
        """,
    ),
    "a function of another package that is put in place of its own": (
        """
        import torch
        torch.relu = lambda x: x
        class Thing: pass
        """,
        """
        import torch
        torch.relu = lambda x: -x
        class Thing: pass
        """,
    ),
    "effects of one module split over two": (
        """
        from . import a
        class Thing: pass
        # file: a.py
        print(1)
        print(2)
        """,
        """
        from . import a, b
        class Thing: pass
        # file: a.py
        print(1)
        # file: b.py
        print(2)
        """,
    ),
    "an effect made once or twice": (
        """
        from . import a
        class Thing: pass
        # file: a.py
        print(1)
        # file: b.py
        print(1)
        """,
        """
        from . import a, b
        class Thing: pass
        # file: a.py
        print(1)
        # file: b.py
        print(1)
        """,
    ),
    "which object an effect changes": (
        """
        from . import state
        class Thing:
            def run(self): return state.A
        # file: state.py
        A = []
        B = []
        A.append(1)
        """,
        """
        from . import state
        class Thing:
            def run(self): return state.A
        # file: state.py
        A = []
        B = []
        B.append(1)
        """,
    ),
    "two caches that are alike, and one cache": (
        """
        from functools import cache
        @cache
        def one(): return object()
        @cache
        def two(): return object()
        class Thing:
            def run(self): return one(), one()
        """,
        """
        from functools import cache
        @cache
        def one(): return object()
        @cache
        def two(): return object()
        class Thing:
            def run(self): return one(), two()
        """,
    ),
    "the name of a local variable that an inner function takes": (
        """
        class Thing:
            def run(self, x, y):
                return (lambda: x)()
        """,
        """
        class Thing:
            def run(self, x, y):
                return (lambda: y)()
        """,
    ),
    "an effect of a file that the package itself imports": (
        """
        class Thing: pass
        # file: __init__.py
        from . import effect
        # file: effect.py
        print(1)
        """,
        """
        class Thing: pass
        # file: __init__.py
        from . import effect
        # file: effect.py
        print(2)
        """,
    ),
    "a setting before or after an import": (
        """
        import os
        os.environ["THREADS"] = "1"
        import torch
        class Thing:
            def run(self): return torch
        """,
        """
        import os
        import torch
        os.environ["THREADS"] = "1"
        class Thing:
            def run(self): return torch
        """,
    ),
    "a value of another package before or after a setting": (
        """
        import torch
        torch.set_default_dtype(torch.float64)
        EYE = torch.eye(3)
        class Thing:
            def run(self): return EYE
        """,
        """
        import torch
        EYE = torch.eye(3)
        torch.set_default_dtype(torch.float64)
        class Thing:
            def run(self): return EYE
        """,
    ),
    "a default of the environment before or after a setting": (
        """
        import os
        os.environ["A"] = "1"
        class Thing:
            def run(self, a=os.environ["A"]): return a
        """,
        """
        import os
        class Thing:
            def run(self, a=os.environ["A"]): return a
        os.environ["A"] = "1"
        """,
    ),
    "an annotation that a stranger's function reads": (
        """
        from beartype import beartype
        def checked(f): return beartype(f)
        class Thing:
            @checked
            def run(self, x: int): return x
        """,
        """
        from beartype import beartype
        def checked(f): return beartype(f)
        class Thing:
            @checked
            def run(self, x: str): return x
        """,
    ),
    "a text in a call in an annotation": (
        """
        from fields import of
        class Thing:
            x: of("a + b")
        """,
        """
        from fields import of
        class Thing:
            x: of("a+b")
        """,
    ),
    "a file in a folder that is no package": (
        """
        from .parts import one
        class Thing:
            def run(self): return one.work()
        # file: parts/one.py
        def work(): return 1
        """,
        """
        from .parts import one
        class Thing:
            def run(self): return one.work()
        # file: parts/one.py
        def work(): return 2
        """,
    ),
    "what a module does as a script that the component starts": (
        """
        import subprocess, sys
        class Thing:
            def run(self): subprocess.run([sys.executable, "-m", __name__])
        if __name__ == "__main__":
            print(1)
        """,
        """
        import subprocess, sys
        class Thing:
            def run(self): subprocess.run([sys.executable, "-m", __name__])
        if __name__ == "__main__":
            print(2)
        """,
    ),
    "what another module does as a script that the component starts": (
        """
        import subprocess, sys
        class Thing:
            def run(self): subprocess.run([sys.executable, "-m", "pkg.worker"])
        # file: worker.py
        from .helper import work
        if __name__ == "__main__":
            work()
        # file: helper.py
        def work(): print(1)
        """,
        """
        import subprocess, sys
        class Thing:
            def run(self): subprocess.run([sys.executable, "-m", "pkg.worker"])
        # file: worker.py
        from .helper import work
        if __name__ == "__main__":
            work()
        # file: helper.py
        def work(): print(2)
        """,
    ),
    "where a file lies that looks around itself": (
        """
        from .helper import HERE
        class Thing:
            def run(self): return HERE
        # file: helper.py
        from pathlib import Path
        HERE = Path(__file__).parent
        """,
        """
        from .inner.helper import HERE
        class Thing:
            def run(self): return HERE
        # file: inner/helper.py
        from pathlib import Path
        HERE = Path(__file__).parent
        """,
    ),
    "a decorator made of a function that registers": (
        """
        from functools import partial
        SEEN = []
        def register(name, f): SEEN.append(f)
        @partial(register, "a")
        def work(): return 1
        class Thing:
            def run(self): return SEEN
        """,
        """
        from functools import partial
        SEEN = []
        def register(name, f): SEEN.append(f)
        @partial(register, "a")
        def work(): return 2
        class Thing:
            def run(self): return SEEN
        """,
    ),
    "an own module that is imported before or after a setting at which it looks": (
        """
        import os
        os.environ["A"] = "1"
        from .helper import work
        class Thing:
            def run(self): return work()
        # file: helper.py
        from .deep import A
        def work(): return A
        # file: deep.py
        import os
        A = os.environ["A"]
        """,
        """
        import os
        from .helper import work
        os.environ["A"] = "1"
        class Thing:
            def run(self): return work()
        # file: helper.py
        from .deep import A
        def work(): return A
        # file: deep.py
        import os
        A = os.environ["A"]
        """,
    ),
}
