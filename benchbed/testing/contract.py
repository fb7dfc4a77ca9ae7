"""What the contracts of all kinds have in common: look-up, options, global effects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import pytest

from benchbed.discovery.component import Component
from benchbed.discovery.loading import load
from benchbed.discovery.registry import Entry, Registry, discover
from benchbed.discovery.spec import Kind, Option, Spec, Value, show_value
from benchbed.testing.effects import changes, seeding


class Contract:
    """Base of the conformance classes; a plugin's author subclasses that of the plugin's kind.

    Attributes:
        id: the plugin's name, looked up among the installed plugins; or
        spec: its Spec, for a plugin that is not installed.
        options: a second set of options to test besides the defaults, as ``{"power": 0.5}``.
    """

    kind: ClassVar[Kind]
    base: ClassVar[type[Any]]
    leading: ClassVar[int] = 0
    """How many arguments the constructor gets before the options."""

    id: ClassVar[str] = ""
    spec: ClassVar[Spec | None] = None
    options: ClassVar[Mapping[str, Value] | None] = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run every test that takes ``given`` with the default options, and with ``options``."""
        if "given" not in metafunc.fixturenames:
            return
        sets: list[Mapping[str, Value]] = [{}]
        if self.options:
            sets.append(self.options)
        metafunc.parametrize("given", sets, ids=_shown)

    @property
    def announced(self) -> Spec:
        """The plugin's Spec."""
        if self.spec is not None:
            return self.spec
        assert self.id, f"{type(self).__name__} must name its plugin: id = '…' or spec = Spec(…)."
        return discover().get(self.kind, self.id).spec

    @property
    def plugin(self) -> type[Any]:
        """The plugin's class."""
        return load(self.announced.target, self.base)

    @property
    def name(self) -> str:
        """The name of the plugin's class, for messages."""
        return self.plugin.__name__

    def registry(self) -> Registry:
        """Return the installed plugins, this one among them."""
        found = discover()
        if self.spec is not None:
            found.entries[self.kind, self.spec.id] = Entry(self.kind, self.spec, "tested", "0")
        return found

    def component(self, given: Mapping[str, Value], tasks: list[str] | None = None) -> Component:
        """Return the plugin with its options filled in, as a method's name would give it."""
        spec = self.announced
        options = spec.resolve(given, tasks)
        return Component(self.kind, spec.id, spec.version, spec.target, options)

    def constructor(self) -> Callable[..., Any]:
        """Return what is called with the options."""
        return self.plugin

    def construct(self, given: Mapping[str, Value]) -> Any:
        """Return an object of the plugin's class."""
        raise NotImplementedError

    def exercise(self, given: Mapping[str, Value]) -> object:
        """Construct an object and use it as training does, for the tests of global effects."""
        raise NotImplementedError

    def test_its_spec_is_sound(self) -> None:
        """The Spec is well formed and its target extends the base class."""
        self.announced.check(self.kind)
        assert self.plugin is not self.base, f"{self.announced.target} is the base class itself."

    def test_the_options_of_its_spec_fit_the_constructor(self) -> None:
        """Every option is an argument of the same default, and nothing else is wanted."""
        found = misfits(self.announced, self.constructor(), self.leading)
        assert not found, f"{self.name}: {' '.join(found)}"

    def test_it_can_be_made_with_every_choice_of_an_option(self) -> None:
        """Options of few values take each of them."""
        for name, option in self.announced.options.items():
            for choice in _choices(option):
                try:
                    self.construct({name: choice})
                except Exception as error:
                    text = f"{self.name} refuses {name}={show_value(choice)}, which its Spec allows"
                    raise AssertionError(f"{text}: {error}") from error

    def test_it_changes_nothing_global(self, given: Mapping[str, Value]) -> None:
        """Neither making nor using it changes a setting or seeds a generator of the process."""
        self.unchanged(lambda: self.construct(given), f"{self.name}.__init__")
        self.unchanged(lambda: self.exercise(given), self.name)

    def unchanged(self, action: Callable[[], object], who: str) -> None:
        """Refuse an action that changes a setting of the process, or seeds its generators."""
        changes(action)  # what libraries do when they are first imported
        found = changes(action)
        assert not found, f"{who} changes, for the whole process, {'; '.join(found)}."
        found = seeding(action)
        assert not found, f"{who} seeds {', '.join(found)}, so that all runs become alike."


def _choices(option: Option) -> Sequence[Value]:
    """Return the values of an option that has few."""
    if option.per_task:
        return ()
    if option.choices:
        return option.choices
    return (True, False) if option.type is bool else ()


def misfits(spec: Spec, constructor: Callable[..., Any], leading: int) -> list[str]:
    """Return how a Spec's options and a constructor disagree, a sentence each."""
    parameters = list(inspect.signature(constructor).parameters.values())
    named = {parameter.name: parameter for parameter in parameters[leading:]}
    anything = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    empty = inspect.Parameter.empty
    found: list[str] = []
    for name, option in spec.options.items():
        parameter = named.get(name)
        if parameter is None and not anything:
            found.append(f"The constructor takes no '{name}', an option of its Spec.")
        if option.per_task and not anything:
            found.append(f"Option '{name}' is per task, so the constructor must take **{name}s.")
        default = empty if parameter is None else parameter.default
        if default is not empty and default != option.default and not option.backbone:
            found.append(
                f"Option '{name}' is {option.default!r} by default in the Spec and {default!r} in "
                "the constructor."
            )
    variadic = {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    for name, parameter in named.items():
        wanted = parameter.default is empty and parameter.kind not in variadic
        if wanted and name not in spec.options:
            found.append(f"The constructor wants '{name}', which is no option of its Spec.")
    return found


def _shown(given: Mapping[str, Value]) -> str:
    return ",".join(f"{name}={show_value(value)}" for name, value in given.items()) or "defaults"
