"""Protocols: everything held equal between methods, as a versioned TOML file with a digest."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from benchbed.basics.canonical import digest, without_defaults
from benchbed.basics.errors import ProtocolError, suggest

SCHEMA: Final = 1
"""Version of this file's fields and of their defaults; part of every digest."""

Positive = Annotated[float, Meta(gt=0)]
NonNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]*\Z")]
Options = dict[str, bool | int | float | str]
DISPLAY: Final = frozenset({"title", "description", "citation", "seconds_per_run"})
"""Fields for people: no part of the digest."""


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which data set, and which of its splits serve for what.

    ``share``: of the training split's samples that are trained on, always the same ones.
    """

    dataset: Name
    options: Options = {}
    train: str = "train"
    validation: str = "validation"
    test: str = "test"
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0

    def trained_on(self, samples: int) -> int:
        """Return how many of the training split's samples are trained on; at least one."""
        return max(1, round(self.share * samples))


class TaskEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task: its plugin, the target of the data set that it predicts, its options.

    ``target`` defaults to the task's own name, ``primary`` to the plugin's primary metric.
    """

    task: Name
    target: str = ""
    primary: str = ""
    options: Options = {}


class Optimizer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Optimiser of ``torch.optim`` and its hyper-parameters."""

    name: Literal["sgd", "adam", "adamw"]
    lr: Positive
    weight_decay: NonNegative = 0.0
    momentum: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    nesterov: bool = False
    betas: tuple[float, float] = (0.9, 0.999)
    eps: Positive = 1e-8


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Learning-rate factor over training; ``per`` says how often it changes.

    ``step``: × ``gamma`` every ``step_epochs`` epochs; ``poly``: (1 − t)^power; ``cosine``: half a
    cosine from 1 to ``floor``; with t the share of training done. ``cosine-restarts``: such a
    cosine every ``restart_epochs`` epochs (I. Loshchilov, F. Hutter, ICLR 2017).

    ``warmup`` overrides the schedule at first: points (epoch, factor), between which the factor
    runs linearly, step by step; then the schedule holds, as if it had run all along.
    """

    name: Literal["constant", "step", "poly", "cosine", "cosine-restarts"] = "constant"
    per: Literal["step", "epoch"] = "epoch"
    step_epochs: Count = 1
    gamma: Positive = 0.1
    power: Positive = 0.9
    restart_epochs: Positive = 10.0
    floor: NonNegative = 0.0
    warmup: list[tuple[NonNegative, NonNegative]] = []


class TransformEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A batch transform by its plugin's name, with its options."""

    name: Name
    options: Options = {}


class Selection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which epoch's model is scored on the test split.

    ``last``: the last one. ``best-validation``: the epoch with the best ``criterion`` on the
    validation split: ``loss`` (sum of the tasks' validation losses) or ``task/metric`` (in the run
    of another single task: that task's own primary metric, or its loss where that metric is
    computed at the end only). ``mean-of-last-k``: test metrics averaged over the last ``k`` epochs.
    ``paper-selection``: the epoch with the best ``criterion`` on the test split itself, as many
    papers' code does; ``data.validation`` is then the test split, and tables say that the scores
    are too good.
    """

    rule: Literal["last", "best-validation", "mean-of-last-k", "paper-selection"]
    criterion: str = "loss"
    k: Count = 1

    def __str__(self) -> str:
        if self.rule == "best-validation":
            return f"best validation {self.criterion}"
        if self.rule == "paper-selection":
            return f"best test {self.criterion} (paper-selection: on the split that is scored)"
        if self.rule == "mean-of-last-k":
            return f"mean of the last {self.k} epochs"
        return "last epoch"


class DeltaM(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which Δm, and the method that it is relative to."""

    definition: Literal["primary", "per-task-mean", "flat"] = "primary"
    baseline: str = "single-task"


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A protocol as its TOML file states it, defaults filled in."""

    name: Name
    version: Count
    data: Data
    tasks: dict[Name, TaskEntry]
    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    selection: Selection
    schedule: Schedule = Schedule()
    delta_m: DeltaM = DeltaM()
    seeds: tuple[Annotated[int, Meta(ge=0)], ...] = (0, 1, 2)
    backbone: str = ""
    drop_last: bool = False
    transforms: list[TransformEntry] = []
    evaluation_transforms: list[TransformEntry] = []
    accumulate: Count = 1
    clip_norm: NonNegative = 0.0
    ema: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    title: str = ""
    description: str = ""
    citation: str = ""
    seconds_per_run: NonNegative = 0.0

    @property
    def id(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def canonical(self) -> dict[str, Any]:
        """Return what the digest is taken of: no display text, and no field at its default.

        Leaving defaults out, rather than filling them in, lets a later benchbed add fields without
        changing the digest of a released protocol; the defaults themselves are frozen by
        ``SCHEMA``, and a test pins them. The order of the tasks counts.
        """
        plain = without_defaults(self, DISPLAY)
        tasks = [{"name": name, **entry} for name, entry in plain["tasks"].items()]
        return {"schema": SCHEMA, **plain, "tasks": tasks}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal."""
        return digest(self.canonical())


_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?(.*)`)?")
_MISSING = re.compile(r"Object missing required field `(\w+)`(?: - at `\$\.?(.*)`)?")


def parse_toml(text: str, source: str, kind: type[Any]) -> Any:
    """Read a TOML text into a Struct, every mistake named with its place.

    Raises:
        ProtocolError: not TOML; an unknown, missing or ill-typed field.
    """
    return convert(load_toml(text, source), source, kind)


def load_toml(text: str, source: str) -> dict[str, Any]:
    """Read a TOML text.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        raise ProtocolError(f"{source} is not valid TOML: {error}.") from error


def convert(plain: object, source: str, kind: type[Any]) -> Any:
    """Return plain data as a Struct, every mistake named with its place.

    Raises:
        ProtocolError: an unknown, missing or ill-typed field.
    """
    try:
        return msgspec.convert(plain, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ProtocolError(f"{source}: {_sentence(str(error), kind)}") from error


def _sentence(message: str, kind: type[Any]) -> str:
    """Return what is wrong with a file, from msgspec's message."""
    if unknown := _UNKNOWN.match(message):
        name, place = unknown.group(1), unknown.group(2) or ""
        known = _fields_at(kind, place)
        return f"unknown key '{_join(place, name)}'.{suggest(name, known)}"
    if missing := _MISSING.match(message):
        return f"'{_join(missing.group(2) or '', missing.group(1))}' is missing; add it."
    what, _, where = message.partition(" - at `$")
    place = where.strip("`.")
    return f"'{place}' is wrong: {what}." if place else f"{what}."


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _fields_at(kind: type[Any], place: str) -> list[str]:
    """Return the field names of the Struct at ``place`` (``tasks[...]`` is a dict's value)."""
    for part in filter(None, place.split(".")):
        name, bracket, _ = part.partition("[")
        types = {field.name: field.type for field in msgspec.structs.fields(kind)}
        kind = types.get(name, kind)
        if bracket:
            kind = kind.__args__[-1]
    return [field.name for field in msgspec.structs.fields(kind)]


def parse_protocol(text: str, source: str = "protocol") -> Protocol:
    """Read and check a protocol.

    Raises:
        ProtocolError: a wrong file; the message names the key and the remedy.
    """
    return protocol_from(load_toml(text, source), source)


def protocol_from(plain: object, source: str) -> Protocol:
    """Return plain data as a protocol, checked.

    Raises:
        ProtocolError: something is wrong; the message names the key and the remedy.
    """
    protocol: Protocol = convert(plain, source, Protocol)
    problem = _problem(protocol)
    if problem:
        raise ProtocolError(f"{source}: {problem}")
    return protocol


def _problem(protocol: Protocol) -> str:
    """Return the first thing that makes no sense, and the remedy; nothing if all is well."""
    for check in (_of_parts, _of_splits, _of_numbers, _of_selection, _of_schedule, _of_optimizer):
        problem = check(protocol)
        if problem:
            return problem
    return ""


def _of_parts(protocol: Protocol) -> str:
    data, seeds = protocol.data, protocol.seeds
    if not protocol.tasks:
        return "it has no tasks; add a table [tasks.NAME]."
    if data.train in {data.validation, data.test}:
        return f"'data.train' is '{data.train}', which also serves to score; name another."
    if not seeds or len(set(seeds)) < len(seeds):
        return "'seeds' must be a list of different whole numbers, for instance [0, 1, 2]."
    return ""


def _of_splits(protocol: Protocol) -> str:
    rule, data = protocol.selection.rule, protocol.data
    on_test = data.validation == data.test
    if rule == "paper-selection" and not on_test:
        return (
            "'selection.rule' is 'paper-selection', which selects on the test split; set "
            f"data.validation = \"{data.test}\" as well, or choose 'best-validation'."
        )
    if rule == "best-validation" and on_test:
        return (
            f"'data.validation' is '{data.test}', the split that is scored; name another, "
            'or call it selection.rule = "paper-selection", which tables mark.'
        )
    return ""


def _of_numbers(protocol: Protocol) -> str:
    place = _not_finite(msgspec.to_builtins(protocol))
    return f"'{place}' must be a finite number." if place else ""


def _of_selection(protocol: Protocol) -> str:
    selection = protocol.selection
    if selection.rule == "mean-of-last-k" and selection.k > protocol.epochs:
        return f"'selection.k' is {selection.k}, more than the {protocol.epochs} epochs."
    if selection.criterion == "loss":
        return ""
    task, slash, metric = selection.criterion.partition("/")
    if not (slash and metric and task in protocol.tasks):
        return (
            f"'selection.criterion' is '{selection.criterion}', but must be 'loss' or "
            f"'task/metric' with a task of the protocol.{suggest(task, protocol.tasks)}"
        )
    return ""


def _of_schedule(protocol: Protocol) -> str:
    points = [epoch for epoch, _ in protocol.schedule.warmup]
    if points and (points[0] != 0 or len(points) < 2 or points != sorted(set(points))):
        return "'schedule.warmup' must be points [epoch, factor] that begin at epoch 0 and rise."
    return ""


def _of_optimizer(protocol: Protocol) -> str:
    optimizer = protocol.optimizer
    if optimizer.name != "sgd" and optimizer.momentum:
        return f"'optimizer.momentum' is for sgd; {optimizer.name} has none."
    if optimizer.nesterov and not optimizer.momentum:
        return "'optimizer.nesterov' needs 'optimizer.momentum' above 0."
    return ""


def _not_finite(value: object) -> str:
    """Return the place of the first number that is infinite or NaN, or nothing."""
    if isinstance(value, float):
        return "" if math.isfinite(value) else "."
    items: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for key, inner in items:
        place = _not_finite(inner)
        if place == ".":
            return str(key)
        if place:
            return f"{key}.{place}"
    return ""


def read_protocol(path: Path) -> Protocol:
    """Read a protocol file.

    Raises:
        ProtocolError: it cannot be read, or is wrong.
    """
    return parse_protocol(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProtocolError(f"Cannot read {path}: {error}.") from error
