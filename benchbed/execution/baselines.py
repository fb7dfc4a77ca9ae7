"""The baselines that join a plan: the protocol's, with every backbone in use."""

from __future__ import annotations

from collections.abc import Sequence

from benchbed.contracts.protocol import Protocol
from benchbed.discovery.method import Component, Method, resolve_under
from benchbed.discovery.registry import Registry
from benchbed.discovery.spec import show_value


def with_baselines(
    methods: Sequence[Method], protocol: Protocol, registry: Registry
) -> tuple[Method, ...]:
    """Return the methods, before them the baselines with each backbone in use.

    Raises:
        MethodError, PluginError: the protocol's baseline does not go with a backbone.
    """
    together: dict[str, Method] = {}
    for method in methods:
        if not method.one_run_per_task:
            name = baseline_name(protocol.delta_m.baseline, method.backbone, protocol)
            baseline = resolve_under(protocol, name, registry)
            together[baseline.name] = baseline
    for method in methods:
        together[method.name] = method
    return tuple(together.values())


def baseline_name(baseline: str, backbone: Component | None, protocol: Protocol) -> str:
    """Return the baseline's name with a method's backbone, where that is not the protocol's."""
    if backbone is None:
        return baseline
    architecture, plus, weighting = baseline.partition("+")
    head, _, options = architecture.partition(":")
    kept = [item for item in options.split(",") if item and not item.startswith("backbone")]
    named = ",".join([*kept, *_backbone_options(backbone, protocol)])
    colon = ":" if named else ""
    return f"{head}{colon}{named}{plus}{weighting}"


def _backbone_options(backbone: Component, protocol: Protocol) -> list[str]:
    """Return a backbone as the options of an architecture: ``backbone=…``, ``backbone.key=…``."""
    options = dict(backbone.options)
    # one component stands for all of timm's models, and has the name that was typed as its option
    name = str(options.pop("model", backbone.id))
    written = [f"backbone.{key}={show_value(value)}" for key, value in options.items()]
    if name != protocol.backbone:
        written.insert(0, f"backbone={name}")
    return written
