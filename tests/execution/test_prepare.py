"""Data is prepared once, before runs start."""

import io

import msgspec
import pytest
from rich.console import Console

from benchbed.api import execute_plan
from benchbed.basics.errors import DataError
from benchbed.discovery.catalogue import find_protocol
from benchbed.execution.plan import Settings, make_plan
from benchbed_zoo.datasets.digits import Digits


def quiet():
    return Console(file=io.StringIO())


@pytest.fixture
def digits_protocol(registry):
    return msgspec.structs.replace(find_protocol("digits", registry), epochs=1)


@pytest.fixture
def calls(monkeypatch):
    made = []

    def prepare(self, root, report):
        made.append(root)
        report(0, 2)
        report(2, 2)

    monkeypatch.setattr(Digits, "prepare", prepare)
    return made


def plan_of(registry, protocol, tmp_path):
    settings = Settings(results=tmp_path, data_root=tmp_path / "data", device="cpu")
    return make_plan(protocol, ["hps:backbone=mlp"], registry, settings, [0])


def test_data_is_prepared_before_the_runs_and_not_where_there_are_none(
    calls, digits_protocol, registry, tmp_path
):
    plan = plan_of(registry, digits_protocol, tmp_path)
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    assert execute_plan(plan, registry, jobs=2, console=console, measure=False).exit_code == 0
    assert calls == [tmp_path / "data"]
    assert "preparing digits" in console.file.getvalue()
    again = plan_of(registry, digits_protocol, tmp_path)
    execute_plan(again, registry, jobs=1, console=quiet(), measure=False)
    assert len(calls) == 1


def test_data_that_cannot_be_prepared_starts_nothing(
    monkeypatch, digits_protocol, registry, tmp_path
):
    def prepare(self, root, report):
        raise DataError("There is no data; put it there.")

    monkeypatch.setattr(Digits, "prepare", prepare)
    plan = plan_of(registry, digits_protocol, tmp_path)
    with pytest.raises(DataError, match="put it there"):
        execute_plan(plan, registry, jobs=1, console=quiet())
    assert not list(tmp_path.rglob("*.json"))
