"""The architectures whose tasks choose among, mix or exchange features. Light on purpose."""

from benchbed.discovery.spec import Option, Spec
from benchbed_zoo.specs.architectures.hard_sharing import SEGNET

_LIU = "S. Liu, E. Johns, A. Davison: End-to-End Multi-Task Learning with Attention, CVPR 2019"

SPECS = [
    Spec(
        id="mtan",
        version="1.0",
        target="benchbed_zoo.architectures.mtan:Mtan",
        summary="masks of each task choose among shared features at every stage",
        citation=f"{_LIU}, eqs. 1 and 2",
        options={
            "backbone": Option(
                str, "segnet", "segnet, or any other with feature maps", backbone=True
            ),
            "decoder_width": Option(
                int,
                32,
                "channels of the decoders of maps; segnet has none",
                minimum=1,
                maximum=4096,
            ),
        },
    ),
    Spec(
        id="cross-stitch",
        version="1.0",
        target="benchbed_zoo.architectures.cross_stitch:CrossStitch",
        summary="a network for each task, their features mixed at every stage",
        citation="I. Misra, A. Shrivastava, A. Gupta, M. Hebert: Cross-stitch Networks for "
        "Multi-task Learning, CVPR 2016, eq. 1",
        options={
            "backbone": SEGNET,
            "type": Option(
                str,
                "matrix",
                "a mixture for each task; vector: one mixture for all, as in MTAN's code",
                choices=("matrix", "vector"),
            ),
        },
    ),
    Spec(
        id="dense-sharing",
        version="1.0",
        target="benchbed_zoo.architectures.dense_sharing:DenseSharing",
        summary="a network for each task that also gets a shared one's features (Dense)",
        citation=f"{_LIU}, section 4.1.2",
        options={"backbone": SEGNET},
    ),
    Spec(
        id="pad-net",
        version="1.0",
        target="benchbed_zoo.architectures.pad_net:PadNet",
        summary="a decoder for each task, whose features exchange messages before the heads",
        citation="D. Xu, W. Ouyang, X. Wang, N. Sebe: PAD-Net: Multi-Tasks Guided "
        "Prediction-and-Distillation Network, CVPR 2018, module C",
        options={
            "backbone": SEGNET,
            "type": Option(
                str,
                "paper",
                "initial predictions are scored in training, but unlike the paper features before "
                "them are distilled, gated by the sender; ati: none, as in ATI-Net's code",
                choices=("paper", "ati"),
            ),
        },
    ),
    Spec(
        id="ati-net",
        version="1.0",
        target="benchbed_zoo.architectures.ati_net:AtiNet",
        summary="MTAN whose decoder starts from distilled features in the second half of training",
        citation="D. Sinodinos, N. Armanfard: Attentive Task Interaction Network for Multi-Task "
        "Learning, ICPR 2022",
        options={
            "backbone": SEGNET,
            "variant": Option(
                str,
                "as-described",
                "as-released: the distilled features are never used, heads are drawn anew too",
                choices=("as-described", "as-released"),
            ),
        },
    ),
]
