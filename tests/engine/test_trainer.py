import math

import msgspec
import numpy as np
import pytest
import torch

from benchbed.basics.errors import ContractError, NonFiniteLossError, ProtocolError
from benchbed.contracts.protocol import Optimizer, Schedule, Selection
from benchbed.contracts.transform import Batch
from benchbed.engine.evaluation import Evaluation, Evaluator, mean_scores
from benchbed.engine.updates import Stepped
from tests.engine import helpers
from tests.engine.helpers import (
    METHODS,
    make_job,
    make_jobs,
    make_trainer,
    same,
    scored,
    train,
    with_gaps,
)

SELECTIONS = {
    "last": Selection("last"),
    "best loss": Selection("best-validation"),
    "best metric": Selection("best-validation", "b/mae"),
    "mean of last 2": Selection("mean-of-last-k", k=2),
}


@pytest.fixture
def registry(registry):
    registry.add_plugin(helpers, "helpers", "helpers", "1.0")
    return registry


def replaced(protocol, **changes):
    return msgspec.structs.replace(protocol, **changes)


def results(outcome):
    """All of an outcome but the clock's part."""
    progress = outcome.progress
    return {
        "test": outcome.test,
        "validation": outcome.validation,
        "selected": outcome.selected_epoch,
        "weights": outcome.weights,
        "curves": progress.curves,
        "counts": [progress.epoch, progress.step, progress.samples],
    }


class Stopped(Exception):
    pass


def stop_after(epoch):
    def on_epoch(done, _values):
        if done == epoch:
            raise Stopped

    return on_epoch


# --- determinism


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_run_to_the_bit(toy_protocol, registry, method):
    job = make_job(toy_protocol, registry, method)
    assert same(results(train(job)), results(train(job)))


def test_another_seed_gives_other_weights_curves_and_metrics(toy_protocol, registry):
    one, other = (results(train(make_job(toy_protocol, registry, seed=s))) for s in (0, 1))
    assert not same(one["weights"], other["weights"])
    assert one["curves"]["train/a/loss"] != other["curves"]["train/a/loss"]
    assert one["test"] != other["test"]


def test_training_learns_something(toy_protocol, registry):
    protocol = replaced(toy_protocol, epochs=30)
    curves = train(make_job(protocol, registry)).progress.curves
    for task in "ab":
        losses = curves[f"validation/{task}/loss"]
        assert losses[-1] < 0.7 * losses[0]


def batches_seen(job):
    trainer = make_trainer(job)
    seen = []
    update = trainer.update

    def noting(group, **options):
        (batch,) = group
        targets = {task: target.clone() for task, target in batch.targets.items()}
        seen.append((batch.input.clone(), targets))
        return update(group, **options)

    trainer.update = noting
    trainer.run()
    return seen


@pytest.mark.parametrize("method", METHODS[1:])
def test_every_method_sees_the_same_batches_in_the_same_order(toy_protocol, registry, method):
    first = batches_seen(make_job(toy_protocol, registry, METHODS[0]))
    assert same(first, batches_seen(make_job(toy_protocol, registry, method)))


def test_another_seed_sees_the_batches_in_another_order(toy_protocol, registry):
    first, other = (batches_seen(make_job(toy_protocol, registry, seed=s)) for s in (0, 1))
    assert not same(first[0][0], other[0][0])


# --- resuming


@pytest.mark.parametrize("method", METHODS)
def test_a_run_stopped_after_any_epoch_goes_on_as_if_it_had_not_been(
    toy_protocol, registry, tmp_path, method
):
    job = make_job(toy_protocol, registry, method)
    expected = results(train(job))
    for epoch in range(1, toy_protocol.epochs + 1):
        path = tmp_path / f"{epoch}.pt"
        with pytest.raises(Stopped):
            make_trainer(job, path).run(stop_after(epoch))
        going_on = make_trainer(job, path, seed=999)  # the checkpoint alone must decide
        epochs = []
        found = results(going_on.run(lambda done, _, epochs=epochs: epochs.append(done)))
        assert same(found, expected), epoch
        assert epochs[0] == min(epoch + 1, toy_protocol.epochs)  # it did go on from there


@pytest.mark.parametrize("selection", SELECTIONS.values(), ids=SELECTIONS)
def test_a_stopped_run_selects_the_same_epoch_under_every_rule(
    toy_protocol, registry, tmp_path, selection
):
    protocol = replaced(
        toy_protocol,
        selection=selection,
        epochs=6,
        schedule=Schedule("cosine", per="step"),
        optimizer=Optimizer("sgd", lr=0.2, momentum=0.9),
    )
    job = make_job(protocol, registry, "toy-net+uncertainty")
    expected = results(train(job))
    for epoch in range(1, 7):
        path = tmp_path / f"{epoch}.pt"
        with pytest.raises(Stopped):
            make_trainer(job, path).run(stop_after(epoch))
        assert same(results(make_trainer(job, path, seed=999).run()), expected), epoch


@pytest.mark.parametrize("method", ["toy-net+pcgrad", "toy-net+toy-average", "toy-net+dwa"])
def test_a_run_killed_in_the_middle_of_an_epoch_repeats_that_epoch_to_the_bit(
    toy_protocol, registry, tmp_path, method
):
    job = make_job(toy_protocol, registry, method)
    expected = results(train(job))
    for steps in range(1, 4 * toy_protocol.epochs, 3):
        path = tmp_path / f"{steps}.pt"
        trainer = make_trainer(job, path)
        update = trainer.update

        def dying(group, trainer=trainer, update=update, steps=steps, **options):
            if trainer.progress.step == steps:
                raise Stopped
            return update(group, **options)

        trainer.update = dying
        with pytest.raises(Stopped):
            trainer.run()
        assert same(results(make_trainer(job, path).run()), expected), steps


def test_stopping_again_and_again_changes_nothing(toy_protocol, registry, tmp_path):
    job = make_job(toy_protocol, registry, "toy-net+dwa")
    expected = results(train(job))
    path = tmp_path / "run.pt"
    for epoch in range(1, toy_protocol.epochs):
        seed = None if epoch == 1 else 100 + epoch  # from the second on the checkpoint decides
        with pytest.raises(Stopped):
            make_trainer(job, path, seed).run(stop_after(epoch))
    assert same(results(make_trainer(job, path, seed=99).run()), expected)


def test_writing_checkpoints_does_not_change_the_run(toy_protocol, registry, tmp_path):
    job = make_job(toy_protocol, registry, "toy-net+pcgrad")
    assert same(results(train(job, tmp_path / "run.pt")), results(train(job)))


@pytest.mark.parametrize("kind", ["garbage", "cut short", "another run's", "empty"])
def test_a_checkpoint_that_cannot_be_used_means_starting_from_the_beginning(
    toy_protocol, registry, tmp_path, kind
):
    job = make_job(toy_protocol, registry)
    path = tmp_path / "run.pt"
    source = make_job(toy_protocol, registry, seed=1) if kind == "another run's" else job
    with pytest.raises(Stopped):
        make_trainer(source, path).run(stop_after(2))
    content = path.read_bytes()
    damaged = {"garbage": b"no checkpoint", "cut short": content[: len(content) // 2], "empty": b""}
    path.write_bytes(damaged.get(kind, content))
    epochs = []
    found = make_trainer(job, path).run(lambda done, _: epochs.append(done))
    assert epochs == [1, 2, 3, 4]
    assert same(results(found), results(train(job)))


# --- selection


def epoch_by_epoch(protocol, registry, method="toy-net+equal"):
    """Train under the rule 'last', scoring the network on both splits after each epoch."""
    trainer = make_trainer(make_job(protocol, registry, method))
    session = trainer.session
    evaluator = Evaluator(session.tasks, 3, session.device)
    found = []

    def on_epoch(_done, _values):
        state = {n: v.clone() for n, v in session.network.state_dict().items()}
        scores = {
            name: evaluator(session.network, session.split(name)) for name in ("validation", "test")
        }
        found.append((state, scores["validation"], scores["test"]))

    outcome = trainer.run(on_epoch)
    return found, outcome


def near(found, expected):
    return {t: pytest.approx(values, rel=1e-5) for t, values in expected.items()} == found


UNSTEADY = {"epochs": 8, "optimizer": Optimizer("sgd", lr=0.45)}
"""A learning rate so high that the best epoch is not the last."""


def test_last_takes_the_last_epoch(toy_protocol, registry):
    protocol = replaced(toy_protocol, **UNSTEADY)
    epochs, outcome = epoch_by_epoch(protocol, registry)
    assert outcome.selected_epoch == 8
    assert same(outcome.weights, epochs[-1][0])
    assert near(outcome.test, epochs[-1][2].scores)
    assert near(outcome.validation, epochs[-1][1].scores)


def test_best_validation_takes_the_epoch_with_the_least_sum_of_losses(toy_protocol, registry):
    protocol = replaced(toy_protocol, **UNSTEADY)
    epochs, last = epoch_by_epoch(protocol, registry)
    curves = last.progress.curves
    sums = [
        a + b for a, b in zip(curves["validation/a/loss"], curves["validation/b/loss"], strict=True)
    ]
    best = sums.index(min(sums))
    assert best < 7
    outcome = train(make_job(replaced(protocol, selection=SELECTIONS["best loss"]), registry))
    assert outcome.progress.curves == curves
    assert outcome.selected_epoch == best + 1
    assert same(outcome.weights, epochs[best][0])
    assert near(outcome.test, epochs[best][2].scores)
    assert near(outcome.validation, epochs[best][1].scores)


@pytest.mark.parametrize(
    ("criterion", "pick"), [("a/mae", min), ("b/mae", min), ("a/r2", max), ("b/r2", max)]
)
def test_best_validation_takes_the_best_of_a_metric_in_its_own_direction(
    toy_protocol, registry, criterion, pick
):
    protocol = scored(replaced(toy_protocol, **UNSTEADY))
    epochs, last = epoch_by_epoch(protocol, registry)
    curve = last.progress.curves[f"validation/{criterion}"]
    assert min(curve) < max(curve)
    best = curve.index(pick(curve))
    selection = Selection("best-validation", criterion)
    outcome = train(make_job(replaced(protocol, selection=selection), registry))
    assert outcome.selected_epoch == best + 1
    assert same(outcome.weights, epochs[best][0])
    assert near(outcome.test, epochs[best][2].scores)


def test_paper_selection_takes_the_epoch_that_is_best_on_the_test_split(toy_protocol, registry):
    data = msgspec.structs.replace(toy_protocol.data, validation="test")
    protocol = scored(replaced(toy_protocol, **UNSTEADY, data=data))
    epochs, last = epoch_by_epoch(protocol, registry)
    curve = last.progress.curves["validation/a/mae"]
    best = curve.index(min(curve))
    selection = Selection("paper-selection", "a/mae")
    outcome = train(make_job(replaced(protocol, selection=selection), registry))
    assert outcome.selected_epoch == best + 1
    assert near(outcome.test, epochs[best][2].scores)
    assert outcome.test["a"]["mae"] == pytest.approx(min(curve))


@pytest.mark.parametrize("k", [1, 3, 8])
def test_mean_of_last_k_averages_the_metrics_of_the_last_k_epochs(toy_protocol, registry, k):
    protocol = replaced(toy_protocol, **UNSTEADY)
    epochs, _ = epoch_by_epoch(protocol, registry)
    selection = Selection("mean-of-last-k", k=k)
    outcome = train(make_job(replaced(protocol, selection=selection), registry))
    assert near(outcome.test, mean_scores([test.scores for _, _, test in epochs[-k:]]))
    assert near(outcome.validation, mean_scores([val.scores for _, val, _ in epochs[-k:]]))
    assert outcome.selected_epoch == 8
    assert same(outcome.weights, epochs[-1][0])
    assert len(outcome.progress.selected.tests) == k


def test_another_tasks_criterion_means_the_own_primary_metric_in_a_single_task_run(
    toy_protocol, registry
):
    protocol = scored(
        replaced(toy_protocol, **UNSTEADY, selection=Selection("best-validation", "b/r2"))
    )
    jobs = {job.tasks[0]: job for job in make_jobs(protocol, registry, "toy-single")}
    outcome = train(jobs["a"])
    curve = outcome.progress.curves["validation/a/mae"]
    assert outcome.selected_epoch == curve.index(min(curve)) + 1
    outcome = train(jobs["b"])
    curve = outcome.progress.curves["validation/b/r2"]
    assert outcome.selected_epoch == curve.index(max(curve)) + 1


class Scripted:
    """Gives validation losses as written down; everything else as the evaluator would."""

    def __init__(self, evaluator, values):
        self.evaluator, self.values = evaluator, list(values)

    def __call__(self, network, split, final=False):
        found = self.evaluator(network, split, final=final)
        if not self.values:
            return found
        value = self.values.pop(0)
        return Evaluation({"a": value, "b": 0.0}, found.scores)


@pytest.mark.parametrize(
    ("losses", "selected"),
    [
        ([3.0, 2.0, 2.0, 2.5], 2),  # the first of equals
        ([math.nan, 5.0, 4.0, math.nan], 3),  # NaN never wins
        ([math.nan] * 4, 1),
        ([math.inf, 1.0, math.inf, 2.0], 2),
        ([1.0, 2.0, 3.0, 4.0], 1),
        ([4.0, 3.0, 2.0, 1.0], 4),
    ],
)
def test_best_validation_on_curves_written_down(toy_protocol, registry, losses, selected):
    protocol = replaced(toy_protocol, selection=SELECTIONS["best loss"])
    trainer = make_trainer(make_job(protocol, registry))
    trainer.evaluator = Scripted(trainer.evaluator, losses)
    states = []
    network = trainer.session.network
    outcome = trainer.run(
        lambda *_: states.append({n: v.clone() for n, v in network.state_dict().items()})
    )
    assert outcome.selected_epoch == selected
    assert same(outcome.weights, states[selected - 1])
    expected = [value if math.isfinite(value) else None for value in losses]
    assert outcome.progress.curves["validation/a/loss"] == expected


def test_a_criterion_that_the_task_lacks_is_refused_with_those_it_has(toy_protocol, registry):
    protocol = replaced(toy_protocol, selection=Selection("best-validation", "a/accuracy"))
    with pytest.raises(ContractError, match="metric 'accuracy', which task 'a' lacks; it has mae"):
        train(make_job(protocol, registry))


# --- losses


def test_a_loss_that_explodes_ends_the_run_with_its_epoch_and_step(toy_protocol, registry):
    protocol = replaced(toy_protocol, optimizer=Optimizer("sgd", lr=1e30))
    expected = r"task 'a' became (inf|nan) in epoch 1, optimiser step 2; lower the learning rate"
    with pytest.raises(NonFiniteLossError, match=expected):
        train(make_job(protocol, registry))


def test_the_step_of_an_explosion_is_counted_over_epochs(toy_protocol, registry):
    trainer = make_trainer(make_job(toy_protocol, registry))
    task = trainer.session.tasks["b"]
    loss = task.loss

    def exploding(output, target):
        total, count = loss(output, target)
        return (total * math.nan if trainer.progress.step == 9 else total), count

    task.loss = exploding
    with pytest.raises(
        NonFiniteLossError, match="task 'b' became nan in epoch 3, optimiser step 10"
    ):
        trainer.run()


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_without_a_valid_target_of_a_task_makes_no_nan(toy_protocol, registry, method):
    outcome = train(make_job(with_gaps(toy_protocol), registry, method))
    assert all(value is not None for curve in outcome.progress.curves.values() for value in curve)
    assert all(bool(torch.isfinite(value).all()) for value in outcome.weights.values())


@pytest.mark.parametrize("method", METHODS)
def test_a_step_without_valid_targets_of_a_task_leaves_its_head_and_weighting_alone(
    toy_protocol, registry, method
):
    trainer = make_trainer(make_job(toy_protocol, registry, method))
    session = trainer.session

    def of_b():
        parts = [("head", session.network.heads["b"]), ("weighting", session.strategy)]
        return {
            f"{part}.{name}": value.detach().clone()
            for part, module in parts
            for name, value in module.named_parameters()
            if part == "head" or name.endswith(".b")
        }

    x = torch.randn(8, 4)
    trainer.update(
        [Batch(x, {"a": x[:, 0], "b": x[:, 1]})]
    )  # so that the optimiser has a memory of both
    before = of_b()
    trunk = session.network.trunk[0].weight.detach().clone()
    trainer.update([Batch(x, {"a": x[:, 0], "b": torch.full((8,), math.nan)})])
    assert same(of_b(), before)
    assert not torch.equal(session.network.trunk[0].weight, trunk)


def test_a_batch_without_any_valid_target_changes_no_parameter(toy_protocol, registry):
    trainer = make_trainer(make_job(toy_protocol, registry, "toy-net+mgda"))
    before = {n: p.detach().clone() for n, p in trainer.session.network.named_parameters()}
    nothing = torch.full((8,), math.nan)
    trainer.update([Batch(torch.randn(8, 4), {"a": nothing, "b": nothing})])
    after = {n: p.detach() for n, p in trainer.session.network.named_parameters()}
    assert same(after, before)


def totals_seen(trainer):
    """Run, and return each step's summed losses and counts, an epoch a list."""
    steps = []
    update = trainer.update

    def noting(group, **options):
        stepped = update(group, **options)
        totals, counts = stepped.totals, stepped.counts
        steps.append({n: (float(totals[n]), int(counts[n])) for n in totals})
        return stepped

    trainer.update = noting
    outcome = trainer.run()
    return [steps[i : i + trainer.steps] for i in range(0, len(steps), trainer.steps)], outcome


@pytest.mark.parametrize("gaps", [False, True])
def test_an_epochs_training_loss_is_the_mean_over_its_valid_targets(toy_protocol, registry, gaps):
    protocol = with_gaps(toy_protocol) if gaps else toy_protocol
    epochs, outcome = totals_seen(make_trainer(make_job(protocol, registry)))
    expected_counts = {"a": 20, "b": 3} if gaps else {"a": 30, "b": 30}
    for task, expected_count in expected_counts.items():
        for epoch, steps in enumerate(epochs):
            count = sum(step[task][1] for step in steps)
            assert count == expected_count
            expected = math.fsum(step[task][0] for step in steps) / count
            found = outcome.progress.curves[f"train/{task}/loss"][epoch]
            assert found == pytest.approx(expected, rel=1e-6)


def test_an_epochs_training_loss_stays_exact_over_many_batches(toy_protocol, registry):
    """Float32 stands still at 2²⁴: a sum of many batches must not be kept in it."""
    trainer = make_trainer(make_job(replaced(toy_protocol, epochs=1), registry))
    large = [2.0**24, 1.0, 1.0, 1.0]

    def update(group, **options):
        value = torch.tensor(large.pop(0))
        return Stepped({"a": value, "b": value}, {"a": 1, "b": 1})

    trainer.update = update
    outcome = trainer.run()
    assert outcome.progress.curves["train/a/loss"] == [(2**24 + 3) / 4]


def test_a_network_handed_over_in_evaluation_mode_is_trained_in_training_mode(
    toy_protocol, registry
):
    job = make_job(toy_protocol, registry)
    trainer = make_trainer(job)
    trainer.session.network.eval()
    assert same(results(trainer.run()), results(train(job)))


# --- budget, curves, schedule


@pytest.mark.parametrize(("drop_last", "steps", "samples"), [(False, 4, 30), (True, 3, 24)])
def test_steps_and_samples_are_counted_with_and_without_the_last_batch(
    toy_protocol, registry, drop_last, steps, samples
):
    protocol = replaced(toy_protocol, drop_last=drop_last)
    job = make_job(protocol, registry)
    progress = train(job).progress
    assert (progress.epoch, progress.step, progress.samples) == (4, 4 * steps, 4 * samples)
    assert [len(x) for x, _ in batches_seen(job)] == ([8, 8, 8] + [6] * (not drop_last)) * 4


def test_a_batch_larger_than_the_data_with_drop_last_is_refused(toy_protocol, registry):
    protocol = replaced(toy_protocol, batch_size=31, drop_last=True)
    with pytest.raises(
        ProtocolError, match="'batch_size' is 31, and split 'train' .* has 30 samples"
    ):
        make_job(protocol, registry)
    # a data set that cannot tell its length at once is known when it is loaded
    job = msgspec.structs.replace(make_job(toy_protocol, registry), protocol=protocol)
    expected = r"toy@1: its batch size 31 .* is larger than the training split \(30 samples\)"
    with pytest.raises(ContractError, match=expected):
        make_trainer(job)


def test_every_curve_has_one_value_an_epoch(toy_protocol, registry):
    curves = train(make_job(toy_protocol, registry, "toy-net+mgda")).progress.curves
    expected = {f"{split}/{task}/loss" for split in ("train", "validation") for task in "ab"}
    expected |= {"validation/a/mae", "validation/b/mae", "weight/a", "weight/b", "lr"}
    assert set(curves) == expected
    assert {len(curve) for curve in curves.values()} == {4}


def test_on_epoch_is_told_what_the_curves_hold(toy_protocol, registry):
    told = []
    outcome = make_trainer(make_job(toy_protocol, registry)).run(lambda *args: told.append(args))
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4]
    for name, curve in outcome.progress.curves.items():
        assert [values[name] for _, values in told] == curve


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_each_step_is_made_at_the_schedules_learning_rate(toy_protocol, registry, per):
    schedule = Schedule("poly", per=per, power=1.0)
    protocol = replaced(toy_protocol, schedule=schedule)
    trainer = make_trainer(make_job(protocol, registry, "toy-net+uncertainty"))
    rates = []
    optimizer_step = trainer.optimizer.step

    def noting(*args, **kwargs):
        rates.append([group["lr"] for group in trainer.optimizer.param_groups])
        return optimizer_step(*args, **kwargs)

    trainer.optimizer.step = noting
    trainer.run()
    done = [i / 16 if per == "step" else i // 4 / 4 for i in range(16)]
    assert rates == [[pytest.approx(0.01 * (1 - share))] * 2 for share in done]


def test_the_strategy_is_told_each_epoch_and_the_losses_so_far(toy_protocol, registry):
    trainer = make_trainer(make_job(toy_protocol, registry))
    told = []
    trainer.session.strategy.last.epoch = told.append
    curves = trainer.run().progress.curves
    assert [(info.epoch, info.epochs) for info in told] == [(i, 4) for i in range(4)]
    for info in told:
        for task in "ab":
            assert info.train_losses[task] == curves[f"train/{task}/loss"][: info.epoch]
            expected = curves[f"validation/{task}/loss"][: info.epoch]
            assert info.validation_losses[task] == expected


def test_the_first_batchs_outputs_are_checked_against_the_contract(toy_protocol, registry):
    trainer = make_trainer(make_job(toy_protocol, registry))
    trainer.session.network.heads["b"] = torch.nn.Linear(8, 2)
    with pytest.raises(ContractError, match=r"output of 'b' must have shape \(8, 1, …\)"):
        trainer.run()


def test_the_test_split_is_never_looked_at_before_the_last_k_epochs(toy_protocol, registry):
    """Nothing but the end of training may depend on test data."""
    for selection, expected in [
        (SELECTIONS["best loss"], [5]),
        (SELECTIONS["mean of last 2"], [3, 4]),
    ]:
        trainer = make_trainer(make_job(replaced(toy_protocol, selection=selection), registry))
        test = trainer.session.split("test").batch(np.arange(10)).input
        evaluator, seen = trainer.evaluator, []

        def noting(network, split, *, final=False, wrapped=evaluator, of=(seen, trainer, test)):
            seen, trainer, test = of
            tested = torch.equal(split.batch(np.arange(10)).input, test)
            if tested:
                seen.append(trainer.progress.epoch + 1)
            assert final == tested
            return wrapped(network, split, final=final)

        trainer.evaluator = noting
        trainer.run()
        assert seen == expected
