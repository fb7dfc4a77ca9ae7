"""``Spec``: the light description by which a plugin announces a component before it is imported."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from benchbed.basics.errors import MethodError, PluginError, suggest

API: Final = 1
"""Version of the plugin interface. A Spec that names another one is refused."""

Kind = Literal[
    "architecture", "backbone", "task", "dataset", "weighting", "transform", "executor", "logger"
]
KINDS: Final[tuple[Kind, ...]] = (
    "architecture",
    "backbone",
    "task",
    "dataset",
    "weighting",
    "transform",
    "executor",
    "logger",
)

TRAITS: Final[Mapping[str, frozenset[str]]] = {
    "architecture": frozenset({"one-run-per-task", "single-tasking"}),
    "backbone": frozenset({"any-name"}),
    "weighting": frozenset({"loss", "gramian", "jacobian", "additive"}),
    "task": frozenset(),
    "dataset": frozenset(),
    "transform": frozenset(),
    "executor": frozenset(),
    "logger": frozenset(),
}
"""What planning must know of a component without importing it."""

Value = bool | int | float | str
_OPTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")
_RESERVED = frozenset("/*+:,")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a component, as it may stand in a method's name (``cagrad:c=0.4``).

    Attributes:
        type: ``bool``, ``int``, ``float`` or ``str``; text is converted to it or refused.
        default: the value when it is not given.
        help: one sentence.
        choices: the only values allowed, if any; with ``backbone``, a protocol's backbone must be
            among them too.
        minimum: the least number allowed, if any.
        maximum: the largest.
        per_task: the option's name is a task's name (``fixed:scene=5``); ``default`` holds for the
            tasks that are not named.
        backbone: the value names a backbone; the protocol's backbone replaces the default.
        added: came later than its component's version, and its default does what was done before:
            at its default it is left out, so that earlier runs keep their keys and records.
    """

    type: type[Value]
    default: Value
    help: str = ""
    choices: tuple[Value, ...] = ()
    minimum: float = -math.inf
    maximum: float = math.inf
    per_task: bool = False
    backbone: bool = False
    added: bool = False

    def parse(self, owner: str, name: str, text: Value) -> Value:
        """Convert ``text`` to the option's type.

        Raises:
            MethodError: it is of another type, not among the choices, or out of range.
        """
        value = _convert(self.type, text)
        if value is None:
            raise MethodError(
                f"{owner}: option '{name}' wants {_WANTS[self.type]}, and '{text}' is none."
            )
        if self.choices and value not in self.choices:
            names = [show_value(choice) for choice in self.choices]
            raise MethodError(
                f"{owner}: option '{name}' cannot be '{text}'.{suggest(str(text), names)}"
            )
        if isinstance(value, int | float) and not self.minimum <= value <= self.maximum:
            raise MethodError(
                f"{owner}: option '{name}' must be {self._bounds()}, and '{text}' is not."
            )
        return value

    def limits(self) -> str:
        """Return in words which values are allowed; nothing where all of the type are."""
        if self.choices:
            names = ", ".join(map(show_value, self.choices))
            return f"one of {names}" if len(self.choices) > 1 else f"{names} alone"
        return self._bounds()

    def _bounds(self) -> str:
        bounds: list[str] = []
        if math.isfinite(self.minimum):
            bounds.append(f"at least {self.minimum:g}")
        if math.isfinite(self.maximum):
            bounds.append(f"at most {self.maximum:g}")
        return " and ".join(bounds)


def _check_option(owner: str, name: object, option: object) -> None:
    if not isinstance(option, Option) or option.type not in _WANTS:
        raise PluginError(f"{owner}: option '{name}' must be a benchbed.Option.")
    if not isinstance(name, str) or not _OPTION.match(name):
        raise PluginError(
            f"{owner}: option name {name!r} must be letters, digits and _, as an argument's name."
        )
    if option.backbone and not option.default:
        return  # the protocol's backbone takes its place
    try:
        option.parse(owner, name, option.default)
    except MethodError as error:
        raise PluginError(f"The default does not fit: {error}") from error


_TOO_LARGE = 10**300
"""Of a whole number, so that it fits into a float too."""

_WANTS = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a text without / * + : ,",
}


def _convert(kind: type[Value], given: object) -> Value | None:
    """Return a value of the type, or ``None`` where what is given stands for none."""
    text = _as_text(kind, given)
    if text is None:
        return None
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower())
    if kind is str:
        return text if text and not _RESERVED & set(text) else None
    try:
        number = kind(text)
    except ValueError:
        return None
    if isinstance(number, float):
        # a sum, so that -0.0 and 0.0 are one value
        return number + 0.0 if math.isfinite(number) else None
    return number if abs(int(number)) < _TOO_LARGE else None


def _as_text(kind: type[Value], given: object) -> str | None:
    """Return as text what may stand for a value of a type."""
    if isinstance(given, str):
        return given
    if isinstance(given, bool):
        # to Python it is a whole number too
        return show_value(given) if kind is bool else None
    if isinstance(given, int | float) and isinstance(given, kind):
        return show_value(given)
    if isinstance(given, int) and kind is float:
        return str(given)
    return None


def show_value(value: Value) -> str:
    """Return an option's value as it stands in a method's name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace("e+", "e")
    return str(value)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric of a task, as far as planning looks at it.

    Attributes:
        higher_is_better: its direction.
        at_end: it is too slow for every epoch, so that no epoch can be selected by it.
    """

    higher_is_better: bool
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """What a manifest says of one component; cheap to make, nothing is imported for it.

    Attributes:
        id: the name used in methods and protocols: lower case, digits, ``-``, ``_``.
        version: changes whenever results may change; part of every run key.
        target: ``"package.module:Class"``, imported only where it is used.
        api: the interface version that the component was written for.
        summary: one line for ``benchbed list``.
        citation: paper and equation.
        options: the options of the component by name.
        traits: what planning needs without an import (see ``TRAITS``).
        metrics: of a task: all that it has under any options, by name, but for details. Then a
            protocol that selects by one that is not there is refused before anything is trained.
    """

    id: str
    version: str
    target: str
    api: int = API
    summary: str = ""
    citation: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    metrics: Mapping[str, MetricSpec] = field(default_factory=dict)

    def check(self, kind: Kind) -> None:
        """Refuse a malformed Spec by a sentence.

        Raises:
            PluginError: the id, version, target, api, options, metrics or traits are wrong.
        """
        name = f"{kind} '{self.id}'"
        if not isinstance(self.id, str) or not _ID.match(self.id):
            raise PluginError(f"{kind} id {self.id!r} must be lower-case letters, digits, - or _.")
        if self.api != API:
            raise PluginError(
                f"{name} is written for plugin interface {self.api}, this benchbed has {API}; "
                f"install a release of the plugin for interface {API}."
            )
        if not isinstance(self.version, str) or not self.version:
            raise PluginError(f"{name} needs a version, a text such as '1.0'.")
        if not isinstance(self.target, str) or not _TARGET.match(self.target):
            raise PluginError(
                f"{name}: target {self.target!r} must look like 'package.module:Name'."
            )
        if not isinstance(self.options, Mapping):
            raise PluginError(f"{name}: options must be a dict of benchbed.Option by name.")
        for option_name, option in self.options.items():
            _check_option(name, option_name, option)
        self._check_metrics(name, kind)
        traits: object = self.traits
        if isinstance(traits, str) or not isinstance(traits, Iterable):
            raise PluginError(f"{name}: traits must be a set of texts.")
        unknown = {str(trait) for trait in self.traits} - TRAITS[kind]
        if unknown:
            raise PluginError(
                f"{name}: unknown trait '{min(unknown)}'.{suggest(min(unknown), TRAITS[kind])}"
            )

    def _check_metrics(self, name: str, kind: Kind) -> None:
        if self.metrics and kind != "task":
            raise PluginError(f"{name}: only a task has metrics.")
        metrics: object = self.metrics
        sound = isinstance(metrics, Mapping) and all(
            isinstance(key, str) and isinstance(value, MetricSpec) for key, value in metrics.items()
        )
        if not sound:
            raise PluginError(f"{name}: metrics must be a dict of benchbed.MetricSpec by name.")

    def resolve(
        self, given: Mapping[str, Value], tasks: Iterable[str] | None = None
    ) -> dict[str, Value]:
        """Return all options with their values, defaults filled in, in a fixed order.

        Options that were ``added`` are left out at their defaults.

        Args:
            given: values by option name, as text or already typed.
            tasks: names that per-task options may take; any when ``None``.

        Raises:
            MethodError: an unknown option, or a value of the wrong type.
        """
        plain: dict[str, Option] = {}
        per_task: Option | None = None
        for name, option in self.options.items():
            if not option.per_task:
                plain[name] = option
            elif per_task is None:
                per_task = option
        values: dict[str, Value] = {}
        for name, option in plain.items():
            value = option.parse(self.id, name, given.get(name, option.default))
            if not (option.added and value == option.default):
                values[name] = value
        for name in sorted(set(given) - set(plain)):
            if per_task is None:
                hint = suggest(name, plain) or " It takes none."
                raise MethodError(f"{self.id}: no option '{name}'.{hint}")
            if tasks is not None and name not in tasks:
                hint = suggest(name, [*plain, *tasks]) or " It takes none."
                raise MethodError(f"{self.id}: no option or task '{name}'.{hint}")
            value = per_task.parse(self.id, name, given[name])
            if value != per_task.default:
                values[name] = value
        return values
