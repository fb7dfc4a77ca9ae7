"""What a plugin's classes may return: each breach is refused by a sentence that names them."""

import numpy as np
import pytest
import torch
from torchmetrics import MeanAbsoluteError, MeanMetric

from benchbed import Architecture, Dataset, Target, Task, Weighting
from benchbed.basics.errors import ContractError, DataError, PluginError
from benchbed.contracts.architecture import BuildContext, check_network, check_outputs
from benchbed.contracts.dataset import check_columns
from benchbed.contracts.task import check_loss, check_metrics
from benchbed.contracts.weighting import EpochInfo, WeightingContext, check_weighting, check_weights
from benchbed.discovery.loading import load, make_component
from benchbed.discovery.method import Component
from tests.toys import NormBalance, ToyAverage, ToyData, ToyNet, ToyTask

TASKS = {"a": ToyTask("a", Target("value")), "b": ToyTask("b", Target("value"))}


def refused(words, function, *arguments):
    with pytest.raises(ContractError) as error:
        function(*arguments)
    message = str(error.value)
    assert error.value.exit_code == 2
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message


def columns(**changes):
    good = {"input": np.zeros((3, 4)), "a": np.zeros(3), "b": np.zeros(3)}
    return {key: value for key, value in (good | changes).items() if value is not None}


def test_columns_of_one_length_with_all_targets_pass():
    assert check_columns(ToyData(), "train", columns(more=np.zeros(3))) is None
    assert check_columns(ToyData(), "train", ToyData().load("train", None)) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ["mapping", "'input'"]),
        ([np.zeros(3)], ["mapping", "'input'"]),
        (columns(input=None), ["mapping", "'input'"]),
        (columns(b=None), ["no column", "'b'"]),
        (columns(b=np.zeros(2)), ["one length", "'b': 2"]),
        (columns(input=np.zeros((0, 4)), a=np.zeros(0), b=np.zeros(0)), ["length above 0"]),
        (columns(a=3), ["'a'"]),
    ],
)
def test_columns_that_break_the_contract_name_class_method_and_split(given, words):
    refused(["ToyData.load('train')", *words], check_columns, ToyData(), "train", given)


def test_a_data_set_without_files_has_no_fixture_and_nothing_to_check(tmp_path):
    assert ToyData().check(None) == []
    with pytest.raises(DataError, match="ToyData needs no files"):
        ToyData().fixture(tmp_path)


def task_with(result=None, primary="mae"):
    class OddTask(ToyTask):
        def metrics(self):
            return result

    task = OddTask("a", Target("value"))
    task.primary = primary
    return task


def test_metrics_with_a_direction_and_the_primary_among_them_pass():
    metrics = {"mae": MeanAbsoluteError()}
    assert check_metrics(task_with(metrics)) is metrics


@pytest.mark.parametrize(
    ("metrics", "primary", "words"),
    [
        ({}, "mae", [".metrics()", "torchmetrics"]),
        (None, "mae", [".metrics()", "torchmetrics"]),
        ([MeanAbsoluteError()], "mae", [".metrics()", "by name"]),
        ({"mae": len}, "mae", [".metrics()", "torchmetrics"]),
        ({"mae": MeanMetric()}, "mae", [".metrics()", "'mae'", "higher_is_better"]),
        ({"mae": MeanAbsoluteError()}, "rmse", [".primary", "'rmse'", "(mae)"]),
    ],
)
def test_metrics_that_break_the_contract_name_class_and_attribute(metrics, primary, words):
    refused(["OddTask", *words], check_metrics, task_with(metrics, primary))


@pytest.mark.parametrize("weight", [3, 0, torch.tensor(3), torch.tensor(3.0)])
def test_a_loss_is_a_scalar_sum_and_a_number(weight):
    total = torch.tensor(1.5)
    assert check_loss(TASKS["a"], (total, weight)) == (total, weight)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (torch.tensor(1.0), ["pair", "Tensor"]),
        (None, ["pair", "NoneType"]),
        ((torch.tensor(1.0),), ["pair"]),
        ([torch.tensor(1.0), 1], ["pair", "list"]),
        ((1.0, 1), ["scalar sum", "float"]),
        ((torch.ones(2), 2), ["scalar sum", "(2,)"]),
        ((torch.tensor(1.0), 1.0), ["number of valid elements"]),
        ((torch.tensor(1.0), True), ["number of valid elements"]),
        ((torch.tensor(1.0), None), ["number of valid elements"]),
        ((torch.tensor(1.0), torch.ones(2)), ["scalar number", "(2,)"]),
    ],
)
def test_a_loss_that_breaks_the_contract_names_class_and_method(result, words):
    refused(["ToyTask.loss", *words], check_loss, TASKS["a"], result)


def network():
    return ToyNet(BuildContext(TASKS, ToyData.input))


def test_what_build_returns_is_an_architecture():
    made = ToyNet.build(BuildContext(TASKS, ToyData.input), width=3)
    assert check_network(made, "ToyNet") is made
    assert made.trunk[0].out_features == 3
    refused(
        ["ToyNet.build", "Architecture", "Linear"], check_network, torch.nn.Linear(1, 1), "ToyNet"
    )
    refused(["ToyNet.build", "NoneType"], check_network, None, "ToyNet")


def test_outputs_of_all_tasks_asked_for_pass_whatever_their_further_shape():
    outputs = {"a": torch.ones(5, 1), "b": torch.ones(5, 1, 7, 7), "c": None}
    assert check_outputs(network(), outputs, TASKS, 5) is outputs


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (None, ["dict of outputs"]),
        (torch.ones(5, 1), ["dict of outputs"]),
        ({"a": torch.ones(5, 1)}, ["no output", "'b'"]),
        ({"a": torch.ones(5, 1), "b": [1.0] * 5}, ["no output", "'b'"]),
        ({"a": torch.ones(4, 1), "b": torch.ones(5, 1)}, ["'a'", "(5, 1, …)", "(4, 1)"]),
        ({"a": torch.ones(5, 2), "b": torch.ones(5, 1)}, ["'a'", "(5, 1, …)", "(5, 2)"]),
        ({"a": torch.ones(5), "b": torch.ones(5, 1)}, ["'a'", "(5, 1, …)", "(5,)"]),
    ],
)
def test_outputs_that_break_the_contract_name_class_method_and_task(outputs, words):
    refused(["ToyNet.forward", *words], check_outputs, network(), outputs, TASKS, 5)


def test_a_backbone_that_the_spec_does_not_declare_is_refused():
    refused(["backbone=True"], BuildContext(TASKS, ToyData.input).backbone)


def test_an_architecture_without_forward_says_so():
    class Bare(Architecture):
        pass

    with pytest.raises(NotImplementedError, match="Bare must define forward"):
        Bare(BuildContext(TASKS, ToyData.input))(torch.ones(1, 4), ["a"])


def weighting(**members):
    return type("Odd", (Weighting,), members)


@pytest.mark.parametrize(
    "members",
    [
        {"level": "loss", "combine": lambda self, losses: 0},
        {"level": "loss", "transform": lambda self, losses: losses},
        {"level": "gramian", "weights": lambda self, gramian, losses: 0, "heads": "weighted"},
        {"level": "jacobian", "direction": lambda self, rows, losses: {}},
    ],
)
def test_a_weighting_with_the_method_of_its_level_passes(members):
    assert check_weighting(weighting(**members)) is None


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, ["Odd.level", "'loss', 'gramian' or 'jacobian'", "None"]),
        ({"level": "gradient"}, ["Odd.level", "'gradient'"]),
        ({"level": ["loss"]}, ["Odd.level"]),
        ({"level": "loss"}, ["Odd", "'loss'", "combine()"]),
        ({"level": "gramian"}, ["Odd", "'gramian'", "weights()"]),
        ({"level": "gramian", "combine": lambda self: 0}, ["Odd", "weights()"]),
        ({"level": "jacobian"}, ["Odd", "'jacobian'", "direction()"]),
        ({"level": "jacobian", "direction": len, "heads": "none"}, ["Odd.heads", "'weighted'"]),
    ],
)
def test_a_weighting_without_level_or_its_method_names_class_and_method(members, words):
    refused(words, check_weighting, weighting(**members))


def test_heads_that_a_constructor_sets_are_looked_at_too():
    def init(self, context, heads):
        Weighting.__init__(self, context)
        self.heads = heads

    cls = weighting(level="gramian", weights=lambda self, gramian, losses: 0, __init__=init)
    assert check_weighting(cls(WeightingContext(["a"]), "weighted")) is None
    refused(["Odd.heads", "'own' or 'weighted'"], check_weighting, cls(WeightingContext(["a"]), ""))


def test_own_parameters_get_what_heads_says_unless_a_strategy_says_otherwise():
    weights = torch.tensor([0.5, -2.0])
    for heads, expected in (("own", [1.0, 1.0]), ("weighted", [0.5, -2.0])):
        strategy = weighting(heads=heads)(WeightingContext(["a", "b"]))
        assert strategy.head_weights(weights).tolist() == expected


def test_a_loss_level_weighting_sums_what_transform_returns():
    cls = weighting(
        level="loss", transform=lambda self, losses: {k: 2 * v for k, v in losses.items()}
    )
    strategy = cls(WeightingContext(["a", "b"]))
    assert strategy.combine({"a": torch.tensor(1.0), "b": torch.tensor(2.0)}) == 6
    assert strategy.epoch(EpochInfo(0, 1)) is None


@pytest.mark.parametrize(
    ("method", "arguments"),
    [("transform", [{}]), ("weights", [torch.eye(2), {}]), ("direction", [{}, {}])],
)
def test_a_method_of_another_level_says_that_it_is_not_defined(method, arguments):
    strategy = weighting(level="loss")(WeightingContext(["a"]))
    with pytest.raises(NotImplementedError, match=f"Odd must define {method}"):
        getattr(strategy, method)(*arguments)


def test_finite_weights_one_a_task_pass():
    weights = torch.tensor([0.5, -0.5])
    assert check_weights(NormBalance(WeightingContext(["a", "b"])), weights, 2) is weights


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (None, ["(2,)", "NoneType"]),
        ([0.5, 0.5], ["(2,)", "list"]),
        (torch.ones(3), ["(2,)", "(3,)"]),
        (torch.ones(2, 1), ["(2,)", "(2, 1)"]),
        (torch.tensor([1.0, float("nan")]), ["not finite", "nan"]),
        (torch.tensor([1.0, float("inf")]), ["not finite", "inf"]),
    ],
)
def test_weights_that_break_the_contract_name_class_and_method(weights, words):
    strategy = NormBalance(WeightingContext(["a", "b"]))
    refused(["NormBalance.weights", *words], check_weights, strategy, weights, 2)
    refused(
        ["NormBalance.head_weights", *words], check_weights, strategy, weights, 2, "head_weights"
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_module:X", ["no_such_module:X", "ModuleNotFoundError"]),
        ("tests.toys:Missing", ["tests.toys:Missing", "AttributeError"]),
    ],
)
def test_a_target_that_cannot_be_imported_is_named_with_the_error(target, words):
    with pytest.raises(PluginError) as error:
        load(target, Weighting)
    for word in words:
        assert word in str(error.value)


def test_a_module_that_leaves_the_process_is_named_and_does_not(tmp_path, monkeypatch):
    (tmp_path / "leaving_of_contract_tests.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=r"leaving_of_contract_tests:X.*SystemExit: 3"):
        load("leaving_of_contract_tests:X", Weighting)


@pytest.mark.parametrize("target", ["tests.toys:ToyNet", "tests.toys:write_protocol"])
def test_a_target_of_another_contract_is_refused_with_the_base_class(target):
    refused([target, "benchbed.Weighting"], load, target, Weighting)
    assert load("tests.toys:ToyAverage", Weighting) is ToyAverage


def component(target, **options):
    return Component("dataset", "x", "1.0", target, options)


class Half(Dataset):
    def load(self, split, root):
        return {}


class Narrow(ToyData):
    def __init__(self, *, size=1):
        self.size = size


def test_a_class_is_made_with_the_options_of_its_spec():
    assert make_component(component(f"{__name__}:Narrow", size=3), Dataset).size == 3


def test_a_class_with_abstract_methods_left_is_refused_by_their_names():
    refused(["Half must define digest"], make_component, component(f"{__name__}:Half"), Dataset)


def test_a_class_that_does_not_take_the_options_of_its_spec_is_refused_by_their_names():
    options = component(f"{__name__}:Narrow", width=3)
    refused(["Narrow", "(width)"], make_component, options, Dataset)


def test_an_error_of_the_constructor_itself_is_not_mistaken_for_a_wrong_signature(monkeypatch):
    def fail(self, *, size=1):
        raise TypeError("inside")

    monkeypatch.setattr(Narrow, "__init__", fail)
    with pytest.raises(TypeError, match="inside"):
        make_component(component(f"{__name__}:Narrow", size=3), Dataset)


def test_a_task_predicts_its_output_by_default():
    class Plain(ToyTask):
        predict = Task.predict

    output = torch.ones(2, 1)
    assert Plain("a", Target("value")).predict(output) is output
