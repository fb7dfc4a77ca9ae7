"""What benchbed_zoo brings. Light on purpose: nothing named here is imported before it is used."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchbed.hookspecs import hookimpl
from benchbed.spec import Option, Spec
from benchbed_zoo.architectures import feature_sharing, hard_sharing
from benchbed_zoo.datasets import on_disk
from benchbed_zoo.tasks import contours, pixel_classes, pixel_values, samples
from benchbed_zoo.transforms import specs as transforms
from benchbed_zoo.weightings import gramian_level, loss_level, other_levels

_HERE = Path(__file__).parent


def _target(module: str, name: str) -> str:
    return f"benchbed_zoo.{module}:{name}"


@hookimpl
def benchbed_architectures() -> Iterable[Spec]:
    """Architectures."""
    return [*hard_sharing.SPECS, *feature_sharing.SPECS]


@hookimpl
def benchbed_backbones() -> Iterable[Spec]:
    """Backbones."""
    return [
        Spec(
            id="conv-small",
            version="1.0",
            target=_target("backbones.conv_small", "ConvSmall"),
            summary="three 3×3 convolution stages for small images",
            options={"width": Option(int, 16, "channels of the first stage; doubled at each next")},
        ),
        Spec(
            id="mlp",
            version="1.0",
            target=_target("backbones.mlp", "Mlp"),
            summary="two fully connected layers on the flattened input",
            options={"width": Option(int, 128, "units of each layer")},
        ),
        Spec(
            id="segnet",
            version="1.0",
            target=_target("backbones.segnet", "SegNet"),
            summary="encoder and decoder with pooling indices; one map of the input's size",
            citation="V. Badrinarayanan, A. Kendall, R. Cipolla: SegNet, TPAMI 2017, with the "
            "sizes of MTAN's code",
            options={
                "width": Option(
                    float, 1.0, "factor of the numbers of channels, 64 to 512", minimum=0.001
                ),
            },
        ),
        Spec(
            id="timm",
            version="1.0",
            target=_target("backbones.timm_features", "TimmFeatures"),
            summary="any model of timm that gives features, by its name there",
            citation="R. Wightman: PyTorch Image Models, 2019",
            options={"model": Option(str, "resnet18", "name of the timm model")},
            traits=frozenset({"any-name"}),
        ),
    ]


@hookimpl
def benchbed_tasks() -> Iterable[Spec]:
    """Tasks."""
    return [*samples.SPECS, *pixel_classes.SPECS, *pixel_values.SPECS, *contours.SPECS]


@hookimpl
def benchbed_datasets() -> Iterable[Spec]:
    """Data sets."""
    return [
        Spec(
            id="digits",
            version="1.0",
            target=_target("datasets.digits", "Digits"),
            summary="1797 real handwritten digits of 8×8 pixels: digit, holes, parity",
            citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
        ),
        Spec(
            id="rooms",
            version="1.0",
            target=_target("datasets.rooms", "Rooms"),
            summary="indoor scenes ray-cast from a seed, with exact maps for seven dense tasks",
            options={
                "height": Option(int, 64, "of the images in pixels", minimum=16, maximum=4096),
                "width": Option(int, 64, "of the images in pixels", minimum=16, maximum=4096),
                "train": Option(int, 700, "number of images for training", minimum=1),
                "validation": Option(int, 100, "number of images for validation", minimum=1),
                "test": Option(int, 200, "number of images for tests", minimum=1),
                "seed": Option(int, 0, "of all scenes", minimum=0),
                "people": Option(float, 0.6, "share of rooms with a figure", minimum=0, maximum=1),
            },
        ),
        *on_disk.SPECS,
    ]


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
    return [
        Spec(
            id="local",
            version="1.0",
            target="benchbed.execution.local:LocalExecutor",
            summary="this machine, several runs side by side, one process each",
        ),
    ]


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
