"""The grammar of method names: ``architecture[:options][+weighting[.weighting][:options]]``.

``mtan+dwa:T=2`` is MTAN trained with DWA at temperature 2; a bare architecture means ``+equal``.
Options of the backbone are written ``backbone.width=0.5``, those of one weighting among several
``pcgrad.order=fixed``; an unqualified option goes to the one component that knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchbed.basics.errors import MethodError, suggest
from benchbed.discovery.backbone import PREFIX, BackboneChoice, defaulting
from benchbed.discovery.component import Component, component_of, plain_component
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.spec import Kind, Spec, Value, show_value

if TYPE_CHECKING:
    from benchbed.contracts.protocol import Protocol

__all__ = [
    "Component",
    "Method",
    "plain_component",
    "resolve_alone",
    "resolve_method",
    "resolve_under",
    "resolve_weighting",
]

DEFAULT_WEIGHTING: Final = "equal"


@dataclass(frozen=True, slots=True)
class Method:
    """A method resolved against the installed plugins and one protocol's defaults.

    Attributes:
        name: canonical: only options that differ from their defaults, in a fixed order.
        one_run_per_task: the single-task baseline; its seeds are one run a task.
    """

    name: str
    architecture: Component
    backbone: Component | None
    weighting: tuple[Component, ...]
    one_run_per_task: bool = False
    traits: tuple[str, ...] = ()

    @property
    def components(self) -> tuple[Component, ...]:
        """All components, the architecture first."""
        backbone = (self.backbone,) if self.backbone else ()
        return (self.architecture, *backbone, *self.weighting)


_FORM: Final = (
    "must look like architecture[:option=value][+weighting[:option=value]], for instance "
    "hps+dwa:T=2."
)


@dataclass(frozen=True, slots=True)
class _Part:
    """What stands before or after the plus sign: one id, or several with dots, and options."""

    ids: tuple[str, ...]
    options: dict[str, str]


def _part(text: str, whole: str, what: str = "method") -> _Part:
    """Divide a part of a name, for messages of the whole and of what it names."""
    names, colon, tail = text.partition(":")
    items = tail.split(",") if colon else []
    options: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise MethodError(f"In {what} '{whole}', '{item}' must look like option=value.")
        if name in options:
            raise MethodError(f"In {what} '{whole}', option '{name}' is given twice.")
        options[name] = value
    ids = tuple(names.split("."))
    if not all(ids):
        form = _FORM if what == "method" else "must look like name[:option=value]."
        raise MethodError(f"{what.capitalize()} '{whole}' {form}")
    return _Part(ids, options)


def resolve_method(
    text: str,
    registry: Registry,
    tasks: Sequence[str] | None,
    backbone: str | None = None,
) -> Method:
    """Parse a method's name and fill in every option.

    ::

        method = resolve_method("mtan+dwa:T=3", discover(), ["seg", "depth"], "resnet18")

    Args:
        text: the method as typed.
        registry: the installed plugins.
        tasks: the protocol's task names; any are taken when ``None``.
        backbone: the protocol's default backbone, which replaces the architecture's own default.

    Raises:
        MethodError: a typo, an unknown or ill-typed option, a combination without meaning.
        PluginError: no such architecture, backbone or weighting.
    """
    if not text.strip() or text.count("+") > 1:
        raise MethodError(
            f"Method '{text}' must be one architecture and at most one '+weighting'; "
            "weightings compose with a dot."
        )
    architecture_text, plus, weighting_text = text.strip().partition("+")
    if plus and not weighting_text:
        raise MethodError(f"Method '{text}' {_FORM}")
    part = _part(architecture_text, text)
    _refuse_weighting(architecture_text, part, text, registry)
    entry = registry.get("architecture", ".".join(part.ids))
    one_run_per_task = "one-run-per-task" in entry.spec.traits
    if one_run_per_task and plus:
        raise MethodError(
            f"'{text}': {entry.spec.id} trains one task at a time in a net of its own, so there is "
            f"nothing to weigh; write '{architecture_text}'."
        )
    own, of_backbone = _divided(part.options)
    spec = defaulting(entry.spec, backbone)
    choice = BackboneChoice(spec, own, of_backbone, backbone, text)
    choice.require_allowed()
    choice.refuse_unprefixed(registry)
    architecture = component_of(entry, spec.resolve(own, tasks))
    architecture, chosen = choice.resolve(architecture, registry)
    name = _architecture_name(architecture, spec, chosen, registry)
    traits = tuple(sorted(entry.spec.traits))
    if one_run_per_task:
        return Method(name, architecture, chosen, (), one_run_per_task, traits)
    weighting = resolve_weighting(weighting_text if plus else DEFAULT_WEIGHTING, registry, tasks)
    entries = [registry.get("weighting", component.id) for component in weighting]
    _refuse_senseless(entry, entries, text)
    name = f"{name}+{_weighting_name(weighting, entries)}"
    return Method(name, architecture, chosen, weighting, one_run_per_task, traits)


def _refuse_weighting(architecture: str, part: _Part, text: str, registry: Registry) -> None:
    """Refuse a method that begins with a weighting, by what it should look like.

    Raises:
        MethodError: it does.
    """
    names = [("weighting", name) for name in part.ids]
    if ("architecture", ".".join(part.ids)) in registry.entries:
        return
    if all(name in registry.entries for name in names):
        raise MethodError(
            f"'{text}': {'.'.join(part.ids)} is a weighting, and a method begins with an "
            f"architecture; write hps+{architecture}, for instance."
        )


def _divided(options: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, Value]]:
    """Divide options into the architecture's and the backbone's, the latter without prefix."""
    own: dict[str, Value] = {}
    of_backbone: dict[str, Value] = {}
    for name, value in options.items():
        if name.startswith(PREFIX):
            of_backbone[name.removeprefix(PREFIX)] = value
        else:
            own[name] = value
    return own, of_backbone


def resolve_under(protocol: Protocol, text: str, registry: Registry) -> Method:
    """Return the method that a name means under a protocol: its tasks, its backbone.

    Raises:
        MethodError, PluginError: as :func:`resolve_method`.
    """
    return resolve_method(text, registry, list(protocol.tasks), protocol.backbone or None)


def resolve_weighting(
    text: str, registry: Registry, tasks: Sequence[str] | None
) -> tuple[Component, ...]:
    """Parse the weighting part of a method's name and fill in every option.

    Raises:
        MethodError: a typo, an unknown or ill-typed option, a composition without meaning.
        PluginError: there is no such weighting.
    """
    part = _part(text, text)
    entries = [registry.get("weighting", name) for name in part.ids]
    for entry in entries[:-1]:
        if "additive" not in entry.spec.traits:
            raise MethodError(
                f"'{text}': only an additive weighting can stand before a dot, and "
                f"{entry.spec.id} is none."
            )
    if len(set(part.ids)) < len(part.ids):
        raise MethodError(f"'{text}' names a weighting twice.")
    routed = _route(part.options, entries, tasks, text)
    components: list[Component] = []
    for entry, given in zip(entries, routed, strict=True):
        components.append(component_of(entry, entry.spec.resolve(given, tasks)))
    return tuple(components)


def resolve_alone(kind: Kind, text: str, registry: Registry) -> Component:
    """Parse a component that stands by itself, ``id[:option=value,…]``, and fill in every option.

    Raises:
        MethodError: a typo, an unknown or ill-typed option.
        PluginError: there is none of that kind and name.
    """
    part = _part(text, text, what=kind)
    entry = registry.get(kind, ".".join(part.ids))
    options: dict[str, Value] = dict(part.options)
    return component_of(entry, entry.spec.resolve(options))


def _refuse_senseless(architecture: Entry, weightings: Sequence[Entry], text: str) -> None:
    if "single-tasking" not in architecture.spec.traits:
        return
    for entry in weightings:
        if "additive" not in entry.spec.traits:
            raise MethodError(
                f"'{text}': {architecture.spec.id} steps one task at a time, so only additive "
                f"weightings such as 'equal' or 'fixed' apply, and {entry.spec.id} is none."
            )


def _route(
    options: Mapping[str, str], entries: Sequence[Entry], tasks: Sequence[str] | None, text: str
) -> list[dict[str, Value]]:
    """Give each option of a composition to the one weighting that it is for.

    Args:
        options: as typed; ``pcgrad.order=fixed`` names its owner.
        entries: the composed weightings.
        tasks: which names a per-task option may have; any when ``None``.
        text: the weighting as typed, for messages.
    """
    routed: list[dict[str, Value]] = [{} for _ in entries]
    ids = [entry.spec.id for entry in entries]
    for name, value in options.items():
        owner, dot, rest = name.partition(".")
        if dot and owner in ids:
            _give(routed[ids.index(owner)], rest, value, text)
            continue
        takers = _takers(entries, name, tasks)
        if len(takers) > 1:
            raise MethodError(
                f"'{text}': both {' and '.join(ids)} have an option '{name}'; "
                f"write {ids[takers[0]]}.{name}={value}."
            )
        if not takers and len(entries) > 1:
            known = _known_options(entries) + list(tasks or ())
            raise MethodError(f"'{text}': no option '{name}'.{suggest(name, known)}")
        # a single weighting gets what it does not know too, and refuses it itself
        _give(routed[takers[0] if takers else 0], name, value, text)
    return routed


def _takers(entries: Sequence[Entry], name: str, tasks: Sequence[str] | None) -> list[int]:
    """Return the places of the weightings that an unqualified option may be for."""
    takers = [place for place, entry in enumerate(entries) if _takes(entry.spec, name, tasks)]
    if tasks is None:
        # any name may be a task's then, so one option of that very name takes precedence
        exact = [place for place in takers if name in entries[place].spec.options]
        if len(exact) == 1:
            return exact
    return takers


def _known_options(entries: Sequence[Entry]) -> list[str]:
    known: list[str] = []
    for entry in entries:
        options = entry.spec.options.items()
        known += [name for name, option in options if not option.per_task]
    return known


def _give(options: dict[str, Value], name: str, value: str, text: str) -> None:
    if name in options:
        raise MethodError(f"'{text}' gives the option '{name}' twice.")
    options[name] = value


def _takes(spec: Spec, name: str, tasks: Sequence[str] | None) -> bool:
    """Tell whether a component has an option of that name, or one of each task's name."""
    if name in spec.options and not spec.options[name].per_task:
        return True
    if tasks is not None and name not in tasks:
        return False
    return any(option.per_task for option in spec.options.values())


def _differing(component: Component, spec: Spec) -> list[str]:
    """Return the options that are not at their defaults, as they stand in a name."""
    shown: list[str] = []
    for name, value in component.options.items():
        option = spec.options.get(name)
        if option is None or option.default != value:
            shown.append(f"{name}={show_value(value)}")
    return shown


def _architecture_name(
    component: Component, spec: Spec, backbone: Component | None, registry: Registry
) -> str:
    options = _differing(component, spec)
    if backbone is not None:
        described = registry.get("backbone", backbone.id).spec
        for option in _differing(backbone, described):
            # the architecture's own option names the model already
            if "any-name" in described.traits and option.startswith("model="):
                continue
            options.append(f"{PREFIX}{option}")
    return _with_options(component.id, options)


def _weighting_name(components: Sequence[Component], entries: Sequence[Entry]) -> str:
    options: list[str] = []
    for component, entry in zip(components, entries, strict=True):
        prefix = f"{component.id}." if len(components) > 1 else ""
        options += [prefix + option for option in _differing(component, entry.spec)]
    return _with_options(".".join(component.id for component in components), options)


def _with_options(name: str, options: Sequence[str]) -> str:
    return f"{name}:{','.join(options)}" if options else name
