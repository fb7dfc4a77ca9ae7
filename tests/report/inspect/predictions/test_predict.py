"""Predictions of a rebuilt run are those that were scored."""

from __future__ import annotations

import pytest

from benchbed.report.inspect.predictions.predict import predict
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.records import protocol_of, read_record
from tests.report.inspect.helpers import SHORT, everything


def test_predictions_are_those_of_the_scored_network(trained, tmp_path):
    """All test samples drawn from, their accuracy must be the one in the record."""
    for name in ("hps/mgda", "single-task/digit"):
        record = read_record(trained[name])
        weights = trained[name].with_suffix(".safetensors")
        samples = predict(rebuild(record, SHORT, everything(), weights, None), 10_000)
        assert [sample.index for sample in samples] == list(range(450))
        for task in record.tasks:
            right = [bool(s.predictions[task] == s.targets[task]) for s in samples]
            assert sum(right) / len(right) == pytest.approx(record.test[task]["accuracy"])


def test_samples_are_spread_evenly_over_the_split(trained):
    record, path = read_record(trained["toy-net/equal"]), trained["toy-net/equal"]
    protocol = protocol_of(record, everything(), str(path.parents[6] / "toy.toml"), path.parents[5])
    session = rebuild(record, protocol, everything(), path.with_suffix(".safetensors"), None)
    assert [sample.index for sample in predict(session, 4)] == [0, 3, 6, 9]
    assert [sample.index for sample in predict(session, 1)] == [0]
    assert len(predict(session, 99)) == 10
    assert not session.network.training
