"""A training step in the contiguous format and in channels_last, for kinds of models, one thread.

benchbed.engine.layout states the rule that follows from it.
"""

from __future__ import annotations

from collections.abc import Callable

import timm
import torch

from benchmarks.timing import alternate, save
from benchmarks.weighting import FORMATS, Case

MODELS = [
    ("resnet18", 64),
    ("resnet18", 128),
    ("resnet50", 64),
    ("mobilenetv3_small_100", 64),
    ("efficientnet_b0", 64),
    ("convnext_atto", 64),
    ("vit_tiny_patch16_224", 64),
]


def step_of(name: str, size: int, layout: str) -> Callable[[], None]:
    torch.manual_seed(0)
    options = {"img_size": size} if name.startswith("vit") else {}
    model = timm.create_model(name, num_classes=10, **options)
    model.to(memory_format=FORMATS[layout])
    x = torch.randn(16, 3, size, size)

    def step() -> None:
        model.zero_grad()
        model(x).square().mean().backward()

    return step


def main() -> None:
    torch.set_num_threads(1)
    actions = {
        f"{name} at {size}": {layout: step_of(name, size, layout) for layout in FORMATS}
        for name, size in MODELS
    }
    actions["SegNet-like, three heads, at 64"] = {
        layout: Case("dense", 3, layout, "cpu").equal for layout in FORMATS
    }
    found = {}
    for name, pair in actions.items():
        times = alternate(pair, 9, warm_up=2)
        ratio = {
            key: times["channels_last"][key] / times["contiguous"][key]
            for key in times["contiguous"]
        }
        found[name] = {"times": times, "channels_last over contiguous": ratio}
        print(name, ratio, flush=True)
    save("layout", {"what": "a training step, batch 16", "models": found})


if __name__ == "__main__":
    main()
