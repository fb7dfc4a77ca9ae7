"""A record's network: in the phase of its selected epoch, and refused where it is another one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchbed.basics.environment import now
from benchbed.contracts.protocol import Selection
from benchbed.engine.selection import Selector
from benchbed.execution.results import make_record, save_weights
from benchbed.report.inspect.one_run import inspect_record
from benchbed.report.inspect.predictions.predict import predict
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.request import Request
from tests import regimes
from tests.engine.helpers import make_job, make_trainer
from tests.report.inspect.helpers import everything, rewritten, short_protocol


@pytest.mark.parametrize("method", ["phased", "phased+three-batches"])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_a_network_is_rebuilt_in_the_phase_of_the_selected_epoch(
    toy_protocol, tmp_path, monkeypatch, method, best
):
    registry = everything()
    registry.add_plugin(regimes, "regimes", "regimes", "1.0")
    protocol = msgspec.structs.replace(
        toy_protocol, batch_size=4, selection=Selection("best-validation")
    )
    values = iter([float(n == best) for n in range(1, 5)])
    monkeypatch.setattr(Selector, "criterion", lambda self, evaluation: next(values))
    trainer = make_trainer(make_job(protocol, registry, method))
    outcome = trainer.run()
    record = make_record(trainer.session.job, trainer.session, outcome, now())
    assert record.selected_epoch == best
    weights = tmp_path / "weights.safetensors"
    save_weights(weights, outcome.weights)
    for task in record.tasks:
        samples = predict(rebuild(record, protocol, registry, weights, None), 99)
        errors = [abs(s.predictions[task] - s.targets[task]) for s in samples]
        expected = record.test[task]["mae"]
        assert float(sum(errors)) / len(errors) == pytest.approx(expected, rel=1e-5)


def refusal(path: Path, trained, tmp_path) -> str:
    request = Request(path, tmp_path, protocol=short_protocol(trained))
    done = inspect_record(request, everything())
    assert done.exit_code == 2
    assert done.panels is None
    assert done.curves.exists()
    return done.note


def test_plugins_of_another_version_are_named(copy, trained, tmp_path):
    path = copy("hps/mgda")
    first, *rest = read_record(path).components
    older = msgspec.structs.replace(first, version="0.9")
    note = refusal(rewritten(path, components=[older, *rest]), trained, tmp_path)
    assert "What differs: architecture hps 0.9." in note


def test_other_data_than_the_records_is_refused(copy, trained, tmp_path):
    note = refusal(rewritten(copy("hps/mgda"), data_digest="other"), trained, tmp_path)
    assert "Data set 'digits' is not the one that the record was made on" in note


def test_damaged_weights_and_those_of_another_network_are_refused(copy, trained, tmp_path):
    path = copy("hps/mgda")
    weights = path.with_suffix(".safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    assert "are damaged" in refusal(path, trained, tmp_path)
    other = trained["single-task/digit"].with_suffix(".safetensors")
    weights.write_bytes(other.read_bytes())
    assert "are not those of the network" in refusal(path, trained, tmp_path)
