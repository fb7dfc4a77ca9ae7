"""What the Weights & Biases logger leaves offline, read back from its own files."""

import json
import struct
import sys

import pytest

from benchbed.basics.errors import BenchbedError
from benchbed_zoo.loggers.wandb import WeightsAndBiases
from tests.zoo.loggers.runs import CURVES, OTHER, Seen, log, logged

pytestmark = pytest.mark.filterwarnings("ignore")  # of a library that is not ours


BLOCK = 32 * 1024


def records(path):
    """Yield the records of a file: blocks of pieces, each behind its checksum, length and kind."""
    content = path.read_bytes()
    whole = b""
    at = 7  # behind the file's own header
    while at < len(content):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", content, at + 4)
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:  # whole, or the last piece
            yield whole
            whole = b""


def named(items):
    """Return values by name."""
    return {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in items}


def stored(folder, run):
    """Return a run's history by epoch, its summary, its settings and how it ended."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob(f"wandb/offline-run-*-{run.key}/run-{run.key}.wandb")
    history, summary, config, code = {}, {}, {}, None
    for content in records(path):
        record = Record.FromString(content)
        if record.HasField("history"):
            history[record.history.step.num] = named(record.history.item)
        summary |= named(record.summary.update)
        config |= named(record.run.config.update)
        if record.HasField("exit"):
            code = record.exit.exit_code
    return history, summary, config, code


def test_curves_scores_and_settings_of_runs_side_by_side(tmp_path):
    log(WeightsAndBiases(tmp_path), Seen(), OTHER)
    for run in (Seen(), OTHER):
        history, summary, config, code = stored(tmp_path, run)
        for name in CURVES:
            found = {step: values[name] for step, values in history.items() if name in values}
            assert found == logged(run, name)
        assert summary["test/a/accuracy"] == 0.75
        assert config["method"] == run.method
        assert config["seed"] == run.seed
        assert code == 0


def test_without_wandb_a_sentence_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(BenchbedError, match=r"pip install 'benchbed\[wandb\]'"):
        WeightsAndBiases(tmp_path)
