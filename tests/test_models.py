"""Records' networks back in Python: the record's very scores, and classes of installed plugins."""

from __future__ import annotations

import json
import random
import sys

import msgspec
import numpy as np
import pytest
import safetensors.torch
import torch

import benchbed
from benchbed.basics.errors import DataError, RecordError, StoreError
from benchbed.cli import main
from benchbed.contracts.derived import derive, to_toml
from benchbed.discovery.catalogue import find_protocol
from benchbed.discovery.registry import discover
from benchbed.records.record import decode_record, seal
from tests import fakes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A results folder with runs of a small protocol, one of which averages its last epochs."""
    folder = tmp_path_factory.mktemp("trained")
    mini = fakes.write_mini(folder, epochs=2, seeds=[0])
    benchbed.run(str(mini), ["hps+equal"], results=folder / "results", jobs=1)
    averaged = derive(
        find_protocol(str(mini), discover()),
        {"selection": {"rule": "mean-of-last-k", "k": 2}},
        "averaged",
    )
    (folder / "averaged.toml").write_text(to_toml(averaged))
    benchbed.run(str(folder / "averaged.toml"), ["hps+equal"], results=folder / "results", jobs=1)
    return folder


@pytest.fixture
def load(trained):
    def call(record, protocol="mini", **options):
        options.setdefault("results", trained / "results")
        return benchbed.load(record, protocol=str(trained / f"{protocol}.toml"), **options)

    return call


def records(trained, protocol="mini", method="hps/equal"):
    return sorted((trained / "results" / "runs" / protocol / "1" / method).glob("*.json"))


@pytest.mark.parametrize("method", ["hps/equal", "single-task/holes"])
def test_a_loaded_network_has_the_records_scores_to_the_bit(trained, load, method):
    (path,) = records(trained, method=method)
    record = decode_record(path.read_bytes())
    for name in (path, str(path), record.key[:8]):
        model = load(name)
        assert model.record == record
        assert model.evaluate() == record.test
    assert model.evaluate("validation") == record.validation
    assert set(model.evaluate("train")) == set(record.tasks)
    assert set(model.tasks) == set(record.tasks)
    assert not model.network.training
    with pytest.raises(DataError, match="There is no split 'tset'. Did you mean 'test'?"):
        model.evaluate("tset")


def test_predictions_are_each_tasks_own_for_one_input_and_for_a_batch(trained, load):
    (path,) = records(trained)
    model = load(path)
    split = model.session.split("test")
    batch = split.batch(np.arange(50))
    found = model.predict(batch.input)
    right = (found["holes"] == batch.targets["holes"]).float().mean()
    everything = model.session.split("test").batch(np.arange(len(split)))
    scores = (model.predict(everything.input)["holes"] == everything.targets["holes"]).float()
    assert float(scores.mean()) == pytest.approx(model.evaluate()["holes"]["accuracy"])
    assert 0 <= right <= 1
    one = model.predict(batch.input[3].numpy())
    assert one["holes"].shape == found["holes"].shape[1:]
    assert torch.equal(one["holes"], found["holes"][3])
    assert not found["holes"].requires_grad
    for wrong in (np.zeros(3), np.zeros((2, 9, 9)), 0.5):
        with pytest.raises(DataError, match="predict wants inputs of shape"):
            model.predict(wrong)


def test_a_record_that_averages_epochs_says_that_its_network_is_the_last_ones(trained, load):
    (path,) = records(trained, "averaged")
    model = load(path, "averaged")
    with pytest.warns(UserWarning, match="The record's scores are means over the last 2 epochs"):
        scores = model.evaluate()
    assert scores != model.record.test
    model.evaluate("train")  # and of no other split


def test_generators_and_switches_are_left_as_they_were(trained, load):
    (path,) = records(trained)
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    expected = torch.rand(3), random.random(), np.random.rand()
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    load(path)
    assert torch.equal(torch.rand(3), expected[0])
    assert (random.random(), np.random.rand()) == expected[1:]
    assert not torch.are_deterministic_algorithms_enabled()
    threads = torch.get_num_threads()
    load(path).evaluate()
    assert torch.get_num_threads() == threads


def test_weights_that_are_not_there_are_told_with_the_command_that_makes_them(trained, load):
    (path,) = records(trained)
    weights = path.with_suffix(".safetensors")
    content = weights.read_bytes()
    weights.unlink()
    try:
        with pytest.raises(StoreError) as caught:
            load(path)
    finally:
        weights.write_bytes(content)
    assert "This trains the run again" in str(caught.value)
    assert "benchbed run" in str(caught.value)
    assert "--seeds 0," in str(caught.value)


def test_classes_come_from_the_registry_whatever_a_record_says(trained, load, tmp_path):
    """A forged target, in a record that is sound otherwise, is never imported."""
    (path,) = records(trained)
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\n")
    sys.path.insert(0, str(tmp_path))
    try:
        record = decode_record(path.read_bytes())
        parts = [msgspec.structs.replace(c, target="evil:Evil") for c in record.components]
        forged = seal(msgspec.structs.replace(record, components=parts))
        place = tmp_path / f"{record.key}.json"
        place.write_bytes(msgspec.json.encode(forged))
        weights = place.with_suffix(".safetensors")
        weights.write_bytes(path.with_suffix(".safetensors").read_bytes())
        model = load(place)
        assert model.evaluate() == record.test
    finally:
        sys.path.remove(str(tmp_path))
    assert not (tmp_path / "owned").exists()
    assert "evil" not in sys.modules


def test_other_or_damaged_weights_are_refused(trained, load, tmp_path):
    (path,) = records(trained)
    place = tmp_path / path.name
    place.write_bytes(path.read_bytes())
    weights = place.with_suffix(".safetensors")
    weights.write_bytes(b"nothing")
    with pytest.raises(RecordError, match="are damaged"):
        load(place)
    safetensors.torch.save_file({"x": torch.zeros(1)}, weights)
    with pytest.raises(RecordError, match="not those of the network"):
        load(place)


# The command ------------------------------------------------------------------------------------


@pytest.fixture
def call(capsys, trained):
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", *map(str, arguments), "--results", str(trained / "results")])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_the_command_scores_a_record(trained, call):
    (path,) = records(trained)
    record = decode_record(path.read_bytes())
    options = ("--protocol", trained / "mini.toml")
    status, out, _ = call(record.key[:8], *options, "--json")
    assert status == 0
    assert json.loads(out)["scores"] == record.test
    assert json.loads(out)["tier"] == "reproduced"
    text = call(path, *options, "--split", "validation")[1]
    assert text.startswith(
        "hps+equal under mini@1, validation split (reproduced)\n  holes accuracy:"
    )


def test_the_command_scores_a_checkpoint_of_ones_own(trained, call, tmp_path):
    (path,) = records(trained)
    weights = path.with_suffix(".safetensors")
    options = ("hps+equal", "--protocol", trained / "mini.toml", "--json")
    status, out, _ = call(weights, *options)
    assert status == 0
    found = json.loads(out)
    assert found["tier"] == "claimed"
    assert found["scores"] == decode_record(path.read_bytes()).test
    tensors = safetensors.torch.load_file(weights)
    name = next(iter(tensors))
    altered = tmp_path / "altered.safetensors"
    safetensors.torch.save_file({**tensors, name: torch.zeros(7), "more": torch.zeros(1)}, altered)
    status, _, err = call(altered, *options)
    assert status == 2
    assert "it has more, which the network lacks" in err
    assert f"{name} is (7,), and " in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a.safetensors"], "A checkpoint needs its METHOD and --protocol."),
        (["380257", "hps"], "A record says itself which METHOD it is of"),
        (["a.safetensors", "hps", "--protocol", "digits"], "There is no file a.safetensors."),
        (["380257"], "No record in"),
    ],
)
def test_wrong_use_is_a_sentence(call, arguments, words):
    status, _, err = call(*arguments)
    assert status == 2
    assert words in err
