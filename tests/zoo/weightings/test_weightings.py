"""What holds for all first-party strategies, besides the conformance kit."""

import pytest
import torch

from benchbed import EpochInfo, WeightingContext
from benchbed.contracts.weighting import Weighting, check_weighting
from benchbed.discovery.loading import load
from benchbed.discovery.method import resolve_weighting
from benchbed.engine.strategy import build_strategy
from tests.zoo.weightings.checks import ZOO

SPECS = {entry.spec.id: entry.spec for entry in ZOO.of_kind("weighting")}
ADDITIVE = [name for name, spec in SPECS.items() if "additive" in spec.traits]


@pytest.mark.parametrize("name", SPECS)
def test_every_weighting_keeps_its_contract_and_names_its_source(name):
    cls = load(SPECS[name].target, Weighting)
    check_weighting(cls)
    assert cls.__doc__
    assert SPECS[name].citation or name in {"equal", "fixed"}


@pytest.mark.parametrize("name", ADDITIVE)
def test_permuting_the_tasks_permutes_the_terms(name):
    values = {"a": 1.0, "b": 2.0, "c": 5.0}
    history = {"a": [4.0, 2.0], "b": [3.0, 2.9], "c": [1.0, 1.5]}

    def terms(order):
        context = WeightingContext(tuple(order), frozenset("b"))
        strategy = build_strategy(resolve_weighting(name, ZOO, order), context).last
        past = {task: history[task] for task in order}
        strategy.epoch(EpochInfo(2, 9, past, past))
        found = strategy.transform({task: torch.tensor(values[task]) for task in order})
        return {task: float(found[task].detach()) for task in "abc"}

    assert terms("cab") == pytest.approx(terms("abc"), rel=1e-6)
