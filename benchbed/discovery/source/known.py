"""What is known of other packages: which calls change nothing, which reach code by other ways.

Names are full dotted paths; of builtins they begin with ``builtins.``. What is not listed is taken
to do anything.
"""

from __future__ import annotations

import sys
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PACKAGES: Final = frozenset(
    {
        "PIL",
        "attr",
        "attrs",
        "benchbed",
        "builtins",
        "click",
        "filelock",
        "fvcore",
        "h5py",
        "matplotlib",
        "msgspec",
        "numpy",
        "pandas",
        "platformdirs",
        "pluggy",
        "rich",
        "safetensors",
        "scipy",
        "sklearn",
        "tabulate",
        "timm",
        "torch",
        "torchmetrics",
        "torchvision",
        "typing_extensions",
    }
)
"""Packages that are never imported or subclassed for what that changes elsewhere, and that do not
look at annotations of functions; so with the standard library."""

_INERT_MODULES: Final = _words(
    "abc collections datetime enum fractions itertools math numbers pathlib string types typing"
    " typing_extensions"
)
"""Modules of which every function may be called without changing anything."""

_INERT_CALLS: Final = _words(
    """
    builtins.abs builtins.bool builtins.bytes builtins.classmethod builtins.complex builtins.dict
    builtins.divmod builtins.enumerate builtins.filter builtins.float builtins.frozenset
    builtins.hash builtins.hasattr builtins.int builtins.isinstance builtins.issubclass builtins.len
    builtins.list builtins.map builtins.max builtins.min builtins.object builtins.ord builtins.chr
    builtins.pow builtins.property builtins.range builtins.repr builtins.reversed builtins.round
    builtins.set builtins.slice builtins.sorted builtins.staticmethod builtins.str builtins.sum
    builtins.tuple builtins.zip
    contextlib.asynccontextmanager contextlib.closing contextlib.contextmanager
    contextlib.nullcontext contextlib.suppress
    dataclasses.dataclass dataclasses.field
    decimal.Decimal
    functools.cache functools.cached_property functools.cmp_to_key functools.lru_cache
    functools.partial functools.partialmethod functools.reduce functools.singledispatch
    functools.singledispatchmethod functools.total_ordering functools.wraps
    importlib.metadata.version
    logging.getLogger
    msgspec.Meta msgspec.field msgspec.json.Decoder msgspec.json.Encoder msgspec.msgpack.Decoder
    msgspec.msgpack.Encoder
    numpy.arange numpy.array numpy.asarray numpy.deg2rad numpy.dtype numpy.eye numpy.finfo
    numpy.float32 numpy.float64 numpy.full numpy.iinfo numpy.int32 numpy.int64 numpy.linspace
    numpy.log numpy.ones numpy.sqrt numpy.uint8 numpy.zeros
    operator.attrgetter operator.itemgetter operator.methodcaller
    re.compile re.escape re.findall re.split re.sub
    struct.Struct struct.calcsize struct.pack struct.unpack
    textwrap.dedent
    torch.arange torch.as_tensor torch.compile torch.device torch.enable_grad torch.eye torch.finfo
    torch.full torch.iinfo torch.inference_mode torch.linspace torch.no_grad torch.ones
    torch.tensor torch.zeros
    """
)

CALLING: Final = {
    "builtins.filter": 0,
    "builtins.map": 0,
    "functools.reduce": 0,
    "itertools.accumulate": 1,
    "itertools.dropwhile": 0,
    "itertools.filterfalse": 0,
    "itertools.groupby": 1,
    "itertools.starmap": 0,
    "itertools.takewhile": 0,
    "re.sub": 1,
}
"""Functions that call one of their arguments, and which; any may be given one as ``key``."""

DEFERRING: Final = frozenset({"functools.partial", "functools.partialmethod"})
"""Functions whose result calls what they were given."""

INERT_METACLASSES: Final = frozenset({"abc.ABCMeta", "enum.EnumMeta", "enum.EnumType"})

METHODS: Final = _words(
    """
    casefold copy count decode encode endswith format get hex index isdigit items join keys
    lower lstrip partition replace rpartition rsplit rstrip split splitlines startswith strip
    swapcase title union upper values zfill
    """
)
"""Methods of builtin types that change nothing."""

ACCESSORS: Final = frozenset({"deleter", "getter", "setter"})
"""Decorators that a property has."""

LOOKS: Final = dict.fromkeys(
    _words(
        """
    beartype cattrs dacite fire jaxtyping plum pydantic typeguard typer
    builtins.__annotations__ functools.singledispatch
    functools.singledispatchmethod inspect.cleandoc inspect.get_annotations inspect.getcomments
    inspect.getdoc inspect.getfullargspec inspect.getmembers inspect.getsource
    inspect.getsourcelines torch.jit.export torch.jit.interface torch.jit.script
    torch.jit.script_if_tracing torch.jit.script_method typing.get_type_hints
    typing_extensions.get_type_hints
    """
    ),
    "all",
) | {"inspect.signature": "signature", "inspect.Signature": "signature"}
"""Where annotations and docstrings have a meaning: with ``all``, or with a signature of which the
annotations are looked at, they count."""

LOOKING: Final = {
    "__annotate__": "all",
    "__annotations__": "all",
    "__doc__": "all",
    "__type_params__": "all",
    "annotation": "annotation",
    "return_annotation": "annotation",
}
"""The same of attributes."""

GETTERS: Final = frozenset({"builtins.getattr", "operator.attrgetter"})
"""Functions that take the name of an attribute as text."""

PLACE: Final = frozenset({"__file__", "__loader__", "__package__", "__path__", "__spec__"})
"""Names whose values depend on where a module lies."""

OWN_NAMESPACE: Final = frozenset({"__name__", "eval", "exec", "globals"})
"""Names through which code reaches any name of its own module."""

LOCAL_NAMESPACE: Final = frozenset({"builtins.dir", "builtins.locals", "builtins.vars"})
"""The same, where they are called without arguments outside of functions."""

EVERYWHERE: Final = _words(
    """
    builtins.__import__ builtins.__loader__ builtins.__path__ builtins.__spec__
    gc.get_objects gc.get_referrers importlib.__import__ importlib.import_module
    importlib.machinery.SourceFileLoader importlib.util.module_from_spec
    importlib.util.spec_from_file_location inspect.currentframe inspect.getmodule inspect.stack
    pkgutil.iter_modules pkgutil.resolve_name pkgutil.walk_packages pydoc.locate
    runpy.run_module runpy.run_path sys._getframe sys.modules
    """
)
"""Through these code reaches any module of its package."""

EVERYWHERE_ATTRIBUTES: Final = frozenset({"__globals__", "__subclasses__", "f_back", "f_globals"})


def is_known(path: str) -> bool:
    """Return whether a name is of a package in ``PACKAGES`` or of the standard library."""
    top = path.partition(".")[0]
    return top in PACKAGES or top in sys.stdlib_module_names


def is_inert(path: str) -> bool:
    """Return whether a function or class of another package changes nothing when it is called."""
    top, _, name = path.rpartition(".")
    if path.partition(".")[0] == "benchbed":
        return name[:1].isupper() or name == "hookimpl"
    return path in _INERT_CALLS or not _INERT_MODULES.isdisjoint(prefixes(top))


def is_steady(path: str) -> bool:
    """Return whether a name of another package is the same whenever it is looked at."""
    top = path.partition(".")[0]
    inert = path in _INERT_MODULES or is_inert(path)
    return top == "builtins" or (top in sys.stdlib_module_names and inert)


def prefixes(path: str) -> list[str]:
    """Return ``["a", "a.b", "a.b.c"]`` for ``"a.b.c"``."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
