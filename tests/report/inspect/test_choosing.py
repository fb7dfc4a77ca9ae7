"""Samples chosen by their losses."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchbed.report.inspect.choosing import choose_samples, ranked
from benchbed.report.inspect.predictions.losses import relative_losses
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.several_runs import compare_records
from tests.report.inspect.helpers import SHORT, everything, requests_for

NAN = float("nan")


@pytest.mark.parametrize(
    ("scores", "choice", "positions"),
    [
        ([0.5, 3.0, NAN, 1.0, 3.0], "worst", [1, 4, 3]),
        ([0.5, 3.0, NAN, 1.0, 0.0], "typical", [0, 3, 4]),  # the median is 0.75
        ([NAN, 1.0], "worst", [1, 0]),
    ],
)
def test_the_worst_come_first_and_what_has_no_score_last(scores, choice, positions):
    assert ranked(np.array(scores), 3, choice) == positions


def session_of(path):
    record = read_record(path)
    return rebuild(record, SHORT, everything(), path.with_suffix(".safetensors"), None)


def test_a_samples_score_is_its_loss_over_the_mean_averaged_over_tasks(trained):
    """Held against cross-entropy by NumPy on the outputs of the whole split at once."""
    session = session_of(trained["hps/mgda"])
    split = session.split("test", [])
    batch = split.batch(np.arange(len(split)))
    outputs = session.network(batch.input, list(session.tasks))
    shares = []
    for task, output in outputs.items():
        scores = output.detach().double().numpy()
        spread = scores - scores.max(axis=1, keepdims=True)
        log = spread - np.log(np.exp(spread).sum(axis=1, keepdims=True))
        losses = -log[np.arange(len(log)), batch.targets[task].numpy()]
        shares.append(losses / losses.mean())
    assert relative_losses(session) == pytest.approx(np.mean(shares, axis=0), rel=1e-4, abs=1e-6)


def test_all_columns_show_the_samples_that_are_worst_over_the_columns(trained, tmp_path, compared):
    paths = [trained["hps/mgda"], trained["single-task/parity"]]
    requests = requests_for(paths, trained, tmp_path)
    requests = [dataclasses.replace(request, samples=4, choice="worst") for request in requests]
    mean = sum(relative_losses(session_of(path)) for path in paths) / 2
    worst = np.argsort(-mean, kind="stable")[:4].tolist()
    compare_records(requests, everything())
    columns, _, _, title, _ = compared
    for samples in columns.values():
        assert [sample.index for sample in samples] == worst
    assert title.endswith("\n4 samples of split 'test' with the highest losses")


def test_positions_that_were_given_stay(trained, tmp_path):
    (request,) = requests_for([trained["hps/mgda"]], trained, tmp_path)
    record = read_record(request.path)
    for samples, choice in (([3, 1], "worst"), (2, "spread")):
        asked = dataclasses.replace(request, samples=samples, choice=choice)
        assert choose_samples([record], everything(), [asked]) == [asked]
