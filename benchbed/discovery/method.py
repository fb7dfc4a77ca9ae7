"""The grammar of method names: ``architecture[:options][+weighting[.weighting][:options]]``.

``mtan+dwa:T=2`` is MTAN trained with DWA at temperature 2; a bare architecture means ``+equal``.
Options of the backbone are written ``backbone.width=0.5``, those of one weighting among several
``pcgrad.order=fixed``; an unqualified option goes to the one component that knows it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from benchbed.basics.errors import MethodError, suggest
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.source import source_digest
from benchbed.discovery.spec import Kind, Option, Spec, Value, show_value

if TYPE_CHECKING:
    from benchbed.contracts.protocol import Protocol

DEFAULT_WEIGHTING: Final = "equal"


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A component with all its options, as it enters a run key and a record."""

    kind: str
    id: str
    version: str
    target: str
    options: dict[str, bool | int | float | str] = {}
    distribution: str = ""
    distribution_version: str = ""
    source: str = ""

    def identity(self) -> dict[str, object]:
        """Return what of it enters the run key."""
        names = ("kind", "id", "version", "options")
        return {name: getattr(self, name) for name in names}


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
    ids: tuple[str, ...]
    options: dict[str, str]


def _part(text: str, method: str) -> _Part:
    names, colon, tail = text.partition(":")
    options: dict[str, str] = {}
    for item in tail.split(",") if colon else []:
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise MethodError(f"In method '{method}', '{item}' must look like option=value.")
        if name in options:
            raise MethodError(f"In method '{method}', option '{name}' is given twice.")
        options[name] = value
    ids = tuple(names.split("."))
    if not all(ids):
        raise MethodError(f"Method '{method}' {_FORM}")
    return _Part(ids, options)


def resolve_method(
    text: str,
    registry: Registry,
    tasks: Sequence[str] | None,
    backbone: str | None = None,
) -> Method:
    """Parse a method's name and fill in every option.

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
    entry = registry.get("architecture", ".".join(part.ids))
    one_run_per_task = "one-run-per-task" in entry.spec.traits
    if one_run_per_task and plus:
        raise MethodError(
            f"'{text}': {entry.spec.id} trains one task at a time in a net of its own, so there is "
            f"nothing to weigh; write '{architecture_text}'."
        )
    own = {k: v for k, v in part.options.items() if not k.startswith("backbone.")}
    inner = {k.removeprefix("backbone."): v for k, v in part.options.items() if k not in own}
    spec = _with_default_backbone(entry.spec, backbone)
    whose = _whose_backbone(spec, own, backbone)
    _refuse_backbone(spec, own, whose, text)
    architecture = _component(entry, spec.resolve(own, tasks))
    bone = _backbone(registry, spec, architecture, inner, whose, text)
    if bone is not None and "model" in bone.options:
        named = {str(_backbone_option(spec)): bone.options["model"]}
        architecture = structs.replace(architecture, options={**architecture.options, **named})
    names = [_show(architecture, spec, bone, registry)]
    weighting: tuple[Component, ...] = ()
    if not one_run_per_task:
        weighting = resolve_weighting(
            weighting_text if plus else DEFAULT_WEIGHTING, registry, tasks
        )
        entries = [registry.get("weighting", component.id) for component in weighting]
        _refuse_senseless(entry, entries, text)
        names.append(_show_weighting(weighting, entries))
    return Method(
        "+".join(names),
        architecture,
        bone,
        weighting,
        one_run_per_task,
        tuple(sorted(entry.spec.traits)),
    )


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
    return tuple(
        _component(entry, entry.spec.resolve(given, tasks))
        for entry, given in zip(entries, routed, strict=True)
    )


def _refuse_senseless(architecture: Entry, weightings: Sequence[Entry], text: str) -> None:
    if "single-tasking" in architecture.spec.traits:
        for entry in weightings:
            if "additive" not in entry.spec.traits:
                raise MethodError(
                    f"'{text}': {architecture.spec.id} steps one task at a time, so only additive "
                    f"weightings such as 'equal' or 'fixed' apply, and {entry.spec.id} is none."
                )


def _with_default_backbone(spec: Spec, backbone: str | None) -> Spec:
    options = {
        name: replace(option, default=backbone) if option.backbone and backbone else option
        for name, option in spec.options.items()
    }
    return replace(spec, options=options)


def _backbone_option(spec: Spec) -> str | None:
    return next((name for name, option in spec.options.items() if option.backbone), None)


def _whose_backbone(spec: Spec, given: Mapping[str, Value], backbone: str | None) -> str:
    if _backbone_option(spec) in given:
        return "given"
    return "protocol's" if backbone else "default"


def _refuse_backbone(spec: Spec, given: Mapping[str, Value], whose: str, text: str) -> None:
    option = _backbone_option(spec)
    if option is None:
        return
    name, choices = given.get(option, spec.options[option].default), spec.options[option].choices
    if choices and name not in choices:
        raise MethodError(
            f"'{text}': {spec.id} works on {' or '.join(map(str, choices))} alone, and the {whose} "
            f"backbone is {name}: {'write' if whose == 'given' else 'add'} {option}={choices[0]}."
        )


def _backbone(
    registry: Registry,
    spec: Spec,
    architecture: Component,
    given: Mapping[str, Value],
    whose: str,
    text: str,
) -> Component | None:
    option = _backbone_option(spec)
    if option is None:
        if given:
            raise MethodError(f"'{text}': {spec.id} takes no backbone, so no backbone options.")
        return None
    name = str(architecture.options[option])
    entry = registry.entries.get(("backbone", name))
    if entry is None:
        near = difflib.get_close_matches(
            name, [e.spec.id for e in registry.of_kind("backbone")], n=1, cutoff=0.85
        )
        if near:
            raise MethodError(f"There is no backbone '{name}'. Did you mean '{near[0]}'?")
        anything = [e for e in registry.of_kind("backbone") if "any-name" in e.spec.traits]
        entry = anything[0] if anything else registry.get("backbone", name)
        if given.get("model", name) != name:
            raise MethodError(
                f"'{text}': backbone={name} and backbone.model={given['model']} name two models."
            )
        given = {**given, "model": name}
    try:
        return _component(entry, entry.spec.resolve(given))
    except MethodError as error:
        remedy = _other_backbones(registry, spec.options[option], entry.spec, given)
        raise MethodError(f"'{text}': the {whose} backbone is {name}. {error}{remedy}") from error


def _other_backbones(
    registry: Registry, option: Option, spec: Spec, given: Mapping[str, Value]
) -> str:
    """Return which backbones have an option that this one lacks, as a remedy."""
    lacking = [name for name in given if name not in spec.options]
    having = [
        entry.spec.id
        for entry in registry.of_kind("backbone")
        if set(lacking) <= set(entry.spec.options)
        and (not option.choices or entry.spec.id in option.choices)
    ]
    if not (lacking and having):
        return ""
    left_out = ", ".join(f"backbone.{name}" for name in lacking)
    return f" Leave {left_out} out, or name a backbone that has it: {', '.join(sorted(having))}."


def _route(
    options: Mapping[str, str], entries: Sequence[Entry], tasks: Sequence[str] | None, text: str
) -> list[dict[str, Value]]:
    routed: list[dict[str, Value]] = [{} for _ in entries]
    ids = [entry.spec.id for entry in entries]
    for name, value in options.items():
        owner, dot, rest = name.partition(".")
        if dot and owner in ids:
            _give(routed[ids.index(owner)], rest, value, text)
            continue
        takers = [i for i, entry in enumerate(entries) if _takes(entry.spec, name, tasks)]
        exact = [i for i in takers if name in entries[i].spec.options]
        if tasks is None and len(exact) == 1:
            takers = exact
        if len(takers) > 1:
            raise MethodError(
                f"'{text}': both {' and '.join(ids)} have an option '{name}'; "
                f"write {ids[takers[0]]}.{name}={value}."
            )
        if not takers and len(entries) > 1:
            known = [n for e in entries for n, o in e.spec.options.items() if not o.per_task]
            known += tasks or []
            raise MethodError(f"'{text}': no option '{name}'.{suggest(name, known)}")
        _give(routed[takers[0] if takers else 0], name, value, text)
    return routed


def _give(options: dict[str, Value], name: str, value: str, text: str) -> None:
    if name in options:
        raise MethodError(f"'{text}' gives the option '{name}' twice.")
    options[name] = value


def _takes(spec: Spec, name: str, tasks: Sequence[str] | None) -> bool:
    if name in spec.options and not spec.options[name].per_task:
        return True
    return (tasks is None or name in tasks) and any(
        option.per_task for option in spec.options.values()
    )


def _component(entry: Entry, options: dict[str, Value]) -> Component:
    spec = entry.spec
    return Component(
        kind=entry.kind,
        id=spec.id,
        version=spec.version,
        target=spec.target,
        options=options,
        distribution=entry.distribution,
        distribution_version=entry.distribution_version,
        source=source_digest(spec.target),
    )


def plain_component(kind: Kind, entry: Entry, options: Mapping[str, Value]) -> Component:
    """Return the component of a task or data set, its options validated."""
    assert entry.kind == kind
    return _component(entry, entry.spec.resolve(options))


def _differing(component: Component, spec: Spec) -> list[str]:
    shown: list[str] = []
    for name, value in component.options.items():
        option = spec.options.get(name)
        if option is None or option.default != value:
            shown.append(f"{name}={show_value(value)}")
    return shown


def _show(component: Component, spec: Spec, backbone: Component | None, registry: Registry) -> str:
    options = _differing(component, spec)
    if backbone is not None:
        inner = registry.get("backbone", backbone.id).spec
        options += [
            f"backbone.{item}"
            for item in _differing(backbone, inner)
            if not ("any-name" in inner.traits and item.startswith("model="))
        ]
    return component.id + (":" + ",".join(options) if options else "")


def _show_weighting(components: Sequence[Component], entries: Sequence[Entry]) -> str:
    options: list[str] = []
    for component, entry in zip(components, entries, strict=True):
        prefix = f"{component.id}." if len(components) > 1 else ""
        options += [prefix + item for item in _differing(component, entry.spec)]
    return ".".join(c.id for c in components) + (":" + ",".join(options) if options else "")
