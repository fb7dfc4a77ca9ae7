"""The baseline and the architectures of hard parameter sharing. Light on purpose."""

from benchbed.discovery.spec import Option, Spec

_BACKBONE = Option(
    str, "conv-small", "a built-in backbone, or any timm model with features", backbone=True
)
SEGNET = Option(str, "segnet", "its stages are taken apart", choices=("segnet",), backbone=True)
_DECODER = Option(int, 32, "channels of the decoders of maps", minimum=1, maximum=4096, added=True)

SPECS = [
    Spec(
        id="single-task",
        version="1.0",
        target="benchbed_zoo.architectures.single_task:SingleTask",
        summary="a net of its own for each task: the baseline of Δm",
        options={"backbone": _BACKBONE, "decoder_width": _DECODER},
        traits=frozenset({"one-run-per-task"}),
    ),
    Spec(
        id="hps",
        version="1.0",
        target="benchbed_zoo.architectures.hps:HardParameterSharing",
        summary="hard parameter sharing: one backbone, a head for each task",
        citation="R. Caruana: Multitask Learning, Machine Learning 28, 1997",
        options={"backbone": _BACKBONE, "decoder_width": _DECODER},
    ),
    Spec(
        id="split",
        version="1.0",
        target="benchbed_zoo.architectures.split:Split",
        summary="hard parameter sharing on SegNet, standard, wide or deep",
        citation="S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with Attention, "
        "CVPR 2019, section 4.1.2",
        options={
            "backbone": SEGNET,
            "type": Option(
                str,
                "standard",
                "wide: 1024 channels in the last stage; deep: every convolution twice",
                choices=("standard", "wide", "deep"),
            ),
        },
    ),
]
