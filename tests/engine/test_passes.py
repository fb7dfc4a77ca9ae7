"""What strategies cost in passes through the trunk, counted with hooks, at T = 3."""

from __future__ import annotations

import pytest
import torch

from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import build_session
from benchbed.engine.trainer import Trainer
from benchbed.execution.jobs import method_jobs


def trainer_of(weighting):
    registry = discover({"BENCHBED_PLUGINS": "zoo"})
    (job,) = method_jobs(find_protocol("digits", registry), [f"hps+{weighting}"], registry)
    seed_everything(0)
    return Trainer(build_session(job))


def passes_of(weighting):
    """Forward and backward passes of the backbone and of all heads together in one update."""
    trainer = trainer_of(weighting)
    network = trainer.session.network
    counts = dict.fromkeys(("trunk", "trunk back", "heads", "heads back"), 0)

    def watch(part):
        def hook(module, inputs, output):
            counts[part] += 1
            output = output[-1] if isinstance(output, list) else output
            if output.requires_grad:
                output.register_hook(lambda _: back(part))

        return hook

    def back(part):
        counts[f"{part} back"] += 1

    network.backbone.register_forward_hook(watch("trunk"))
    for head in network.heads.values():
        head.register_forward_hook(watch("heads"))
    batches = trainer.train_split.shuffled(32, 0, 0, drop_last=False)
    network.train()
    trainer.update([next(batches) for _ in range(trainer.group)])
    return counts


@pytest.mark.parametrize(
    ("weighting", "forward", "backward"),
    [
        ("equal", 1, 1),
        ("famo", 2, 1),
        ("mgda", 1, 3),
        ("moco", 1, 3),
        ("gradnorm", 1, 4),
        ("modo", 3, 9),
        ("sdmgrad", 3, 9),
    ],
)
def test_no_pass_is_made_twice(weighting, forward, backward):
    # a new network's first update at Gramian level compares layers: none pays on this small one
    counts = passes_of(weighting)
    assert (counts["trunk"], counts["trunk back"]) == (forward, backward)
    assert counts["heads"] == 3 * forward
    # each head once a batch, but for gradnorm's pass for the weighted sum
    wanted = {"famo": 3, "gradnorm": 6}.get(weighting, 3 * forward)
    assert counts["heads back"] == wanted


def test_famos_second_forward_pass_moves_no_statistic():
    after = {}
    for weighting in ("equal", "famo"):
        trainer = trainer_of(weighting)
        trainer.session.network.train()
        batches = trainer.train_split.shuffled(32, 0, 0, drop_last=False)
        trainer.update([next(batches)])
        after[weighting] = dict(trainer.session.network.named_buffers())
    assert any("running_mean" in name for name in after["famo"])
    for name, buffer in after["equal"].items():
        assert torch.equal(buffer, after["famo"][name]), name
