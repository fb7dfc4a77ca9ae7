"""Several records side by side: which columns there are, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from benchbed.basics.errors import BenchbedError, ProtocolError
from benchbed.report.inspect import several_runs
from benchbed.report.inspect.predictions.predict import predict
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.records import read_record
from benchbed.report.inspect.several_runs import compare_records
from tests.report.inspect.helpers import SHORT, SINGLE, everything, is_drawn, requests_for


def test_records_of_single_tasks_share_a_column_of_their_own_predictions(
    trained, tmp_path, compared
):
    names = ["single-task/parity", "hps/mgda", "single-task/digit"]
    requests = requests_for([trained[name] for name in names], trained, tmp_path)
    done = compare_records(requests, everything())
    columns, tasks, _, title, lost = compared
    assert list(columns) == ["single-task", "hps+mgda"]
    assert list(tasks) == ["digit", "holes", "parity"]
    assert title == "digits@1 · seed 0\n2 samples of split 'test'"
    assert lost == set()
    for sample in columns["single-task"]:
        assert set(sample.predictions) == {"digit", "parity"}
    for request in requests:
        record = read_record(request.path)
        weights = request.path.with_suffix(".safetensors")
        alone = predict(rebuild(record, SHORT, everything(), weights, None), 2)
        for sample, joined in zip(alone, columns[record.method], strict=True):
            assert sample.index == joined.index
            for task in record.tasks:
                assert torch.equal(sample.predictions[task], joined.predictions[task])
                assert torch.equal(sample.targets[task], joined.targets[task])
    assert is_drawn(done.figure)
    assert done.figure.parents[1] == tmp_path / "inspect"
    assert done.notes == []


def test_seeds_are_columns_of_their_own(trained, tmp_path, compared):
    paths = [trained["toy-net/equal/1"], trained["toy-net/equal"]]
    compare_records(requests_for(paths, trained, tmp_path, "toy.toml"), everything())
    columns, _, _, title, _ = compared
    assert list(columns) == ["toy-net+equal\nseed 1", "toy-net+equal\nseed 0"]
    assert title.startswith("toy@1\n")
    first, second = columns.values()
    assert first[0].predictions["a"] != second[0].predictions["a"]


def test_records_of_two_protocols_are_not_compared(trained, tmp_path):
    requests = requests_for([trained["hps/mgda"], trained["toy-net/equal"]], trained, tmp_path)
    with pytest.raises(
        ProtocolError, match=r"under digits@1 of digest .* under toy@1 of"
    ) as caught:
        compare_records(requests, everything())
    assert caught.value.exit_code == 2


def test_a_run_given_twice_is_refused(trained, tmp_path):
    requests = requests_for([trained["single-task/digit"]] * 2, trained, tmp_path)
    with pytest.raises(BenchbedError, match=r"^single-task \(digit\), seed 0, is given twice"):
        compare_records(requests, everything())


def test_records_without_weights_are_left_out_with_one_note(copy, trained, tmp_path, compared):
    lost = [copy(name, weights=False) for name in ("hps/mgda", "single-task/holes")]
    requests = requests_for([*lost, trained["single-task/digit"]], trained, tmp_path)
    done = compare_records(requests, everything())
    columns, tasks, _, _, without = compared
    assert list(columns) == ["single-task"]
    assert list(tasks) == ["digit"]
    assert without == {("single-task", "holes")}
    assert is_drawn(done.figure)
    assert done.exit_code == 0
    (note,) = done.notes
    first, second = (path.with_suffix(".safetensors") for path in lost)
    assert note.startswith(
        f"These weights are not there: hps+mgda, seed 0 ({first}); "
        f"single-task (holes), seed 0 ({second}). This trains the runs again"
    )


@pytest.mark.parametrize(("count", "words"), [(1, "1 sample of"), (2, "2 samples of")])
def test_the_title_counts_samples(trained, tmp_path, compared, count, words):
    requests = requests_for([trained[n] for n in SINGLE], trained, tmp_path)
    requests = [dataclasses.replace(request, samples=count) for request in requests]
    compare_records(requests, everything())
    assert compared[3] == f"digits@1 · seed 0\n{words} split 'test'"


def test_shared_options_are_in_the_title_of_the_figure(trained, tmp_path, compared, monkeypatch):
    requests = requests_for([trained[n] for n in SINGLE], trained, tmp_path)
    monkeypatch.setattr(
        several_runs, "name_columns", lambda columns: ({columns[0]: "m"}, ["a=1", "b=2"])
    )
    compare_records(requests, everything())
    assert list(compared[0]) == ["m"]
    assert compared[3].endswith("\nall: a=1, b=2")
