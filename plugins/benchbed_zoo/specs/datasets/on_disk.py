"""Specs of the data sets that lie in users' folders."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import Option, Spec


def _spec(name: str, target: str, summary: str, citation: str, **options: Option) -> Spec:
    return Spec(
        id=name,
        version="1.0",
        target=f"benchbed_zoo.datasets.{target}",
        summary=summary,
        citation=citation,
        options=options,
    )


def _side(default: int) -> Option:
    return Option(int, default, "of the images in pixels", minimum=16, maximum=4096)


SPECS: Final = [
    _spec(
        "nyuv2",
        "nyu.nyuv2:NYUv2",
        "NYUv2 as MTAN released it: indoor scenes with 13 classes, depth and normals",
        "N. Silberman et al.: Indoor Segmentation and Support Inference from RGBD Images, ECCV "
        "2012; S. Liu et al.: End-to-End Multi-Task Learning with Attention, CVPR 2019",
    ),
    _spec(
        "nyuv2-official",
        "nyu.nyuv2_official:NYUv2Official",
        "NYUv2 from its authors' labeled .mat file, in 13 or 40 classes, with depth",
        "N. Silberman et al.: Indoor Segmentation and Support Inference from RGBD Images, ECCV "
        "2012",
        classes=Option(int, 13, "13 or 40", choices=(13, 40)),
        height=_side(480),
        width=_side(640),
    ),
    _spec(
        "nyud-mt",
        "nyu.nyud_mt:NYUDMT",
        "NYUv2 with 40 classes, edges, normals and depth, as in Attentive Single-Tasking",
        "K.-K. Maninis et al.: Attentive Single-Tasking of Multiple Tasks, CVPR 2019",
        release=Option(
            str,
            "astmt",
            "astmt, or vandenhende (S. Vandenhende et al., TPAMI 2021)",
            choices=("astmt", "vandenhende"),
        ),
        height=_side(480),
        width=_side(640),
    ),
    _spec(
        "pascal-context",
        "pascal.pascal_context:PascalContext",
        "PASCAL-Context with edges, 21 classes, human parts, normals and saliency (PASCAL_MT)",
        "R. Mottaghi et al., CVPR 2014; K.-K. Maninis et al.: Attentive Single-Tasking of Multiple "
        "Tasks, CVPR 2019",
        height=_side(512),
        width=_side(512),
    ),
    _spec(
        "pascal-voc",
        "pascal.pascal_voc:PascalVOC",
        "PASCAL VOC 2012 segmentation, trained on the augmented set",
        "M. Everingham et al., IJCV 2010; B. Hariharan et al.: Semantic Contours from Inverse "
        "Detectors, ICCV 2011",
        height=_side(512),
        width=_side(512),
    ),
    _spec(
        "bsds500",
        "bsds500:BSDS500",
        "Berkeley's contours of 500 photographs, each by several annotators",
        "P. Arbeláez et al.: Contour Detection and Hierarchical Image Segmentation, TPAMI 2011",
        height=_side(512),
        width=_side(512),
    ),
    _spec(
        "pascal-s",
        "pascal.pascal_s:PascalS",
        "salient objects: trained on MSRA-10K, tested on PASCAL-S",
        "Y. Li et al.: The Secrets of Salient Object Segmentation, CVPR 2014; M.-M. Cheng et al., "
        "TPAMI 2015",
        height=_side(512),
        width=_side(512),
    ),
    _spec(
        "cityscapes",
        "cityscapes.cityscapes:Cityscapes",
        "street scenes in their original layout: 19 classes or 7 categories, disparity and depth",
        "M. Cordts et al.: The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR "
        "2016",
        classes=Option(int, 19, "19 classes or 7 categories", choices=(19, 7)),
        height=_side(256),
        width=_side(512),
    ),
    _spec(
        "cityscapes-mtan",
        "cityscapes.cityscapes_mtan:CityscapesMTAN",
        "Cityscapes as MTAN released it: .npy files with 2, 7 or 19 classes, inverse depth",
        "S. Liu et al.: End-to-End Multi-Task Learning with Attention, CVPR 2019",
        classes=Option(int, 7, "2, 7 or 19", choices=(2, 7, 19)),
        height=_side(128),
        width=_side(256),
    ),
    _spec(
        "fsv",
        "fsv:FSV",
        "frames of a video game: 3 classes, albedo and disparity",
        "P. Krähenbühl: Free Supervision from Video Games, CVPR 2018",
        height=_side(512),
        width=_side(512),
        mini=Option(bool, False, "about 5000 of the test frames, at even distances"),
    ),
]
