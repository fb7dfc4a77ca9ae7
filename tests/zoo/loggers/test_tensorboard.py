"""What the TensorBoard logger writes, read by TensorBoard's own reader."""

import sys

import numpy as np
import pytest

from benchbed.basics.errors import BenchbedError
from benchbed_zoo.loggers.tensorboard import TensorBoard
from tests.zoo.loggers.runs import CURVES, EPOCHS, OTHER, TEST, Seen, log, logged


def folder_of(root, run):
    return root / "mini@1" / f"hps_backbone=mlp+dwa_T=2-seed-{run.seed}-{run.key[:8]}"


def read(root, run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder_of(root, run))).Reload()


def scalars(reader, name):
    return {event.step: event.value for event in reader.Scalars(name)}


def test_every_curve_is_a_scalar_by_epoch_and_test_scores_are_scalars(tmp_path):
    log(TensorBoard(tmp_path), Seen(), OTHER)
    for run in (Seen(), OTHER):
        reader = read(tmp_path, run)
        names = [*CURVES, *(f"test/{name}" for name in TEST)]
        assert sorted(reader.Tags()["scalars"]) == sorted(names)
        for name in CURVES:
            wanted = {step: float(np.float32(value)) for step, value in logged(run, name).items()}
            assert scalars(reader, name) == wanted
        assert scalars(reader, "test/a/accuracy") == {2: 0.75}


def sessions(root, run):
    """What the tab HPARAMS reads, by tag."""
    from tensorboard.plugins.hparams.metadata import (
        parse_session_end_info_plugin_data,
        parse_session_start_info_plugin_data,
    )

    reader = read(root, run)
    content = reader.PluginTagToContent("hparams")
    start = parse_session_start_info_plugin_data(content["_hparams_/session_start_info"])
    end = parse_session_end_info_plugin_data(content["_hparams_/session_end_info"])
    return start, end


@pytest.mark.parametrize(("status", "name"), [("ok", "SUCCESS"), ("failed", "FAILURE")])
def test_what_the_run_is_stands_in_the_hyperparameters_and_how_it_ended(tmp_path, status, name):
    from tensorboard.plugins.hparams import api_pb2

    log(TensorBoard(tmp_path), Seen(), status=status)
    start, end = sessions(tmp_path, Seen())
    assert start.hparams["method"].string_value == Seen().method
    assert start.hparams["protocol"].string_value == "mini@1"
    assert start.hparams["seed"].number_value == 0
    assert end.status == getattr(api_pb2, f"STATUS_{name}")


def test_an_epoch_is_on_disk_when_it_has_ended(tmp_path):
    logger = TensorBoard(tmp_path)
    logger.started(Seen())
    logger.epoch(Seen(), 1, EPOCHS[0])
    assert scalars(read(tmp_path, Seen()), "lr") == {1: pytest.approx(0.1)}
    logger.close()


def test_a_run_that_begins_again_replaces_its_folder(tmp_path):
    log(TensorBoard(tmp_path), Seen(), epochs=[*EPOCHS, {"stray": 1.0}])
    log(TensorBoard(tmp_path), Seen())
    assert len(list(folder_of(tmp_path, Seen()).iterdir())) == 1
    assert "stray" not in read(tmp_path, Seen()).Tags()["scalars"]


def test_without_tensorboard_a_sentence_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(BenchbedError, match=r"pip install 'benchbed\[tensorboard\]'"):
        TensorBoard(tmp_path)
