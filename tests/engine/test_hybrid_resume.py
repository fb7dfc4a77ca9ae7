"""A run whose layers go by the hybrid Gramian resumes to the same bits."""

import msgspec
import pytest
import torch

from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from benchbed.engine.hybrid import Layer
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import build_session
from benchbed.engine.trainer import Trainer
from benchbed.execution.jobs import method_jobs
from tests.engine.test_regimes import Stop


def job_of(weighting="mgda"):
    registry = discover({"BENCHBED_PLUGINS": "zoo"})
    protocol = msgspec.structs.replace(find_protocol("digits", registry), epochs=3)
    name = f"hps:backbone=mlp,backbone.width=256+{weighting}"
    (job,) = method_jobs(protocol, [name], registry)
    return job


def run(job, checkpoint=None, stop=None):
    def on_epoch(epoch, values):
        if epoch == stop:
            raise Stop

    seed_everything(job.seed)
    trainer = Trainer(build_session(job), checkpoint)
    return trainer.run(on_epoch)


@pytest.mark.parametrize("wrong", [False, True], ids=["agreeing", "switched off"])
def test_a_resumed_run_compares_nothing_anew(tmp_path, monkeypatch, wrong):
    if wrong:
        right = Layer.products
        monkeypatch.setattr(Layer, "products", lambda self, deltas: 1.1 * right(self, deltas))
    job = job_of()
    whole = run(job)
    said = whole.progress.gradients[0]
    assert ("hybrid Gramian for 1 of 2 layers" in said) != wrong
    assert any("is off" in note for note in whole.progress.notes) == wrong
    for stop in (1, 2):
        with pytest.raises(Stop):
            run(job, tmp_path / "state", stop)
    resumed = run(job, tmp_path / "state")
    for name, value in whole.weights.items():
        assert torch.equal(value, resumed.weights[name]), name
    assert resumed.progress.curves == whole.progress.curves
    assert resumed.progress.gradients == whole.progress.gradients
    assert resumed.progress.notes == whole.progress.notes
