"""A training step's gradients: benchbed, TorchJD as a user calls it, and plain sweeps, in turns.

Models: ``cls`` is torchvision's ResNet-18 with a linear head a task, ``dense`` a SegNet-like net
of trunk widths 32-64-128 with convolutional heads; batch 16 of 3×64×64. All take the step from the
inputs to ``.grad``: forward, losses, backward passes. Targets at T = 3, against equal weighting
(one backward pass of the sum) in the same memory format: Gramian level ``cls`` at most 2.1,
``dense`` 1.8, loss level 1.03, FAMO with its second forward pass 1.35 and 1.45; at other T at most
1.1 times T plain sweeps of the trunk; against TorchJD 1.35 times as fast on ``cls``, 1.5 on
``dense``, the memory format that each uses by itself included.

On a GPU also SegNet (widths 64-128-256-512-512) at 288×384, batch 2 and 16, fp32, tf32 and bf16.

``python -m benchmarks.weighting [--threads 1] [--turns 15] [--device cpu]``
"""

from __future__ import annotations

import argparse
import gc
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from benchbed.engine.gradients import Backward
from benchbed.engine.library import make_weighting
from benchmarks.timing import alternate, save

COUNTS = (2, 3, 5, 10)
BATCH = 16
SIZES = {"cls": (64, 64), "dense": (64, 64), "segnet": (288, 384)}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
CHOSEN = {"cpu": "channels_last", "cuda": "contiguous"}
"""The format that benchbed.engine.layout chooses."""


class Shared(nn.Module):
    """A trunk with a head for each task."""

    def __init__(self, trunk: nn.Module, heads: dict[str, nn.Module]) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleDict(heads)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.feature = self.trunk(x)
        return {name: head(self.feature) for name, head in self.heads.items()}


def conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class SegNetLike(nn.Sequential):
    def __init__(self, widths: Sequence[int] = (32, 64, 128)) -> None:
        up = nn.Upsample(scale_factor=2)
        down = nn.MaxPool2d(2)
        encoder: list[nn.Module] = []
        for inputs, outputs in pairwise([3, *widths]):
            encoder += [conv(inputs, outputs), conv(outputs, outputs), down]
        decoder = [
            module
            for inputs, outputs in pairwise(reversed(widths))
            for module in (conv(inputs, outputs), up)
        ]
        super().__init__(*encoder[:-1], *decoder)


def build(kind: str, count: int) -> Shared:
    torch.manual_seed(0)
    names = [f"t{i}" for i in range(count)]
    if kind == "cls":
        trunk = torchvision.models.resnet18()
        trunk.fc = nn.Identity()
        return Shared(trunk, {name: nn.Linear(512, 10) for name in names})
    widths = {"dense": (32, 64, 128), "segnet": (64, 128, 256, 512, 512)}[kind]
    heads = {
        name: nn.Sequential(
            nn.Conv2d(widths[0], widths[0], 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(widths[0], CHANNELS[i % 3], 1),
        )
        for i, name in enumerate(names)
    }
    return Shared(SegNetLike(widths), heads)


CHANNELS = (13, 1, 3)


def targets_of(kind: str, count: int, batch: int) -> dict[str, Tensor]:
    if kind == "cls":
        return {f"t{i}": torch.randint(10, (batch,)) for i in range(count)}
    size = SIZES[kind]
    makers: list[Callable[[], Tensor]] = [
        lambda: torch.randint(13, (batch, *size)),
        lambda: torch.rand(batch, 1, *size),
        lambda: F.normalize(torch.randn(batch, 3, *size), dim=1),
    ]
    return {f"t{i}": makers[i % 3]() for i in range(count)}


def losses_of(kind: str, outputs: dict[str, Tensor], targets: dict[str, Tensor]):
    found = {}
    for i, (name, output) in enumerate(outputs.items()):
        if kind == "cls" or i % 3 == 0:
            found[name] = F.cross_entropy(output, targets[name])
        elif i % 3 == 1:
            found[name] = F.l1_loss(output, targets[name])
        else:
            found[name] = 1 - F.cosine_similarity(output, targets[name]).mean()
    return found


class Case:
    """One model with its data, in one memory format."""

    half = False
    """Forward passes under autocast in bfloat16."""

    def __init__(self, kind: str, count: int, layout: str, device: str, batch: int = BATCH) -> None:
        self.kind, self.count, self.device = kind, count, device
        self.model = build(kind, count).to(device).to(memory_format=FORMATS[layout])
        self.x = torch.randn(batch, 3, *SIZES[kind], device=device)
        self.targets = {k: v.to(device) for k, v in targets_of(kind, count, batch).items()}
        self.trunk = list(self.model.trunk.parameters())
        self.names = list(self.targets)

    def losses(self) -> dict[str, Tensor]:
        self.model.zero_grad()
        return self.forward()

    def forward(self) -> dict[str, Tensor]:
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.half):
            return losses_of(self.kind, self.model(self.x), self.targets)

    def equal(self) -> None:
        torch.stack(list(self.losses().values())).sum().backward()

    def ours(self, name: str) -> Callable[[], None]:
        backward = Backward(make_weighting(name, self.names), self.model)
        return lambda: backward(self.losses())

    def famo(self) -> Callable[[], None]:
        """With the second forward pass that the trainer makes, statistics kept."""
        strategy = make_weighting("famo", self.names)
        backward = Backward(strategy, self.model)

        def step() -> None:
            backward(self.losses())
            with torch.no_grad():
                kept = [buffer.clone() for buffer in self.model.buffers()]
                after = self.forward()
                for buffer, value in zip(self.model.buffers(), kept, strict=True):
                    buffer.copy_(value)
            strategy.last.after_step(after)

        return step

    def sweeps(self) -> None:
        """Heads once on a detached feature, T backward passes of the trunk, nothing combined."""
        self.model.zero_grad()
        with torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.half):
            feature = self.model.trunk(self.x)
            leaf = feature.detach().requires_grad_()
            outputs = {name: head(leaf) for name, head in self.model.heads.items()}
            losses = list(losses_of(self.kind, outputs, self.targets).values())
        for index, loss in enumerate(losses):
            loss.backward()
            at_leaf, leaf.grad = leaf.grad, None
            torch.autograd.grad(feature, self.trunk, at_leaf, retain_graph=index < len(losses) - 1)

    def plain(self, *, exact: bool = False) -> None:
        """T full gradients, concatenated, combined; their products in float64 if exact."""
        losses = self.losses()
        rows = [
            torch.cat(
                [g.flatten() for g in torch.autograd.grad(loss, self.trunk, retain_graph=True)]
            )
            for loss in losses.values()
        ]
        jacobian = torch.stack(rows)
        rows = jacobian.double() if exact else jacobian
        direction = imtl_g(rows @ rows.T).to(jacobian) @ jacobian
        for p, g in zip(self.trunk, direction.split([p.numel() for p in self.trunk]), strict=True):
            p.grad = g.view_as(p)
        for name, loss in losses.items():
            head = list(self.model.heads[name].parameters())
            for p, g in zip(head, torch.autograd.grad(loss, head, retain_graph=True), strict=True):
                p.grad = g

    def torchjd(self) -> Callable[[], None]:
        from torchjd.aggregation import IMTLG
        from torchjd.autojac import jac_to_grad, mtl_backward

        aggregator = IMTLG()

        def step() -> None:
            losses = list(self.losses().values())
            mtl_backward(losses, features=self.model.feature)
            jac_to_grad(self.trunk, aggregator)

        return step

    def update(self) -> Tensor:
        return torch.cat([p.grad.flatten() for p in self.trunk])


def imtl_g(gramian: Tensor) -> Tensor:
    """IMTL-G's weights, a plain solution for the plain peer."""
    lengths = gramian.diag().sqrt()
    unit = gramian / lengths
    system = (unit[:, :1] - unit[:, 1:]).T
    system = torch.cat([system, torch.ones_like(system[:1])])
    right = torch.zeros_like(lengths)
    right[-1] = 1.0
    return torch.linalg.solve(system.double(), right.double()).to(gramian)


def peak_mb(kind: str, count: int, how: str) -> float:
    """Peak resident memory of a process that makes three steps, in MB (a new process each)."""
    import subprocess
    import sys

    code = f"from benchmarks.weighting import peak; peak({kind!r}, {count}, {how!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    return float(done.stdout.split()[-1])


def peak(kind: str, count: int, how: str) -> None:
    torch.set_num_threads(1)
    case = Case(kind, count, "contiguous" if how in {"torchjd", "none"} else "channels_last", "cpu")
    case.equal()
    step = {
        "none": lambda: None,
        "equal": case.equal,
        "plain": case.plain,
        "ours": case.ours("imtl-g"),
        "torchjd": case.torchjd(),
    }[how]
    for _ in range(3):
        step()
        gc.collect()
    # not getrusage's, which a new process inherits from its parent
    status = Path("/proc/self/status").read_text("ascii")
    print(int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024)


def same_update(kind: str, count: int, device: str) -> dict[str, float]:
    """Relative differences of the trunk's update from plain gradients combined in float64."""
    found = {}
    ways = ("exact", "plain", "ours", "torchjd")
    cases = {name: Case(kind, count, "contiguous", device) for name in ways}
    for name, case in cases.items():
        torch.manual_seed(1)
        case.x = torch.randn(BATCH, 3, *SIZES[kind]).to(device)
        case.targets = {k: v.to(device) for k, v in targets_of(kind, count, BATCH).items()}
        if name == "ours":
            step = case.ours("imtl-g")
            step()  # the first update compares layers and is plain
        else:
            step = {
                "exact": lambda case=case: case.plain(exact=True),
                "plain": case.plain,
                "torchjd": case.torchjd(),
            }[name]
        step()
        wanted = cases["exact"].update()
        if name != "exact":
            found[name] = float((case.update() - wanted).norm() / wanted.norm())
    return found


def measure(
    kind: str, count: int, turns: int, device: str, batch: int = BATCH, precision: str = "fp32"
) -> dict[str, object]:
    chosen = CHOSEN[device]
    Case.half = precision == "bf16"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    actions: dict[str, Callable[[], object]] = {}
    for layout in FORMATS:
        case = Case(kind, count, layout, device, batch)
        actions[f"equal loss, summed by hand, {layout}"] = case.equal
        actions[f"T sweeps of the trunk, {layout}"] = case.sweeps
        actions[f"benchbed equal, {layout}"] = case.ours("equal")
        actions[f"benchbed imtl-g, {layout}"] = case.ours("imtl-g")
        actions[f"benchbed famo, {layout}"] = case.famo()
    actions["torchjd imtl-g, contiguous"] = Case(kind, count, "contiguous", device, batch).torchjd()
    actions["plain, concatenated, contiguous"] = Case(
        kind, count, "contiguous", device, batch
    ).plain
    if device == "cuda":
        actions = {name: synchronised(action) for name, action in actions.items()}
    times = alternate(actions, turns, warm_up=2)
    keys = ("median_s", "min_s", "cpu_median_s", "cpu_min_s")

    def ratio(one: str, other: str) -> dict[str, float]:
        return {key: round(times[one][key] / times[other][key], 3) for key in keys}

    return {
        "model": kind,
        "T": count,
        "batch": batch,
        "precision": precision,
        "ms": {name: {k: round(1000 * v, 2) for k, v in t.items()} for name, t in times.items()},
        "against equal weighting in the same format": {
            f"{name}, {layout}": ratio(
                f"benchbed {name}, {layout}", f"equal loss, summed by hand, {layout}"
            )
            for layout in FORMATS
            for name in ("equal", "imtl-g", "famo")
        },
        "against T plain sweeps": {
            layout: ratio(f"benchbed imtl-g, {layout}", f"T sweeps of the trunk, {layout}")
            for layout in FORMATS
        },
        "torchjd over benchbed in its own format": ratio(
            "torchjd imtl-g, contiguous", f"benchbed imtl-g, {chosen}"
        ),
        "difference of the update from plain gradients combined in float64": same_update(
            kind, count, device
        )
        if kind != "segnet" and precision == "fp32"
        else None,
    }


def synchronised(action: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        action()
        torch.cuda.synchronize()

    return run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--counts", type=int, nargs="*", default=COUNTS)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = parser.parse_args()
    results = []
    for threads in given.threads:
        torch.set_num_threads(threads)
        for kind in ("cls", "dense"):
            for count in given.counts:
                found = measure(kind, count, given.turns, given.device)
                results.append({"threads": threads, **found})
                short = {k: v for k, v in results[-1].items() if k != "ms"}
                print(short, flush=True)
    for batch in (2, 16) if given.device == "cuda" else ():
        for precision in ("fp32", "tf32", "bf16"):
            found = measure("segnet", 3, given.turns, given.device, batch, precision)
            results.append({"threads": given.threads[-1], **found})
            print({k: v for k, v in found.items() if k != "ms"}, flush=True)
    memory = {}
    if given.device == "cpu":
        for kind in ("cls", "dense"):
            ways = ("none", "equal", "plain", "ours", "torchjd")
            memory[kind] = {how: round(peak_mb(kind, 3, how), 1) for how in ways}
            size = sum(p.numel() for p in build(kind, 3).trunk.parameters())
            memory[kind]["one T×d matrix"] = round(3 * size * 4 / 2**20, 1)
    name = "weighting" if given.device == "cpu" else f"weighting-{torch.cuda.get_device_name()}"
    save(
        name,
        {
            "what": "a training step from inputs to .grad, batch 16 of 3×64×64; peak memory in MB",
            "formats": f"benchbed's own choice: {CHOSEN[given.device]}; TorchJD: contiguous",
            "results": results,
            "peak_memory_mb_at_T3": memory,
        },
    )


if __name__ == "__main__":
    main()
