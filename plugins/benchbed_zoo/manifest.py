"""What benchbed_zoo brings. Light on purpose: nothing named here is imported before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchbed.discovery.hookspecs import hookimpl
from benchbed.discovery.spec import Spec
from benchbed_zoo.specs import backbones, executors, loggers, transforms
from benchbed_zoo.specs.architectures import feature_sharing, hard_sharing
from benchbed_zoo.specs.datasets import embedded, on_disk
from benchbed_zoo.specs.tasks import contours, pixel_classes, pixel_values, samples
from benchbed_zoo.specs.weightings import gramian_level, loss_level, other_levels

_HERE = Path(__file__).parent


@hookimpl
def benchbed_architectures() -> Iterable[Spec]:
    """Architectures."""
    return [*hard_sharing.SPECS, *feature_sharing.SPECS]


@hookimpl
def benchbed_backbones() -> Iterable[Spec]:
    """Backbones."""
    return backbones.SPECS


@hookimpl
def benchbed_tasks() -> Iterable[Spec]:
    """Tasks."""
    return [*samples.SPECS, *pixel_classes.SPECS, *pixel_values.SPECS, *contours.SPECS]


@hookimpl
def benchbed_datasets() -> Iterable[Spec]:
    """Data sets."""
    return [*embedded.SPECS, *on_disk.SPECS]


@hookimpl
def benchbed_transforms() -> Iterable[Spec]:
    """Batch transforms."""
    return transforms.SPECS


@hookimpl
def benchbed_weightings() -> Iterable[Spec]:
    """Weighting strategies."""
    return [*loss_level.SPECS, *gramian_level.SPECS, *other_levels.SPECS]


@hookimpl
def benchbed_executors() -> Iterable[Spec]:
    """Executors."""
    return executors.SPECS


@hookimpl
def benchbed_loggers() -> Iterable[Spec]:
    """Loggers."""
    return loggers.SPECS


@hookimpl
def benchbed_protocols() -> Iterable[Path]:
    """Protocol files."""
    return sorted((_HERE / "protocols").glob("*.toml"))


@hookimpl
def benchbed_suites() -> Iterable[Path]:
    """Suite files."""
    return sorted((_HERE / "suites").glob("*.toml"))


@hookimpl
def benchbed_published() -> Iterable[Path]:
    """Printed tables of papers."""
    folder = _HERE / "published"
    return sorted([*folder.glob("*.csv"), *folder.glob("*/*.csv")])
