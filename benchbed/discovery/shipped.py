"""A plugin that is no installed package: its bytes, which executors bring to where runs are."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import msgspec

from benchbed.basics.errors import PluginError, one_line


class Shipped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code of one plugin.

    Attributes:
        module: the name that it is imported by, which holds its digest.
        form: ``source``, or ``pickle`` of a class that was defined in a notebook or script.
        content: the bytes.
        shown: where it is from, for people and tracebacks.
    """

    module: str
    form: Literal["source", "pickle"]
    content: bytes
    shown: str


def install(shipped: Shipped) -> ModuleType:
    """Import a plugin under its name; one that is there already is returned as it is.

    Raises:
        PluginError: its code raises.
    """
    if shipped.module in sys.modules:
        return sys.modules[shipped.module]
    module = ModuleType(shipped.module)
    module.__file__ = shipped.shown
    # where the source is looked for when it is digested
    spec = importlib.machinery.ModuleSpec(shipped.module, None, origin=shipped.shown)
    spec.has_location = True
    module.__spec__ = spec
    sys.modules[shipped.module] = module
    try:
        _fill(module, shipped)
    except (Exception, SystemExit) as error:
        del sys.modules[shipped.module]
        raise PluginError(f"Cannot load {shipped.shown}: {one_line(error)}.") from error
    return module


def _fill(module: ModuleType, shipped: Shipped) -> None:
    if shipped.form == "source":
        code = compile(shipped.content, shipped.shown, "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - the user has named this very file
        return
    import pickle  # of bytes that this user's own process has just written

    cls = pickle.loads(shipped.content)  # noqa: S301
    setattr(module, cls.__name__, cls)


def write_shipped(shipped: Shipped, folder: Path) -> Path:
    """Write a plugin into a folder of an executor's own, once; return the file."""
    path = folder / f"{shipped.module}.json"
    if not path.exists():  # a process may be reading it
        path.write_bytes(msgspec.json.encode(shipped))
    return path


def read_shipped(path: Path) -> Shipped:
    """Read what :func:`write_shipped` wrote.

    Raises:
        PluginError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Shipped)
    except (OSError, msgspec.DecodeError) as error:
        raise PluginError(f"Cannot read the plugin {path}: {one_line(error)}.") from error
