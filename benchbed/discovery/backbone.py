"""The backbone in a method's name: on which one an architecture is built, with which options."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from benchbed.basics.errors import MethodError
from benchbed.discovery.component import Component, component_of
from benchbed.discovery.registry import Entry, Registry
from benchbed.discovery.spec import Spec, Value

PREFIX: Final = "backbone."


@dataclass(frozen=True, slots=True)
class BackboneChoice:
    """What is asked of an architecture's backbone.

    Attributes:
        spec: the architecture's, with the protocol's backbone as the default (:func:`defaulting`).
        own: the architecture's options as given.
        given: the backbone's options as given, by name without ``backbone.``.
        default: the protocol's backbone, if it names one.
        text: the method as typed, for messages.
    """

    spec: Spec
    own: Mapping[str, Value]
    given: Mapping[str, Value]
    default: str | None
    text: str

    @property
    def option(self) -> str | None:
        """The architecture's option that names the backbone; ``None`` if it takes none."""
        for name, option in self.spec.options.items():
            if option.backbone:
                return name
        return None

    @property
    def whose(self) -> str:
        """Who chose the backbone, for messages."""
        if self.option in self.own:
            return "given"
        return "protocol's" if self.default else "default"

    def require_allowed(self) -> None:
        """Refuse a backbone that the architecture does not work on.

        Raises:
            MethodError: with one that it works on.
        """
        option = self.option
        if option is None:
            return
        described = self.spec.options[option]
        name, choices = self.own.get(option, described.default), described.choices
        if choices and name not in choices:
            remedy = "write" if self.whose == "given" else "add"
            raise MethodError(
                f"'{self.text}': {self.spec.id} works on {' or '.join(map(str, choices))} alone, "
                f"and the {self.whose} backbone is {name}: {remedy} {option}={choices[0]}."
            )

    def refuse_unprefixed(self, registry: Registry) -> None:
        """Refuse an option that the architecture lacks and its backbone has.

        Raises:
            MethodError: with the way to write it.
        """
        option = self.option
        if option is None or any(found.per_task for found in self.spec.options.values()):
            return
        name = str(self.own.get(option, self.spec.options[option].default))
        entry = registry.entries.get(("backbone", name))
        known = entry.spec.options if entry is not None else {}
        for given in self.own:
            if given not in self.spec.options and given in known:
                raise MethodError(
                    f"'{self.text}': {self.spec.id} has no option '{given}', and its backbone "
                    f"{name} has one; write {PREFIX}{given}={self.own[given]}."
                )

    def resolve(
        self, architecture: Component, registry: Registry
    ) -> tuple[Component, Component | None]:
        """Return the architecture and its backbone, with all their options.

        Where one plugin stands for many models, the architecture's option names the model.

        Raises:
            MethodError: there is no such backbone, or its options make no sense.
        """
        option = self.option
        if option is None:
            if self.given:
                raise MethodError(
                    f"'{self.text}': {self.spec.id} takes no backbone, so no backbone options."
                )
            return architecture, None
        backbone = self._component(str(architecture.options[option]), registry)
        if "model" in backbone.options:
            options = {**architecture.options, option: backbone.options["model"]}
            architecture = structs.replace(architecture, options=options)
        return architecture, backbone

    def _component(self, name: str, registry: Registry) -> Component:
        given = dict(self.given)
        entry = registry.entries.get(("backbone", name))
        if entry is None:
            # no plugin of that name: a model of the plugin that takes any name
            entry = _any_name(name, registry)
            if given.get("model", name) != name:
                raise MethodError(
                    f"'{self.text}': backbone={name} and backbone.model={given['model']} name two "
                    "models."
                )
            given["model"] = name
        try:
            return component_of(entry, entry.spec.resolve(given))
        except MethodError as error:
            remedy = self._others(registry, entry.spec, given)
            raise MethodError(
                f"'{self.text}': the {self.whose} backbone is {name}. {error}{remedy}"
            ) from error

    def _others(self, registry: Registry, spec: Spec, given: Mapping[str, Value]) -> str:
        """Return which backbones have the options that this one lacks, as a remedy."""
        lacking = [name for name in given if name not in spec.options]
        choices = self.spec.options[str(self.option)].choices
        having: list[str] = []
        for entry in registry.of_kind("backbone"):
            allowed = not choices or entry.spec.id in choices
            if allowed and set(lacking) <= set(entry.spec.options):
                having.append(entry.spec.id)
        if not (lacking and having):
            return ""
        left_out = ", ".join(f"{PREFIX}{name}" for name in lacking)
        names = ", ".join(sorted(having))
        return f" Leave {left_out} out, or name a backbone that has it: {names}."


def defaulting(spec: Spec, backbone: str | None) -> Spec:
    """Return an architecture's Spec with the protocol's backbone, if any, instead of its own."""
    if not backbone:
        return spec
    options = dict(spec.options)
    for name, option in spec.options.items():
        if option.backbone:
            options[name] = replace(option, default=backbone)
    return replace(spec, options=options)


def _any_name(name: str, registry: Registry) -> Entry:
    """Return the backbone that stands for models of any name.

    Raises:
        MethodError: the name is nearly that of a backbone, so it is a typo.
        PluginError: there is none.
    """
    entries = registry.of_kind("backbone")
    known = [entry.spec.id for entry in entries]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
    if near:
        raise MethodError(f"There is no backbone '{name}'. Did you mean '{near[0]}'?")
    for entry in entries:
        if "any-name" in entry.spec.traits:
            return entry
    return registry.get("backbone", name)
