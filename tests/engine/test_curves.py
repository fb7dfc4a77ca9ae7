"""Curves of auxiliary losses and phases, and what is told where a run goes on."""

from __future__ import annotations

import msgspec
import pytest

from benchbed.basics.environment import now
from benchbed.engine.trainer import Trainer
from benchbed.execution.results import make_record
from benchbed.records.record import decode_record
from tests import regimes
from tests.engine.helpers import make_job, make_trainer, train


@pytest.fixture
def with_regimes(registry):
    registry.add_plugin(regimes, "regimes", "regimes", "1.0")
    return registry


def listened(trainer: Trainer) -> list[dict[str | None, float]]:
    """Return what the network's ``auxiliary`` will have returned, mini-batch by mini-batch."""
    network, heard = trainer.session.network, []
    original = type(network).auxiliary

    class Listening(type(network)):
        def auxiliary(self, *arguments):
            found = original(self, *arguments)
            heard.append({task: float(loss.detach()) for task, loss in found.items()})
            return found

    network.__class__ = Listening
    return heard


@pytest.mark.parametrize(("weighting", "accumulate"), [("equal", 1), ("mgda", 1), ("equal", 3)])
def test_auxiliary_losses_have_their_mean_over_an_epochs_mini_batches(
    with_regimes, toy_protocol, weighting, accumulate
):
    protocol = msgspec.structs.replace(toy_protocol, accumulate=accumulate)
    trainer = make_trainer(make_job(protocol, with_regimes, f"adversarial+{weighting}"))
    heard = listened(trainer)
    curves = trainer.run().progress.curves
    per_epoch = len(heard) // protocol.epochs
    assert per_epoch > trainer.steps or accumulate == 1
    for task, name in ((None, "auxiliary"), ("a", "auxiliary/a"), ("b", "auxiliary/b")):
        for epoch, value in enumerate(curves[name]):
            of_epoch = heard[epoch * per_epoch : (epoch + 1) * per_epoch]
            mean = sum(losses[task] for losses in of_epoch) / per_epoch
            assert value == pytest.approx(mean, rel=1e-6)


def test_the_training_losses_are_without_them(with_regimes, toy_protocol):
    job = make_job(toy_protocol, with_regimes, "adversarial+equal")
    protocol = msgspec.structs.replace(toy_protocol, epochs=1)
    trainer = make_trainer(msgspec.structs.replace(job, protocol=protocol))
    totals = []
    original = trainer.update

    def update(group, *, log=False):
        stepped = original(group, log=log)
        totals.append(float(stepped.totals["a"]) / float(stepped.counts["a"]))
        return stepped

    trainer.update = update
    curves = trainer.run().progress.curves
    assert min(totals) <= curves["train/a/loss"][0] <= max(totals)


def test_networks_without_auxiliary_losses_and_phases_have_no_such_curves(
    with_regimes, toy_protocol
):
    curves = train(make_job(toy_protocol, with_regimes, "toy-net+equal")).progress.curves
    assert {name.partition("/")[0] for name in curves} == {"train", "validation", "lr", "weight"}


def test_the_phase_at_each_epochs_end_is_a_curve(with_regimes, toy_protocol):
    job = make_job(toy_protocol, with_regimes, "last-phase-without+equal")
    assert train(job).progress.curves["phase"] == [1, 1, 2, 2]


def test_who_listens_is_told_all_epochs_before_a_stop(with_regimes, toy_protocol, tmp_path):
    class Stop(Exception):
        pass

    def stop(epoch, values):
        told.append(values)
        if epoch == 2:
            raise Stop

    told: list[dict[str, float]] = []
    resumed: list[list[dict[str, float]]] = []
    job = make_job(toy_protocol, with_regimes, "adversarial+equal")
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(Stop):
        make_trainer(job, path).run(stop, resumed.append)
    assert resumed == []
    make_trainer(job, path).run(on_resume=resumed.append)
    assert resumed == [told]


def test_a_record_with_whole_numbers_among_its_values_can_be_read(with_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, with_regimes, "last-phase-without+equal"))
    outcome = trainer.run()
    outcome.test["a"]["mae"] = 3  # as a plugin's metric may
    record = make_record(trainer.session.job, trainer.session, outcome, now())
    assert decode_record(msgspec.json.encode(record)) == record
    assert record.curves["phase"] == [1.0, 1.0, 2.0, 2.0]
    assert record.test["a"]["mae"] == 3.0
