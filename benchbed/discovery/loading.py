"""Importing a component's class and making an object of it, with errors that name the culprit."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from benchbed.basics.errors import ContractError, PluginError, one_line
from benchbed.discovery.component import Component

T = TypeVar("T")


def load(target: str, base: type[T]) -> type[T]:
    """Import ``"package.module:Class"`` and check that it extends its contract's base class.

    Raises:
        PluginError: the module cannot be imported or has no such name.
        ContractError: it does not extend ``base``.
    """
    module_name, _, name = target.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"Cannot load {target}: {one_line(error)}.") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ContractError(f"{target} must be a class that extends benchbed.{base.__name__}.")
    return found


def make_component(component: Component, base: type[T], *arguments: object) -> T:
    """Load a component's class and make an object with its options.

    Raises:
        PluginError: it cannot be loaded.
        ContractError: it breaks its contract, or does not take the options of its Spec.
    """
    cls = load(component.target, base)
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))  # type: ignore[attr-defined]
        raise ContractError(f"{cls.__name__} must define {missing}.")
    made: T = call(cls, cls, *arguments, **component.options)
    return made


def call(function: Callable[..., Any], owner: type, *arguments: object, **options: object) -> Any:
    """Call a plugin's constructor, refusing first if its signature does not fit.

    Raises:
        ContractError: it does not take these arguments.
    """
    try:
        inspect.signature(function).bind(*arguments, **options)
    except TypeError as error:
        raise ContractError(
            f"{owner.__name__} does not take the options of its Spec "
            f"({', '.join(options) or 'none'}): {error}."
        ) from error
    return function(*arguments, **options)
