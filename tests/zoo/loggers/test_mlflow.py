"""What the MLflow logger leaves in its file, read back by MLflow."""

import sys

import pytest

from benchbed.basics.errors import BenchbedError
from benchbed_zoo.loggers.mlflow import KEY, MLflow
from tests.zoo.loggers.runs import CURVES, OTHER, Seen, log, logged

pytestmark = pytest.mark.filterwarnings("ignore")  # of a library that is not ours


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def client_of(folder):
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{folder}/mlflow.db")


def runs_of(folder, run):
    client = client_of(folder)
    experiment = client.get_experiment_by_name(run.protocol_id).experiment_id
    return client.search_runs([experiment], f"tags.`{KEY}` = '{run.key}'")


def history(folder, run_id, name):
    return {m.step: m.value for m in client_of(folder).get_metric_history(run_id, name)}


def test_curves_scores_and_settings_of_runs_side_by_side(tmp_path):
    log(MLflow(tmp_path), Seen(), OTHER)
    for run in (Seen(), OTHER):
        (found,) = runs_of(tmp_path, run)
        for name in CURVES:
            assert history(tmp_path, found.info.run_id, name) == logged(run, name)
        assert found.data.metrics["test/a/accuracy"] == 0.75
        assert found.data.params["method"] == run.method
        assert found.info.status == "FINISHED"
        assert found.info.run_name == run.label


def test_a_try_that_never_ended_gives_way_to_the_next_and_one_that_did_stays(tmp_path):
    MLflow(tmp_path).started(Seen())
    log(MLflow(tmp_path), Seen(), status="failed")
    assert [run.info.status for run in runs_of(tmp_path, Seen())] == ["FAILED"]
    log(MLflow(tmp_path), Seen())
    assert sorted(run.info.status for run in runs_of(tmp_path, Seen())) == ["FAILED", "FINISHED"]


def test_names_that_mlflow_refuses_are_written_in_its_letters(tmp_path):
    log(MLflow(tmp_path), Seen(), epochs=[{"validation/a/δ<1.25": 0.5}])
    (found,) = runs_of(tmp_path, Seen())
    assert found.data.metrics["validation/a/__1.25"] == 0.5


def test_another_place_is_taken_from_the_environment(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{elsewhere}/mlflow.db")
    log(MLflow(tmp_path / "own"), Seen())
    assert len(runs_of(elsewhere, Seen())) == 1
    assert not (tmp_path / "own").exists()


def test_without_mlflow_a_sentence_names_the_extra(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(BenchbedError, match=r"pip install 'benchbed\[mlflow\]'"):
        MLflow(tmp_path)
