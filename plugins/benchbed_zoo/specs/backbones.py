"""What the manifest says of backbones."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import Option, Spec

SPECS: Final = [
    Spec(
        id="conv-small",
        version="1.0",
        target="benchbed_zoo.backbones.conv_small:ConvSmall",
        summary="three 3×3 convolution stages for small images",
        options={
            "width": Option(
                int,
                16,
                "channels of the first stage; doubled at each next",
                minimum=1,
                maximum=4096,
            )
        },
    ),
    Spec(
        id="mlp",
        version="1.0",
        target="benchbed_zoo.backbones.mlp:Mlp",
        summary="two fully connected layers on the flattened input",
        options={"width": Option(int, 128, "units of each layer", minimum=1, maximum=16384)},
    ),
    Spec(
        id="segnet",
        version="1.0",
        target="benchbed_zoo.backbones.segnet:SegNet",
        summary="encoder and decoder with pooling indices; one map of the input's size",
        citation="V. Badrinarayanan, A. Kendall, R. Cipolla: SegNet, TPAMI 2017, with the "
        "sizes of MTAN's code",
        options={
            "width": Option(
                float,
                1.0,
                "factor of the numbers of channels, 64 to 512",
                minimum=0.001,
                maximum=16,
            ),
        },
    ),
    Spec(
        id="timm",
        version="1.0",
        target="benchbed_zoo.backbones.timm_features:TimmFeatures",
        summary="any model of timm that gives features, by its name there",
        citation="R. Wightman: PyTorch Image Models, 2019",
        options={"model": Option(str, "resnet18", "name of the timm model")},
        traits=frozenset({"any-name"}),
    ),
]
