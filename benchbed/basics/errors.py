"""The one exception family. A message is a sentence for its reader, with the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchbedError(Exception):
    """Something that the user can mend; the message says what, where and how.

    ``exit_code`` is what the command line ends with (2: wrong use, 1: a run failed).
    """

    exit_code = 2


class BenchbedWarning(UserWarning):
    """Something that the user should know of and that stops nothing, in a sentence."""


class PluginError(BenchbedError):
    """A plugin could not be found, loaded or used."""


class ContractError(PluginError):
    """A plugin's class breaks the contract of its base class."""


class MethodError(BenchbedError):
    """A method's name, options or combination make no sense."""


class ProtocolError(BenchbedError):
    """A protocol or suite file is wrong."""


class DataError(BenchbedError):
    """A data set is missing, damaged or does not fit the protocol."""


class RecordError(BenchbedError):
    """A record cannot be trusted: damaged, foreign, of another schema, or altered."""


class StoreError(BenchbedError):
    """The results folder cannot be read or written."""


class RunError(BenchbedError):
    """A run ended without a record."""

    exit_code = 1


class NonFiniteLossError(RunError):
    """A loss became infinite or NaN."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean …?"`` for the nearest known name, or what there is, or nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f" Did you mean '{near[0]}'?"
    if 0 < len(names) <= 12:
        return f" There is: {', '.join(names)}."
    return ""


def one_line(error: BaseException) -> str:
    """Return ``Type: message`` of an error on one line."""
    name = type(error).__name__
    text = " ".join(str(error).split())
    return f"{name}: {text}" if text else name
