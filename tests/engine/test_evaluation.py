import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchmetrics import Metric

from benchbed.basics.errors import DataError
from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.dataset import Input, Target
from benchbed.engine.data import Split
from benchbed.engine.evaluation import Evaluator, mean_scores
from benchbed_zoo.architectures.hps import HardParameterSharing
from benchbed_zoo.backbones.mlp import Mlp
from benchbed_zoo.tasks.classification import Classification
from benchbed_zoo.tasks.regression import Regression
from tests.engine.helpers import same
from tests.toys import ToyNet, ToyTask

CPU = torch.device("cpu")
VECTOR = Input((4,))
TASKS = {
    "kind": Classification("kind", Target("class", classes=3, ignore=255)),
    "size": Regression("size", Target("value"), loss="l2"),
}


def make_network(cls=HardParameterSharing, tasks=TASKS):
    torch.manual_seed(0)
    return cls(BuildContext(tasks, VECTOR, lambda: Mlp(VECTOR, width=6)))


def make_columns(samples, seed=0):
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 3, samples)
    kind[generator.random(samples) < 0.3] = 255
    return {
        "input": generator.normal(size=(samples, 4)).astype(np.float32),
        "kind": kind,
        "size": generator.normal(size=samples).astype(np.float32),
    }


def by_numpy(network, columns):
    """Mean losses and metrics from all samples at once, in float64."""
    with torch.no_grad():
        outputs = network.eval()(torch.from_numpy(columns["input"]), list(TASKS))
    logits = outputs["kind"].double().numpy()
    values = outputs["size"].double().numpy()[:, 0]
    valid = columns["kind"] != 255
    truth = columns["kind"][valid]
    log_sums = np.log(np.exp(logits[valid]).sum(axis=1))
    entropy = log_sums - logits[valid][np.arange(len(truth)), truth]
    right = logits[valid].argmax(axis=1) == truth
    error = values - columns["size"]
    return {
        "kind/loss": entropy.sum() / len(truth),
        "kind/accuracy": right.sum() / len(truth),
        "size/loss": (error**2).mean(),
        "size/mae": np.abs(error).mean(),
        "size/rmse": np.sqrt((error**2).mean()),
    }


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(1, 30), size=st.integers(1, 33), seed=st.integers(0, 100))
def test_evaluation_equals_numpy_on_the_whole_array_for_any_batch_size(samples, size, seed):
    network, columns = make_network(), make_columns(samples, seed)
    assume((columns["kind"] != 255).any())
    split = Split(columns, {"kind": "kind", "size": "size"}, CPU)
    found = Evaluator(TASKS, size, CPU)(network, split)
    for key, expected in by_numpy(network, columns).items():
        task, name = key.split("/")
        value = found.losses[task] if name == "loss" else found.scores[task][name]
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-6), key


def test_a_second_evaluation_does_not_remember_the_first():
    network, evaluator = make_network(), Evaluator(TASKS, 4, CPU)
    splits = [
        Split(make_columns(n, seed=n), {"kind": "kind", "size": "size"}, CPU) for n in (9, 13)
    ]
    first = evaluator(network, splits[0])
    second = evaluator(network, splits[1])
    assert second == Evaluator(TASKS, 4, CPU)(network, splits[1])
    assert evaluator(network, splits[0]) == first
    assert second != first


def test_a_task_without_a_valid_target_is_refused_rather_than_scored():
    columns = make_columns(7)
    columns["kind"][:] = 255
    split = Split(columns, {"kind": "kind", "size": "size"}, CPU, name="odd")
    with pytest.raises(
        DataError, match=r"No sample of split 'odd' has a label for task 'kind', so"
    ):
        Evaluator(TASKS, 3, CPU)(make_network(), split)


TOY = {name: ToyTask(name, Target("value")) for name in "ab"}


def toy_split(samples=11):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(samples, 4)).astype(np.float32)
    return Split({"input": x, "a": x[:, 0], "b": x[:, 1]}, {"a": "a", "b": "b"}, CPU)


@pytest.mark.parametrize("training", [True, False])
def test_the_networks_mode_is_put_back(training):
    network = make_network(ToyNet, TOY).train(training)
    Evaluator(TOY, 4, CPU)(network, toy_split())
    assert all(module.training is training for module in network.modules())


def test_parameters_running_statistics_and_gradients_are_left_alone():
    network = make_network(ToyNet, TOY).train()
    network(torch.randn(8, 4), ["a", "b"])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert before["trunk.1.num_batches_tracked"] == 1
    Evaluator(TOY, 4, CPU)(network, toy_split())
    assert same(dict(network.state_dict()), before)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_no_random_number_is_drawn_and_dropout_is_off():
    network = make_network(ToyNet, TOY).train()
    state = torch.get_rng_state()
    first = Evaluator(TOY, 4, CPU)(network, toy_split())
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert Evaluator(TOY, 4, CPU)(network, toy_split()) == first


def test_mean_scores_is_the_mean_of_each_metric_over_evaluations():
    scores = [
        {"a": {"x": 1.0, "y": 2.0}, "b": {"x": 0.0}},
        {"a": {"x": 2.0, "y": 6.0}, "b": {"x": 1.0}},
        {"a": {"x": 6.0, "y": 1.0}, "b": {"x": 0.5}},
    ]
    assert mean_scores(scores) == {"a": {"x": 3.0, "y": 3.0}, "b": {"x": 0.5}}


class Hits(Metric):
    """How many samples, of one group if any, have the value asked for; counts its updates."""

    higher_is_better = True
    full_state_update = False

    def __init__(self, value, state_key=None, group=None):
        super().__init__()
        self.value, self.updates = value, 0
        self.add_state("seen", torch.zeros(4, dtype=torch.int64), dist_reduce_fx="sum")
        if state_key is not None:
            self.state_key = state_key
        if group is not None:
            self.group = group

    def update(self, prediction, target, groups=None):
        self.updates += 1
        chosen = target if groups is None else target[groups == 1]
        self.seen += torch.bincount(chosen.long(), minlength=4)

    def compute(self):
        return self.seen[self.value]


class Counting(ToyTask):
    """Counts the values 0 to 3 of its target, in many ways."""

    kind = "classification"
    primary = "ones"
    final = frozenset({"slow.1", "slow.2"})

    def __init__(self, target):
        super().__init__("a", target)
        self.made = {}

    def loss(self, output, target):
        return output.sum() * 0, len(target)

    def metrics(self):
        self.made = {
            "zeros": Hits(0, state_key="all"),
            "ones": Hits(1, state_key="all"),
            "slow.1": Hits(1),
            "twos, alone": Hits(2),
            "slow.2": Hits(2, state_key="all"),
            "ones[second]": Hits(1, group="side"),
            "twos[second]": Hits(2, group="side", state_key="all"),
        }
        return self.made


def counted(final):
    target = Target("value", groups={"side": ("first", "second")})
    task = Counting(target)
    values = np.array([0, 1, 2, 1, 1, 2, 0, 1], dtype=np.float32)
    side = np.array([0, 1, 1, 1, 0, 0, 0, 1])
    columns = {"input": np.zeros((8, 4), dtype=np.float32), "a": values, "side": side}
    split = Split(columns, {"a": "a"}, CPU, groups=["side"])
    evaluator = Evaluator({"a": task}, 3, CPU)
    network = make_network(tasks={"a": task})
    first = evaluator(network, split, final=final).scores["a"]
    assert evaluator(network, split, final=final).scores["a"] == first
    return first, task.made


QUICK = {"zeros": 2, "ones": 4, "twos, alone": 2, "ones[second]": 3, "twos[second]": 1}


def test_metrics_that_share_a_state_are_updated_once():
    scores, made = counted(final=True)
    assert scores == QUICK | {"slow.1": 4, "slow.2": 2}
    updates = {name: metric.updates for name, metric in made.items()}
    assert sum(updates[name] for name in ("zeros", "ones", "slow.2")) == 2 * 3
    assert updates["twos, alone"] == updates["ones[second]"] == updates["twos[second]"] == 6


def test_slow_metrics_are_left_out_of_every_epoch():
    assert counted(final=False)[0] == QUICK
