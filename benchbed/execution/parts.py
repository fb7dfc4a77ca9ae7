"""What the runs of a plan are made of: the components that a protocol and methods name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchbed.basics.errors import BenchbedError, MethodError
from benchbed.contracts.protocol import Protocol, TransformEntry
from benchbed.discovery.method import Component, Method, plain_component, resolve_under
from benchbed.discovery.registry import Registry


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of a protocol, and the methods under it.

    Attributes:
        tasks: by the protocol's names of them.
        data_digest, pretrained_digest: of the data set and of the weights that runs begin with;
            empty where nobody has looked at them.
    """

    protocol: Protocol
    tasks: dict[str, Component]
    dataset: Component
    methods: tuple[Method, ...]
    transforms: list[Component]
    evaluation_transforms: list[Component]
    data_digest: str = ""
    pretrained_digest: str = ""


def resolve(protocol: Protocol, methods: Sequence[str], registry: Registry) -> Parts:
    """Find what a protocol and the methods under it name among the installed plugins.

    Args:
        protocol: what is held equal.
        methods: names as typed; of several that mean the same method, one stays.
        registry: the installed plugins.

    Raises:
        MethodError, PluginError: something does not exist or makes no sense.
    """
    if not methods:
        raise MethodError("Name at least one method, for instance hps+equal.")
    tasks: dict[str, Component] = {}
    for name, entry in protocol.tasks.items():
        tasks[name] = plain_component("task", registry.get("task", entry.task), entry.options)
    data = protocol.data
    dataset = plain_component("dataset", registry.get("dataset", data.dataset), data.options)
    by_name = {method.name: method for method in _resolve_all(protocol, methods, registry)}
    return Parts(
        protocol=protocol,
        tasks=tasks,
        dataset=dataset,
        methods=tuple(by_name.values()),
        transforms=_transforms(protocol.transforms, registry),
        evaluation_transforms=_transforms(protocol.evaluation_transforms, registry),
    )


def _resolve_all(protocol: Protocol, methods: Sequence[str], registry: Registry) -> list[Method]:
    """Return what the names of methods mean; what is wrong with any is told for all at once.

    Raises:
        MethodError, PluginError: something does not exist or makes no sense.
    """
    found: list[Method] = []
    errors: list[BenchbedError] = []
    for text in methods:
        try:
            found.append(resolve_under(protocol, text, registry))
        except BenchbedError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise MethodError("\n".join(dict.fromkeys(map(str, errors))))
    return found


def _transforms(entries: Sequence[TransformEntry], registry: Registry) -> list[Component]:
    return [
        plain_component("transform", registry.get("transform", entry.name), entry.options)
        for entry in entries
    ]
