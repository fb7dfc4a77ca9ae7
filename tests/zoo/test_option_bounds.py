"""Every numeric option of the zoo states its bounds, keeps to them, and works at them."""

import json
import math
from pathlib import Path

import pytest
import torch

from benchbed import Input, Target
from benchbed.basics.errors import MethodError
from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.backbone import Backbone
from benchbed.contracts.task import check_metrics
from benchbed.discovery.loading import load, make_component
from benchbed.discovery.method import Component, resolve_method
from benchbed.discovery.registry import discover
from benchbed.discovery.spec import KINDS, show_value
from benchbed.testing import DatasetContract, TransformContract, WeightingContract
from benchbed.testing.samples import SampleTask

ZOO = discover({"BENCHBED_PLUGINS": "zoo"})
WITHOUT_LEAST = {
    ("weighting", "famo", "task"): "the least value that a task's loss can take is any number",
}
"""The options that have none, with the reason."""
ORDERED = [("scale_low", "scale_high"), ("lowest", "highest")]
"""Options of which the first must not be above the second, so that both are moved to a bound."""


def numeric_options():
    """(kind, component, option's name, Option) of all that are numbers, choices apart."""
    for kind in KINDS:
        for entry in ZOO.of_kind(kind):
            for name, option in entry.spec.options.items():
                if option.type in (int, float) and not option.choices:
                    yield kind, entry.spec.id, name, option


NUMBERS = list(numeric_options())
BOUNDED = [case for case in NUMBERS if case[:3] not in WITHOUT_LEAST]
every_number = pytest.mark.parametrize(("kind", "id", "name", "option"), NUMBERS)
every_bounded = pytest.mark.parametrize(("kind", "id", "name", "option"), BOUNDED)


def extremes(option):
    """The least value allowed and, where there is one, the largest."""
    return [option.type(x) for x in (option.minimum, option.maximum) if math.isfinite(x)]


def beyond(option):
    """The nearest values of the option's type that are out of bounds."""
    if option.type is int:
        below, above = int(option.minimum) - 1, option.maximum + 1
    else:
        below = math.nextafter(option.minimum, -math.inf)
        above = math.nextafter(option.maximum, math.inf)
    return [below, option.type(above)] if math.isfinite(above) else [below]


def given_as(name, option, value):
    """The option as it is given; one that is per task, for the task ``a``."""
    pair = next((pair for pair in ORDERED if name in pair), (name,))
    return {"a": value} if option.per_task else dict.fromkeys(pair, value)


def test_the_zoo_has_numeric_options_of_all_these_kinds():
    kinds = {kind for kind, *_ in NUMBERS}
    assert kinds == {"architecture", "backbone", "task", "dataset", "weighting", "transform"}


@every_number
def test_a_numeric_option_has_a_least_value_or_a_reason(kind, id, name, option):
    assert math.isfinite(option.minimum) or WITHOUT_LEAST[kind, id, name]


def test_reasons_are_of_options_that_need_them():
    bounds = {(kind, id, name): option.minimum for kind, id, name, option in NUMBERS}
    assert [bounds[place] for place in WITHOUT_LEAST] == [-math.inf] * len(WITHOUT_LEAST)


@every_bounded
def test_values_beyond_the_bounds_are_refused_by_a_sentence(kind, id, name, option):
    spec = ZOO.get(kind, id).spec
    for value in extremes(option):
        spec.resolve(given_as(name, option, value), ["a", "b"])
    for value in beyond(option):
        given = "a" if option.per_task else name
        with pytest.raises(MethodError) as error:
            spec.resolve({given: show_value(value)}, ["a", "b"])
        message = str(error.value)
        assert message.startswith(f"{id}: option '{given}' must be at ")
        assert message.endswith(f"'{show_value(value)}' is not.")


def committed_options():
    """(kind, component, options) of all that committed records were made with, each once."""
    results = Path(__file__).parents[2] / "results"
    for path in results.glob("*/runs/**/*.json"):
        for found in json.loads(path.read_text("utf-8"))["components"]:
            yield found["kind"], found["id"], json.dumps(found["options"])


def test_committed_records_keep_their_options_so_that_their_run_keys_stay():
    """Nothing that they use is out of bounds, and no option has joined them."""
    components = set(committed_options())
    assert {kind for kind, *_ in components} >= {"architecture", "backbone", "task", "weighting"}
    for kind, id, options in components:
        given = json.loads(options)
        assert ZOO.get(kind, id).spec.resolve(given) == given


def at_bounds(kind):
    """Parametrise by the components of a kind, with each option at each of its bounds."""
    cases = [
        pytest.param(id, given_as(name, option, value), id=f"{id}-{name}-{show_value(value)}")
        for found, id, name, option in NUMBERS
        for value in extremes(option)
        if found == kind
    ]
    return pytest.mark.parametrize(("id", "given"), cases)


def component(kind, id, given):
    spec = ZOO.get(kind, id).spec
    return Component(kind, id, spec.version, spec.target, spec.resolve(given, ["a", "b", "c"]))


@at_bounds("weighting")
def test_a_strategy_decides_with_an_option_at_its_bound(id, given):
    """Its weights are finite for random gradients over some epochs: ``respond`` looks at that."""
    torch.manual_seed(0)
    contract = type("Probe", (WeightingContract,), {"id": id})()
    weighting = contract.construct(given)
    assert list(contract.responses(weighting, [weighting.context.tasks] * 2))


def on_meta(make):
    """What a function makes, without memory for its parameters."""
    with torch.device("meta"):
        return make()


@at_bounds("backbone")
def test_a_backbone_is_made_with_an_option_at_its_bound(id, given):
    made = component("backbone", id, given)
    backbone = on_meta(lambda: make_component(made, Backbone, Input((3, 32, 32))))
    assert all(parameter.numel() for parameter in backbone.parameters())


@at_bounds("architecture")
def test_an_architecture_is_made_with_an_option_at_its_bound(id, given):
    target = Target("class", (32, 32), classes=5)
    backbone = component("backbone", "conv-small", {})
    image = Input((3, 32, 32))
    tasks = {name: SampleTask(name, target) for name in "ab"}
    context = BuildContext(tasks, image, lambda: make_component(backbone, Backbone, image))
    made = component("architecture", id, {"backbone": "conv-small", **given})
    cls = load(made.target, torch.nn.Module)
    network = on_meta(lambda: cls.build(context, **made.options))
    assert all(parameter.numel() for parameter in network.parameters())


@at_bounds("task")
def test_a_task_is_made_with_an_option_at_its_bound(id, given):
    made = component("task", id, given)
    task = make_component(made, object, "t", Target("class", (6, 8), classes=2, names=("a", "b")))
    assert check_metrics(task)


@at_bounds("dataset")
def test_a_data_set_is_made_with_an_option_at_its_bound(id, given):
    contract = type("Probe", (DatasetContract,), {"id": id})()
    assert contract.construct(given).targets


@at_bounds("transform")
def test_a_transform_works_with_an_option_at_its_bound(id, given):
    contract = type("Probe", (TransformContract,), {"id": id, "targets": MAPS})()
    contract.exercise(given)


MAPS = {
    "seg": Target("class", (32, 32), classes=5, ignore=255),
    "depth": Target("value", (32, 32)),
}


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("hps+dwa:T=-1", "dwa: option 'T' must be at least 1e-06, and '-1' is not."),
        ("hps+dwa:T=0", "dwa: option 'T' must be at least 1e-06, and '0' is not."),
        ("hps:backbone.width=0", "conv-small: option 'width' must be at least 1 and at most 4096"),
        ("hps+fixed:a=-1", "fixed: option 'a' must be at least 0 and at most 1e+06"),
        ("hps+uncertainty:init=200", "uncertainty: option 'init' must be at least -80 and at most"),
    ],
)
def test_a_method_out_of_bounds_is_refused_before_anything_is_trained(method, sentence):
    with pytest.raises(MethodError) as error:
        resolve_method(method, ZOO, ["a", "b"])
    assert sentence in str(error.value)
