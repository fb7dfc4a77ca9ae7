"""What the manifest says of batch transforms. Light: it imports none of them."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import Option, Spec


def _distance(default: str) -> Option:
    return Option(
        str,
        default,
        "divide maps of distances by the scale, or keep them",
        choices=("divide", "keep"),
    )


def _strength(default: float, what: str, maximum: float) -> Option:
    return Option(float, default, what, minimum=0, maximum=maximum)


SPECS: Final[tuple[Spec, ...]] = (
    Spec(
        id="flip",
        version="1.0",
        target="benchbed_zoo.transforms.flip:Flip",
        summary="images and maps mirrored left to right, each sample by itself",
        options={"p": Option(float, 0.5, "probability", minimum=0, maximum=1)},
    ),
    Spec(
        id="scale-crop",
        version="1.0",
        target="benchbed_zoo.transforms.scale_crop:ScaleCrop",
        summary="images and maps enlarged by one of some scales and cropped to the old size",
        citation="S. Liu, E. Johns, A. J. Davison: End-to-End Multi-Task Learning with Attention, "
        "CVPR 2019, released code",
        options={
            "scales": Option(str, "1 1.2 1.5", "at least 1 each, separated by blanks"),
            "distance": _distance("divide"),
        },
    ),
    Spec(
        id="affine",
        version="1.0",
        target="benchbed_zoo.transforms.affine:Affine",
        summary="images and maps turned and scaled about the centre",
        citation="K.-K. Maninis, I. Radosavovic, I. Kokkinos: Attentive Single-Tasking of Multiple "
        "Tasks, CVPR 2019, released code",
        options={
            "degrees": Option(float, 20.0, "largest angle", minimum=0, maximum=180),
            "scale_low": Option(float, 0.75, "least scale", minimum=0.01, maximum=100),
            "scale_high": Option(float, 1.25, "largest scale", minimum=0.01, maximum=100),
            "distance": _distance("keep"),
            "border": Option(
                str,
                "ignore",
                "classes beyond the image: not annotated, or 0",
                choices=("ignore", "background"),
            ),
        },
    ),
    Spec(
        id="color-jitter",
        version="1.0",
        target="benchbed_zoo.transforms.color_jitter:ColorJitter",
        summary="brightness, contrast, saturation and hue of each image changed in random order",
        citation="TorchVision: PyTorch's Computer Vision library, 2016, ColorJitter",
        options={
            "brightness": _strength(0.4, "factors in 1 ± this", 10),
            "contrast": _strength(0.4, "factors in 1 ± this", 10),
            "saturation": _strength(0.4, "factors in 1 ± this", 10),
            "hue": _strength(0.1, "shifts in ± this share of the circle", 0.5),
        },
    ),
)
