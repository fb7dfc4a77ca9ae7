"""Strategies at loss level stay on the losses' device and read nothing back from it.

The meta device stands for a GPU: its tensors have no values, so that reading one fails, as does
mixing it with a tensor on the CPU.
"""

import pytest
import torch

from benchbed import EpochInfo
from benchbed.engine.strategy import Strategy
from tests.zoo.weightings import checks

LOSS_LEVEL = [e.spec.id for e in checks.ZOO.of_kind("weighting") if "loss" in e.spec.traits]
VARIANTS = [
    *(
        f"random:distribution={name}"
        for name in ("uniform", "random-normal", "dirichlet", "bernoulli", "constrained-bernoulli")
    ),
    "uncertainty:form=liebel",
    "stch:warmup=0",
    "stch:t1=2",
    "cosmos:alpha=1",
]


@pytest.mark.parametrize("method", [*LOSS_LEVEL, *VARIANTS])
def test_it_stays_on_the_device_of_the_losses(method):
    strategy = checks.make(method, 3)
    meta = torch.device("meta")
    Strategy([strategy]).place(meta)
    curves = {name: [1.0, 2.0] for name in checks.names(3)}
    strategy.epoch(EpochInfo(2, 9, curves, curves))
    losses = {name: torch.ones((), device=meta, requires_grad=True) for name in curves}
    total = strategy.combine(losses)
    total.backward()
    assert (total.device, total.dtype) == (meta, torch.float32)
    assert all(loss.grad.device == meta for loss in losses.values())
    strategy.after_step({name: loss.detach() for name, loss in losses.items()})
