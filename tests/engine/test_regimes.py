"""Every training regime: what moves, by how much, and that a stop leaves no trace."""

from __future__ import annotations

import copy

import msgspec
import numpy as np
import pytest
import torch

from benchbed.basics.errors import ContractError, MethodError
from benchbed.contracts.protocol import Optimizer, Selection, TransformEntry
from benchbed.contracts.transform import Batch
from benchbed.discovery.catalogue import find_protocol
from benchbed.engine.checkpoint import load_checkpoint
from benchbed.engine.cost import training_macs
from benchbed.engine.phases import phase_after
from benchbed.engine.seeding import seed_everything
from benchbed.engine.selection import Selector
from benchbed.engine.session import build_session
from benchbed.engine.trainer import Trainer
from benchbed.execution import measure
from tests import regimes
from tests.engine import helpers
from tests.engine.helpers import make_job, make_jobs, make_trainer, same, train, with_gaps

ARCHITECTURES = sorted(regimes.ARCHITECTURES)
WEIGHTINGS = [
    "equal",
    "uncertainty",
    "dwa",
    "mgda",
    "pcgrad",
    "toy-average",
    "norm-balance",
    "three-batches",
    "looks-back",
    "geometric",
    "dwa.pcgrad",
]
ADDITIVE = ("equal", "fixed", "uncertainty", "dwa", "looks-back")


@pytest.fixture
def all_regimes(registry):
    registry.add_plugin(regimes, "regimes", "regimes", "1.0")
    registry.add_plugin(helpers, "helpers", "helpers", "1.0")
    return registry


def first_update(trainer: Trainer) -> None:
    session, protocol = trainer.session, trainer.protocol
    batches = trainer.train_split.shuffled(protocol.batch_size, 0, 0, drop_last=False)
    trainer.update([next(batches) for _ in range(trainer.group)])
    session.network.eval()


class Stop(Exception):
    pass


def raise_after(stop):
    def on_epoch(epoch, values):
        if epoch == stop:
            raise Stop

    return on_epoch


def stopped_and_resumed(job, path, epochs):
    """Train with a stop after each of the given epochs."""
    for stop in epochs:
        with pytest.raises(Stop):
            make_trainer(job, path).run(raise_after(stop))
    return make_trainer(job, path, seed=99).run()


def with_network(job, name):
    """The job with a network of this file."""
    target = f"tests.engine.test_regimes:{name}"
    architecture = msgspec.structs.replace(job.architecture, target=target)
    return msgspec.structs.replace(job, architecture=architecture)


def select(monkeypatch, best):
    """Have the criterion of each epoch, asked one after another, peak at one of four."""
    values = iter([float(n == best) for n in range(1, 5)])
    monkeypatch.setattr(Selector, "criterion", lambda self, evaluation: next(values))


def outcome_equal(one, other) -> bool:
    return (
        same(one.weights, other.weights)
        and one.test == other.test
        and one.validation == other.validation
        and one.selected_epoch == other.selected_epoch
        and {**one.progress.curves} == {**other.progress.curves}
        and one.progress.notes == other.progress.notes
        and one.progress.efforts == other.progress.efforts
    )


NOTHING_SHARED = {
    ("thawing", name)
    for name in ("mgda", "pcgrad", "toy-average", "norm-balance", "three-batches", "dwa.pcgrad")
}
MATRIX = [
    f"{architecture}+{weighting}"
    for architecture in ARCHITECTURES
    for weighting in (ADDITIVE if architecture == "one-at-a-time" else WEIGHTINGS)
    if (architecture, weighting) not in NOTHING_SHARED
] + ["with-points+at-representation", "with-points+at-last"]


@pytest.mark.parametrize("method", MATRIX)
def test_a_stop_before_at_and_after_each_boundary_leaves_no_trace(
    all_regimes, toy_protocol, tmp_path, method
):
    protocol = msgspec.structs.replace(toy_protocol, epochs=4, ema=0.9)
    job = make_job(protocol, all_regimes, method)
    whole = train(job)
    assert outcome_equal(whole, stopped_and_resumed(job, tmp_path / "run.pt", [1, 2, 3]))


def test_single_tasking_steps_once_a_task_and_moves_only_what_the_task_used(
    all_regimes, toy_protocol
):
    optimizer = Optimizer("sgd", lr=0.1, momentum=0.9, weight_decay=0.1)
    protocol = msgspec.structs.replace(toy_protocol, optimizer=optimizer)
    trainer = make_trainer(make_job(protocol, all_regimes, "one-at-a-time"))
    first_update(trainer)
    network = trainer.session.network
    moved: list[set[str]] = []
    step = trainer.optimizer.step

    def spy():
        before = {n: p.detach().clone() for n, p in network.named_parameters()}
        step()
        moved.append({n for n, p in network.named_parameters() if not torch.equal(before[n], p)})

    trainer.optimizer.step = spy
    network.train()
    first_update(trainer)
    assert len(moved) == 2
    assert {n for n in moved[0] if n.startswith("heads")} == {"heads.a.weight", "heads.a.bias"}
    assert {n for n in moved[1] if n.startswith("heads")} == {"heads.b.weight", "heads.b.bias"}
    assert all("trunk.0.weight" in names for names in moved)
    assert trainer.progress.step == 2
    assert trainer.progress.optimizer_steps == 4


def test_single_tasking_equals_a_plain_loop_over_the_tasks(all_regimes, toy_protocol):
    optimizer = Optimizer("sgd", lr=0.05, momentum=0.9, weight_decay=0.01)
    protocol = msgspec.structs.replace(toy_protocol, optimizer=optimizer, epochs=1)
    job = make_job(protocol, all_regimes, "one-at-a-time+fixed:a=2")
    trainer = make_trainer(job)
    seed_everything(0)
    network = build_session(job).network
    sgd = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01)
    for batch in trainer.train_split.shuffled(8, 0, 0, drop_last=False):
        for task, weight in (("a", 2.0), ("b", 1.0)):
            sgd.zero_grad()
            output = network(batch.input, [task])[task]
            (weight * (output.squeeze(1) - batch.targets[task]).pow(2).mean()).backward()
            sgd.step()
    expected = network.state_dict()
    seed_everything(0)
    found = Trainer(build_session(job)).run().weights
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)


def test_a_single_tasking_architecture_refuses_weightings_that_are_not_additive(
    all_regimes, toy_protocol
):
    with pytest.raises(MethodError, match="one-at-a-time steps one task at a time.*mgda is none"):
        make_job(toy_protocol, all_regimes, "one-at-a-time+mgda")


def test_an_inactive_task_leaves_its_head_alone_until_its_phase(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "phased"))
    network = trainer.session.network
    trainer.session.network.set_phase(0)
    before = copy.deepcopy(network.heads["b"].state_dict())
    splits = [trainer.session.split(name) for name in ("validation", "test")]
    trainer.run_epoch(*splits)
    assert same(dict(before), dict(network.heads["b"].state_dict()))
    assert trainer.progress.curves["validation/b/mae"][0] is not None
    trainer.run_epoch(*splits)
    assert not same(dict(before), dict(network.heads["b"].state_dict()))
    assert trainer.progress.curves["train/b/loss"][0] is None
    assert trainer.progress.curves["train/b/loss"][1] is not None


def test_phases_change_at_whole_updates_with_their_factor_and_reset_state(
    all_regimes, toy_protocol
):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "phased"))
    assert [end for end, _ in trainer.phases] == [5, 10, 16]
    network = trainer.session.network
    seen = []
    for _ in range(11):
        network.train()
        head = network.heads["a"].weight
        before = head.detach().clone()
        first_update(trainer)
        state = trainer.optimizer.state[head]
        seen.append((trainer.progress.phase, float(state["step"]), network.gate))
        lrs = {group["lr"] for group in trainer.optimizer.param_groups}
    assert [phase for phase, _, _ in seen] == [0] * 5 + [1] * 5 + [2]
    assert seen[9][1] == 10
    assert seen[10][1] == 1, "re-initialised parameters keep no state of the optimiser"
    assert float(trainer.optimizer.state[network.trunk[0].weight]["step"]) == 11
    assert seen[10][2] == 1.0
    assert lrs == {0.005}
    assert (before - head).abs().max() > 0.1, "the head was drawn anew"


def test_a_fresh_optimiser_forgets_everything(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "phased-fresh"))
    for _ in range(11):
        trainer.session.network.train()
        first_update(trainer)
    assert float(trainer.optimizer.state[trainer.session.network.trunk[0].weight]["step"]) == 1


def test_re_initialised_weights_follow_from_seed_and_phase(all_regimes, toy_protocol):
    drawn = []
    for noise in (0, 5):
        trainer = make_trainer(make_job(toy_protocol, all_regimes, "phased"))
        for _ in range(10):
            trainer.session.network.train()
            first_update(trainer)
        torch.manual_seed(noise)
        trainer._enter_phase()
        drawn.append(trainer.session.network.heads["a"].weight.detach().clone())
    assert torch.equal(*drawn)


def epochs_told(trainer, monkeypatch):
    """What the strategy is told, whichever object it is: the class notes it."""
    told, cls = [], type(trainer.session.strategy.last)
    epoch = cls.epoch

    def noting(strategy, info):
        told.append((id(strategy), info))
        epoch(strategy, info)

    monkeypatch.setattr(cls, "epoch", noting)
    return told


def test_a_weighting_that_begins_anew_is_told_of_epochs_from_there(
    all_regimes, toy_protocol, monkeypatch
):
    """Phases begin before updates 6 of 16, in epoch 2, and 8, at the start of epoch 3."""
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "reweighted+dwa"))
    assert [end for end, _ in trainer.phases] == [6, 8, 16]
    told = epochs_told(trainer, monkeypatch)
    curves = trainer.run().progress.curves
    assert [(info.epoch, info.epochs) for _, info in told] == [
        (0, 2),
        (1, 2),
        (0, 1),
        (0, 2),
        (1, 2),
    ]
    strategies = [strategy for strategy, _ in told]
    assert strategies[0] == strategies[1]
    assert strategies[3] == strategies[4]
    assert len(set(strategies)) == 3
    begins = [0, 0, 1, 2, 2]
    for begin, (_, info) in zip(begins, told, strict=True):
        for task in "ab":
            seen = slice(begin, begin + info.epoch)
            assert info.train_losses[task] == curves[f"train/{task}/loss"][seen]
            assert info.validation_losses[task] == curves[f"validation/{task}/loss"][seen]


class Halves(regimes.ToyNet):
    """Two halves, of which the second begins as a new run does."""

    def phases(self):
        return [
            regimes.Phase(until=0.5),
            regimes.Phase(fresh_optimizer=True, fresh_weighting=True),
        ]


def dwa(before, last):
    """DWA's weight of ``a`` at temperature 2 after two epochs' losses of both tasks."""
    ratios = np.exp([last[task] / before[task] / 2 for task in "ab"])
    return 2 * ratios[0] / ratios.sum()


def test_dwas_weights_are_one_again_in_the_first_two_epochs_of_a_second_half(
    all_regimes, toy_protocol
):
    protocol = msgspec.structs.replace(toy_protocol, epochs=8)
    job = make_job(protocol, all_regimes, "phased+dwa")
    curves = make_trainer(with_network(job, "Halves")).run().progress.curves
    losses = [{task: curves[f"train/{task}/loss"][epoch] for task in "ab"} for epoch in range(8)]
    first, second = ([dwa(*losses[at : at + 2]) for at in pair] for pair in ((0, 1), (4, 5)))
    assert curves["weight/a"] == pytest.approx([1, 1, *first, 1, 1, *second], rel=1e-6)
    assert all(abs(weight - 1) > 1e-4 for weight in second)


@pytest.mark.parametrize("fresh", [False, True])
def test_what_a_weighting_learns_begins_anew_and_the_network_keeps_its_state(
    all_regimes, toy_protocol, monkeypatch, fresh
):
    phases = [regimes.Phase(until=0.5), regimes.Phase(fresh_weighting=True, fresh_optimizer=fresh)]
    monkeypatch.setattr(Halves, "phases", lambda self: phases)
    job = make_job(toy_protocol, all_regimes, "phased+uncertainty:init=-0.5")
    trainer = make_trainer(with_network(job, "Halves"))
    learned = []
    for _ in range(9):
        trainer.session.network.train()
        trainer._enter_phase()
        learned.append([float(p.detach()) for p in trainer.session.strategy.parameters()])
        first_update(trainer)
    assert learned[0] == learned[8] == [-0.5, -0.5]
    assert all(-0.5 not in values for values in learned[1:8])
    group = {g["name"]: g["params"] for g in trainer.optimizer.param_groups}
    ours = list(trainer.session.strategy.parameters())
    assert list(map(id, group["weighting"])) == list(map(id, ours))
    steps = {
        name: {float(trainer.optimizer.state[p]["step"]) for p in group[name]} for name in group
    }
    assert steps == {"network": {1.0 if fresh else 9.0}, "weighting": {1.0}}


def test_a_weightings_own_optimiser_begins_anew_with_it(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "reweighted+looks-back"))
    steps = []
    for _ in range(10):
        trainer.session.network.train()
        first_update(trainer)
        strategy = trainer.session.strategy.last
        moments = [strategy.optimizer.state[p]["step"] for p in strategy.logits.values()]
        steps.append({float(step) for step in moments})
    assert steps == [{float(n)} for n in (1, 2, 3, 4, 5, 6, 1, 2, 1, 2)]


@pytest.mark.parametrize("ends", [(1.0,), (0.3, 0.65, 1.0), (0.01, 1.0), (0.5, 0.51, 1.0)])
def test_the_phase_after_some_updates_is_that_in_which_the_last_of_them_fell(
    all_regimes, toy_protocol, monkeypatch, ends
):
    monkeypatch.setattr(BadPhases, "ends", ends)
    protocol = msgspec.structs.replace(toy_protocol, epochs=25)
    trainer = make_trainer(with_network(make_job(protocol, all_regimes, "phased"), "BadPhases"))
    seen = []
    for trainer.progress.step in range(100):
        trainer._enter_phase()
        seen.append(trainer.progress.phase)
    assert sorted(set(seen)) == list(range(len(ends)))
    assert [phase_after(trainer.phases, done + 1) for done in range(100)] == seen


@pytest.mark.parametrize("rule", ["best-validation", "paper-selection"])
@pytest.mark.parametrize("ema", [0.0, 0.5])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
def test_the_selected_epoch_is_scored_in_its_own_phase(
    all_regimes, toy_protocol, tmp_path, monkeypatch, rule, ema, best
):
    """Epochs 3 and 4 end in the phase whose gate doubles the features, 1 and 2 do not."""
    split = "test" if rule == "paper-selection" else "validation"
    data = msgspec.structs.replace(toy_protocol.data, validation=split)
    protocol = msgspec.structs.replace(
        toy_protocol, selection=Selection(rule, "a/mae"), ema=ema, data=data
    )
    job = make_job(protocol, all_regimes, "phased")
    select(monkeypatch, best)
    trainer = make_trainer(job)
    scores, gates = [], []

    def on_epoch(epoch, values):
        test = trainer.session.split("test")
        scores.append(trainer.evaluator(trainer.scored, test, final=True).scores)
        gates.append(trainer.scored.gate)

    outcome = trainer.run(on_epoch)
    assert gates == [0.0, 0.0, 1.0, 1.0]
    assert outcome.selected_epoch == best
    assert outcome.test == scores[best - 1]
    select(monkeypatch, best)
    assert outcome_equal(outcome, stopped_and_resumed(job, tmp_path / "run.pt", [1, 2, 3]))


def test_costs_are_those_of_the_last_phase_whichever_epoch_is_selected(
    all_regimes, toy_protocol, monkeypatch
):
    protocol = msgspec.structs.replace(toy_protocol, selection=Selection("best-validation"))
    select(monkeypatch, 1)
    trainer = make_trainer(make_job(protocol, all_regimes, "phased"))
    assert trainer.run().selected_epoch == 1
    assert trainer.session.network.gate == 1.0


def test_step_time_is_of_the_slowest_phase_and_latency_of_the_last(
    all_regimes, toy_protocol, monkeypatch
):
    session = make_trainer(make_job(toy_protocol, all_regimes, "phased")).session
    network = session.network
    passes, times = [], iter([5.0, 7.0, 3.0, 1.0])
    network.register_forward_hook(
        lambda module, given, _: passes.append((given[1], module.gate, module.training))
    )

    def once(action, device):
        action()
        return next(times)

    monkeypatch.setattr(measure, "_median_ms", once)
    assert measure._step_ms(session) == 7.0
    assert measure._latency_ms(session) == 1.0
    both = ["a", "b"]
    steps = [(["a"], 0.0, True), (both, 0.0, True), (both, 1.0, True)]
    assert passes == [*steps, (both, 1.0, False)]


def test_a_task_absent_from_the_last_phase_is_scored_and_marked(all_regimes, toy_protocol):
    outcome = train(make_job(toy_protocol, all_regimes, "last-phase-without"))
    assert set(outcome.test) == {"a", "b"}
    assert outcome.progress.notes == ["Not trained in the last phase: a."]


class BadPhases(regimes.ToyNet):
    ends = (0.5,)

    def phases(self):
        return [regimes.Phase(until=end) for end in self.ends]


@pytest.mark.parametrize("ends", [(0.5,), (0.7, 0.3, 1.0), (0.0, 1.0), (), (0.5, 0.5, 1.0)])
def test_phases_that_do_not_rise_to_one_are_refused(all_regimes, toy_protocol, monkeypatch, ends):
    monkeypatch.setattr(BadPhases, "ends", ends)
    job = with_network(make_job(toy_protocol, all_regimes, "phased"), "BadPhases")
    with pytest.raises(ContractError, match=r"BadPhases.phases\(\) must return phases whose"):
        make_trainer(job)


@pytest.mark.parametrize("weighting", ["equal", "mgda", "norm-balance", "toy-average"])
def test_auxiliary_parameters_get_their_plain_gradient(all_regimes, toy_protocol, weighting):
    job = make_job(toy_protocol, all_regimes, f"adversarial+{weighting}")
    trainer = make_trainer(job)
    network = trainer.session.network
    batch = next(trainer.train_split.shuffled(8, 0, 0, drop_last=False))
    network.train()
    torch.manual_seed(3)
    losses = trainer.updater.losses(batch, ["a", "b"], 0.25)
    trainer.updater.backward(losses.means(), losses.free)
    found = [p.grad.clone() for p in network.discriminator.parameters()]
    torch.manual_seed(3)
    losses = trainer.updater.losses(batch, ["a", "b"], 0.25)
    total = sum(losses.extra.values())
    expected = torch.autograd.grad(total, list(network.discriminator.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_repeated_outputs_are_scored_once_more(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "adversarial"))
    batch = next(trainer.train_split.shuffled(8, 0, 0, drop_last=False))
    trainer.session.network.eval()
    losses = trainer.updater.losses(batch, ["a"], 0.0)
    output = trainer.session.network(batch.input, ["a"])["a"].squeeze(1)
    plain = (output - batch.targets["a"]).pow(2).sum()
    torch.testing.assert_close(losses.totals["a"], 2 * plain)


def test_the_loss_that_no_task_owns_is_added_unweighted(all_regimes, toy_protocol):
    job = make_job(toy_protocol, all_regimes, "adversarial+norm-balance")
    gradients = []
    for keep in (True, False):
        trainer = make_trainer(job)
        network = trainer.session.network
        network.eval()
        batch = next(trainer.train_split.shuffled(8, 0, 0, drop_last=False))
        losses = trainer.updater.losses(batch, ["a", "b"], 0.0)
        trainer.updater.backward(losses.means(), losses.free if keep else None)
        gradients.append(network.trunk[0].weight.grad.clone())
    losses = trainer.updater.losses(batch, ["a", "b"], 0.0)
    (own,) = torch.autograd.grad(losses.free, [network.trunk[0].weight])
    torch.testing.assert_close(gradients[0] - gradients[1], own, rtol=1e-4, atol=1e-7)


def test_groups_with_rates_of_their_own_keep_their_factor_and_are_recorded(
    all_regimes, toy_protocol
):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "adversarial+uncertainty"))
    first_update(trainer)
    rates = {g["name"]: g["lr"] for g in trainer.optimizer.param_groups}
    assert rates == pytest.approx(
        {"shared": 0.005, "adversary": 0.1, "network": 0.01, "weighting": 0.01}
    )
    outcome = train(make_job(toy_protocol, all_regimes, "adversarial"))
    assert outcome.lr_factors == {"shared": 0.5, "adversary": 10.0, "network": 1.0}


def test_parameters_that_do_not_move_are_named_with_the_reason(all_regimes, toy_protocol):
    notes = train(make_job(toy_protocol, all_regimes, "deadwood")).progress.notes
    assert len(notes) == 2
    assert any("no loss of the first phase reaches them: unused.weight" in n for n in notes)
    assert any("their gradient was zero: silent.weight" in n for n in notes)


@pytest.mark.parametrize(
    "method", ["toy-net", "toy-net+uncertainty", "adversarial+norm-balance", "phased"]
)
def test_nothing_is_noted_where_everything_moves(all_regimes, toy_protocol, method):
    notes = train(make_job(toy_protocol, all_regimes, method)).progress.notes
    if method == "phased":
        assert "no loss of the first phase reaches them: heads.b.weight" in notes[0]
    else:
        assert notes == []


@pytest.mark.parametrize(
    "weighting",
    ["equal", "fixed:a=3", "geometric", "uncertainty", "mgda", "norm-balance", "dwa.pcgrad"],
)
def test_accumulation_equals_the_whole_batch(all_regimes, toy_protocol, weighting):
    """Uneven valid counts a micro-batch; without dropout and batch norm."""
    protocol = with_gaps(msgspec.structs.replace(toy_protocol, batch_size=24, epochs=1))
    parts = msgspec.structs.replace(protocol, batch_size=6, accumulate=4)
    found = []
    for chosen in (protocol, parts):
        trainer = make_trainer(make_job(chosen, all_regimes, f"toy-net+{weighting}"))
        trainer.session.network.eval()
        batches = trainer.train_split.shuffled(chosen.batch_size, 0, 0, drop_last=False)
        torch.manual_seed(0)
        stepped = trainer.update([next(batches) for _ in range(chosen.accumulate)])
        found.append(
            [
                *(p.grad.clone() for p in trainer.session.network.parameters()),
                *(p.grad.clone() for p in trainer.session.strategy.parameters()),
                *(stepped.totals[t] / stepped.counts[t] for t in ("a", "b")),
            ]
        )
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=1e-6)


def test_accumulation_counts_updates_and_samples(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, accumulate=3)
    outcome = train(make_job(protocol, all_regimes, "toy-net"))
    assert outcome.progress.optimizer_steps == 4 * 2
    assert outcome.progress.samples == 4 * 30


def test_clipping_bounds_the_norm_of_the_update(all_regimes, toy_protocol):
    optimizer = Optimizer("sgd", lr=1.0)
    protocol = msgspec.structs.replace(toy_protocol, optimizer=optimizer, clip_norm=0.05)
    trainer = make_trainer(make_job(protocol, all_regimes, "toy-net"))
    before = [p.detach().clone() for p in trainer.session.network.parameters()]
    first_update(trainer)
    after = list(trainer.session.network.parameters())
    pairs = zip(after, before, strict=True)
    squares = sum(float((a.detach() - b).pow(2).sum()) for a, b in pairs)
    assert squares**0.5 == pytest.approx(0.05, rel=1e-3)


def test_the_moving_average_is_what_is_scored_and_kept(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, ema=0.5, epochs=1, batch_size=10)
    trainer = make_trainer(make_job(protocol, all_regimes, "toy-net"))
    weight = trainer.session.network.trunk[0].weight
    average = None
    outcome = None
    update = trainer.update

    def spy(group, **options):
        nonlocal average
        result = update(group, **options)
        now = weight.detach().clone()
        average = now if average is None else 0.5 * average + 0.5 * now
        return result

    trainer.update = spy
    outcome = trainer.run()
    torch.testing.assert_close(outcome.weights["trunk.0.weight"], average)
    assert not torch.equal(outcome.weights["trunk.0.weight"], weight)


class RedrawsTrunk(regimes.Phased):
    """Begins each phase with a new trunk, running statistics included."""

    def enter_phase(self, index, generator):
        with torch.no_grad():
            for value in self.trunk.state_dict().values():
                value.fill_(index + 1)
        return [self.trunk]


def test_the_moving_average_takes_over_what_a_phase_draws_anew(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, ema=0.5)
    trainer = make_trainer(with_network(make_job(protocol, all_regimes, "phased"), "RedrawsTrunk"))
    network, average = trainer.session.network, trainer.scored
    for _ in range(5):
        network.train()
        first_update(trainer)
    heads = copy.deepcopy(average.heads.state_dict())
    assert not same(dict(average.trunk.state_dict()), dict(network.trunk.state_dict()))
    trainer._enter_phase()
    assert all(bool((value == 2).all()) for value in average.trunk.state_dict().values())
    assert same(dict(heads), dict(average.heads.state_dict()))
    assert not same(dict(heads), dict(network.heads.state_dict()))


def test_the_moving_average_is_in_the_phase_of_the_network(all_regimes, toy_protocol, tmp_path):
    protocol = msgspec.structs.replace(toy_protocol, ema=0.5)
    job = make_job(protocol, all_regimes, "phased")
    for stop in (2, 3):
        with pytest.raises(Stop):
            make_trainer(job, tmp_path / "run.pt").run(raise_after(stop))
        resumed = make_trainer(job, tmp_path / "run.pt", seed=99)
        assert resumed._resume()
        assert resumed.scored.gate == resumed.session.network.gate == float(stop == 3)


def test_three_batches_make_a_third_of_the_updates_on_the_same_data(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, batch_size=5)
    outcome = train(make_job(protocol, all_regimes, "toy-net+three-batches"))
    assert outcome.progress.optimizer_steps == 4 * 2
    assert outcome.progress.samples == 4 * 30


def test_several_batches_give_the_gramian_of_all_gradients_and_step_along_the_last(
    all_regimes, toy_protocol
):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "toy-net+three-batches"))
    network, strategy = trainer.session.network, trainer.session.strategy.last
    network.eval()
    batches = list(trainer.train_split.shuffled(8, 0, 0, drop_last=False))[:3]
    seen = {}
    weigh = strategy.weights

    def spy(gramian, losses):
        seen["gramian"] = gramian
        seen["weights"] = weigh(gramian, losses)
        return seen["weights"]

    strategy.weights = spy
    shared = list(network.trunk.parameters())
    rows = []
    for batch in batches:
        outputs = network(batch.input, ["a", "b"])
        for task in ("a", "b"):
            loss = (outputs[task].squeeze(1) - batch.targets[task]).pow(2).mean()
            gradients = torch.autograd.grad(loss, shared, retain_graph=True)
            rows.append(torch.cat([g.flatten() for g in gradients]).double())
    jacobian = torch.stack(rows)
    trainer.update(batches)
    torch.testing.assert_close(seen["gramian"], jacobian @ jacobian.T, rtol=1e-5, atol=1e-8)
    expected = seen["weights"].double() @ jacobian[4:]
    found = torch.cat([p.grad.flatten() for p in shared]).double()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_several_batches_and_accumulation_do_not_go_together(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, accumulate=2)
    job = make_job(protocol, all_regimes, "toy-net+three-batches")
    with pytest.raises(ContractError, match="ThreeBatches draws 3 mini-batches.*'accumulate'"):
        make_trainer(job)


def test_the_look_back_sees_the_same_batch_and_noise_and_moves_no_statistic(
    all_regimes, toy_protocol
):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "toy-net+looks-back"))
    plain = make_trainer(make_job(toy_protocol, all_regimes, "toy-net+equal"))
    for _ in range(3):
        trainer.session.network.train()
        plain.session.network.train()
        first_update(trainer)
        first_update(plain)
    network = trainer.session.network
    assert int(network.trunk[1].num_batches_tracked) == 3
    logits = trainer.session.strategy.last.logits
    assert all(float(value.detach()) != 0 for value in logits.values())


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("toy-net+looks-back", {}),
        ("toy-net+looks-back", {"transforms": [TransformEntry("mix")]}),
        ("toy-net+looks-back", {"accumulate": 3}),
        ("toy-net+fixed.looks-back:a=5", {}),
        ("toy-net+fixed.looks-back:a=5", {"accumulate": 3}),
        ("adversarial+looks-back", {}),
        ("adversarial+looks-back", {"accumulate": 2}),
    ],
)
def test_with_a_learning_rate_of_almost_zero_the_look_back_sees_what_the_step_saw(
    all_regimes, toy_protocol, method, changes
):
    """Transformed by what stands before the dot, with auxiliary losses, over all micro-batches."""
    protocol = msgspec.structs.replace(
        toy_protocol, optimizer=Optimizer("sgd", lr=1e-12), **changes
    )
    trainer = make_trainer(make_job(protocol, all_regimes, method))
    strategy = trainer.session.strategy.last
    seen = {}
    strategy.after_step = seen.update
    first_update(trainer)
    for task, loss in strategy.before.items():
        torch.testing.assert_close(seen[task], loss)


def test_an_own_optimiser_steps_its_parameters_and_the_runs_optimiser_leaves_them(
    all_regimes, toy_protocol
):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "toy-net+looks-back"))
    ours = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert not ours & {id(p) for p in trainer.session.strategy.parameters()}


def test_gradients_at_the_representation_and_at_the_last_layer_give_their_own_gramian(
    all_regimes, toy_protocol
):
    for method, pick in (("at-representation", "kept"), ("at-last", "mix")):
        trainer = make_trainer(make_job(toy_protocol, all_regimes, f"with-points+{method}"))
        network, strategy = trainer.session.network, trainer.session.strategy.last
        network.eval()
        batch = next(trainer.train_split.shuffled(8, 0, 0, drop_last=False))
        outputs = network(batch.input, ["a", "b"])
        points = [network.kept] if pick == "kept" else list(network.mix.parameters())
        shared = [p for n, p in network.named_parameters() if not n.startswith("heads")]
        rows, full = [], []
        for task in ("a", "b"):
            loss = (outputs[task].squeeze(1) - batch.targets[task]).pow(2).mean()
            at = torch.autograd.grad(loss, points, retain_graph=True)
            rows.append(torch.cat([g.flatten() for g in at]).double())
            full.append(torch.autograd.grad(loss, shared, retain_graph=True))
        jacobian = torch.stack(rows)
        trainer.update([batch])
        torch.testing.assert_close(strategy.seen, jacobian @ jacobian.T, rtol=1e-5, atol=1e-9)
        weights = 1 / (jacobian @ jacobian.T).diag().sqrt()
        for i, parameter in enumerate(shared):
            expected = weights[0] * full[0][i] + weights[1] * full[1][i]
            torch.testing.assert_close(parameter.grad, expected.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("weighting", "kind", "sentence"),
    [
        (
            "at-representation",
            ContractError,
            "works on the shared representation, and ToyNet has none: use a strategy that",
        ),
        (
            "at-last",
            MethodError,
            "works at the last shared layer, and ToyNet has none: use a strategy that",
        ),
    ],
)
def test_a_weighting_is_refused_where_the_network_lacks_its_point(
    all_regimes, toy_protocol, weighting, kind, sentence
):
    with pytest.raises(kind, match=sentence):
        train(make_job(toy_protocol, all_regimes, f"toy-net+{weighting}"))


def test_mixed_targets_are_scored_as_the_convex_sum_of_two_losses(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, transforms=[TransformEntry("mix")])
    trainer = make_trainer(make_job(protocol, all_regimes, "toy-net"))
    trainer.session.network.eval()
    batch = next(trainer.train_split.shuffled(8, 0, 0, drop_last=False))
    assert batch.mixed is not None
    assert 0.5 <= batch.share <= 1
    means = trainer.updater.losses(batch, ["a"], 0.0).means()
    output = trainer.session.network(batch.input, ["a"])["a"].squeeze(1)
    first = (output - batch.targets["a"]).pow(2).mean()
    second = (output - batch.mixed["a"]).pow(2).mean()
    torch.testing.assert_close(means["a"], batch.share * first + (1 - batch.share) * second)


def test_what_happens_to_a_sample_does_not_depend_on_order_or_batch_size(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, transforms=[TransformEntry("jitter")])
    split = make_trainer(make_job(protocol, all_regimes, "toy-net")).train_split
    whole = split.batch(np.arange(30), seed=1, epoch=2).input
    order = np.random.default_rng(0).permutation(30)
    pieces = [split.batch(order[i : i + 7], 1, 2, number=i).input for i in range(0, 30, 7)]
    assert torch.equal(torch.cat(pieces), whole[order])
    assert not torch.equal(split.batch(np.arange(30), seed=1, epoch=3).input, whole)
    assert not torch.equal(split.batch(np.arange(30), seed=2, epoch=2).input, whole)


def test_draws_are_uniform_and_uncorrelated(all_regimes, toy_protocol):
    from benchbed.contracts.transform import Draws

    generator = torch.Generator().manual_seed(0)
    drawn = Draws(12345, np.arange(20_000), generator).uniform(4)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert (drawn.mean(dim=0) - 0.5).abs().max() < 0.01
    assert (drawn.var(dim=0) - 1 / 12).abs().max() < 0.002
    correlation = torch.corrcoef(torch.cat([drawn[:-1], drawn[1:]], dim=1).T)
    assert (correlation - torch.eye(8)).abs().max() < 0.03


def test_the_predictions_of_several_crops_are_averaged(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(
        toy_protocol, evaluation_transforms=[TransformEntry("crops")]
    )
    job = make_job(protocol, all_regimes, "toy-net")
    trainer = make_trainer(job)
    network = trainer.session.network
    split = trainer.session.split("test", job.evaluation_transforms)
    found = trainer.evaluator(network, split).scores["a"]["mae"]
    plain = trainer.session.split("test").batch(np.arange(10))
    network.eval()
    with torch.no_grad():
        outputs = [network(plain.input + shift, ["a"])["a"] for shift in (-0.1, 0.0, 0.3)]
    average = torch.stack(outputs).mean(dim=0).squeeze(1)
    assert found == pytest.approx(float((average - plain.targets["a"]).abs().mean()), rel=1e-5)


def test_joint_prediction_scores_what_combine_returns(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "toy-net"))
    network = trainer.session.network
    network.combine = lambda outputs: {"a": outputs["b"], "b": outputs["b"]}
    test = trainer.session.split("test")
    found = trainer.evaluator(network, test).scores["a"]["mae"]
    batch = test.batch(np.arange(10))
    network.eval()
    with torch.no_grad():
        output = network(batch.input, ["b"])["b"].squeeze(1)
    assert found == pytest.approx(float((output - batch.targets["a"]).abs().mean()), rel=1e-5)


def test_transforms_enter_the_run_key(all_regimes, toy_protocol):
    other = msgspec.structs.replace(toy_protocol, transforms=[TransformEntry("jitter")])
    keys = {make_job(p, all_regimes, "toy-net").key for p in (toy_protocol, other)}
    assert len(keys) == 2


def test_training_costs_are_counted_pass_by_pass(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, epochs=2)
    effort = {}
    for method in ("toy-net", "toy-net+mgda", "one-at-a-time", "toy-net+looks-back"):
        (effort[method],) = train(make_job(protocol, all_regimes, method)).progress.efforts
    assert effort["toy-net"].forward == {"a+b": 60}
    assert effort["toy-net"].backward == {"a+b": 60}
    assert effort["toy-net+mgda"].forward == {"a+b": 60}
    assert effort["toy-net+mgda"].backward == {"a": 60, "b": 60}
    assert effort["one-at-a-time"].forward == {"a": 60, "b": 60}
    assert effort["toy-net+looks-back"].forward == {"a+b": 120}


def test_training_costs_of_each_phase_are_counted_as_its_network_is(all_regimes, toy_protocol):
    job = make_job(msgspec.structs.replace(toy_protocol, epochs=2), all_regimes, "growing")
    trainer = make_trainer(job)
    efforts = trainer.run().progress.efforts
    assert [effort.forward for effort in efforts] == [{"a": 16}, {"a+b": 44}]
    assert [effort.backward for effort in efforts] == [{"a": 16}, {"a+b": 44}]
    before, after = 4 * 8 + 8, 4 * 8 + 8 * 8 + 8 + 8
    assert training_macs(trainer.session, efforts) == 3 * (16 * before + 44 * after)
    assert trainer.session.network.grown


def test_logged_gradients_leave_training_alone_and_agree_with_plain_ones(all_regimes, toy_protocol):
    job = make_job(toy_protocol, all_regimes, "toy-net+mgda")
    quiet = train(job)
    logged = train(msgspec.structs.replace(job, log_gradients=True))
    assert same(quiet.weights, logged.weights)
    curves = logged.progress.curves
    assert set(curves) - set(quiet.progress.curves) == {"norm/a", "norm/b", "cosine/a/b"}
    assert all(-1 <= value <= 1 for value in curves["cosine/a/b"])
    trainer = make_trainer(job)
    batch = next(trainer.train_split.shuffled(8, 0, 0, drop_last=False))
    trainer.session.network.train()
    means = trainer.updater.losses(batch, ["a", "b"], 0.0).means()
    shared = list(trainer.session.network.trunk.parameters())
    rows = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, shared, retain_graph=True)])
        for loss in means.values()
    ]
    cosine = torch.nn.functional.cosine_similarity(rows[0], rows[1], dim=0)
    assert curves["cosine/a/b"][0] == pytest.approx(float(cosine), rel=1e-4)
    assert curves["norm/a"][0] == pytest.approx(float(rows[0].norm()), rel=1e-4)


def test_a_run_starts_from_another_runs_weights(all_regimes, toy_protocol, tmp_path):
    from benchbed.basics.errors import DataError
    from benchbed.engine.pretrained import load_pretrained
    from benchbed.execution.results import save_weights

    job = make_job(toy_protocol, all_regimes, "toy-net")
    path = tmp_path / "weights.safetensors"
    save_weights(path, train(job).weights)
    started = msgspec.structs.replace(job, pretrained=str(path), pretrained_digest="0" * 64)
    session = make_trainer(started).session
    notes = load_pretrained(session)
    assert same(dict(session.network.state_dict()), train(job).weights)
    assert "Started from 11 of 11 tensors" in notes[0]
    save_weights(path, {"other": torch.zeros(3)})
    with pytest.raises(DataError, match="none of its 1 tensor fits"):
        load_pretrained(session)
    path.write_bytes(b"no tensors")
    with pytest.raises(DataError, match="--pretrained: Cannot read weights.safetensors"):
        load_pretrained(session)


def test_the_pretrained_file_enters_the_run_key(all_regimes, toy_protocol, tmp_path):
    from benchbed.basics.errors import DataError
    from benchbed.execution.plan import Settings, make_plan

    path = tmp_path / "w.safetensors"
    keys = set()
    for content in (b"one", b"two"):
        path.write_bytes(content)
        settings = Settings(tmp_path, pretrained=path)
        keys.add(make_plan(toy_protocol, ["toy-net"], all_regimes, settings).runs[-1].job.key)
    plain = make_plan(toy_protocol, ["toy-net"], all_regimes, Settings(tmp_path))
    assert len(keys | {plain.runs[-1].job.key}) == 3
    with pytest.raises(DataError, match="Cannot read --pretrained"):
        make_plan(
            toy_protocol, ["toy-net"], all_regimes, Settings(tmp_path, pretrained=tmp_path / "no")
        )


def test_execution_and_trait_must_agree(all_regimes, toy_protocol):
    (job,) = make_jobs(toy_protocol, all_regimes, "one-at-a-time")
    with pytest.raises(ContractError, match="execution is 'single-tasking', so its Spec must have"):
        build_session(msgspec.structs.replace(job, traits=[]))


def test_a_checkpoint_of_every_kind_of_state_loads_without_foreign_code(
    all_regimes, toy_protocol, tmp_path
):
    job = make_job(toy_protocol, all_regimes, "adversarial+toy-average")
    path = tmp_path / "c.pt"

    def stop(epoch, values):
        raise Stop

    with pytest.raises(Stop):
        make_trainer(job, path).run(stop)
    from benchbed.engine.checkpoint import checkpoint_identity

    assert load_checkpoint(path, checkpoint_identity(job)) is not None


ZOO = ["hps+" + e for e in ("equal", "fixed:digit=2", "uncertainty", "dwa", "mgda", "pcgrad")]


@pytest.mark.parametrize("method", [*ZOO, "hps+dwa.pcgrad", "hps:backbone=mlp", "single-task"])
def test_first_party_methods_resume_to_the_bit_on_real_data(registry, tmp_path, method):
    digits = find_protocol("digits@1", registry)
    protocol = msgspec.structs.replace(digits, epochs=4)
    job = make_jobs(protocol, registry, method)[0]
    stopped = stopped_and_resumed(job, tmp_path / "run.pt", [1, 3])
    assert outcome_equal(train(job), stopped)


def test_what_a_phase_thaws_trains_from_then_on(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "thawing"))
    network = trainer.session.network
    network.set_phase(0)
    start = network.trunk[0].weight.detach().clone()
    splits = [trainer.session.split(name) for name in ("validation", "test")]
    moved = []
    for _ in range(3):
        trainer.run_epoch(*splits)
        moved.append(not torch.equal(network.trunk[0].weight, start))
    assert moved == [False, False, True]


def test_dwa_goes_on_where_a_task_has_not_been_trained_yet(all_regimes, toy_protocol):
    protocol = msgspec.structs.replace(toy_protocol, epochs=12)
    outcome = train(make_job(protocol, all_regimes, "phased+dwa"))
    assert outcome.progress.curves["train/b/loss"][:3] == [None] * 3


def test_a_state_that_no_checkpoint_can_hold_is_refused_at_once(
    all_regimes, toy_protocol, tmp_path
):
    job = make_job(toy_protocol, all_regimes, "toy-net+unreadable")
    with pytest.raises(ContractError, match="The checkpoint cannot be read back"):
        make_trainer(job, tmp_path / "c.pt").run()


def test_a_strategy_over_several_batches_is_refused_where_there_is_one(monkeypatch):
    from benchbed.basics.errors import BenchbedError
    from benchbed.contracts.weighting import WeightingContext
    from benchbed.engine import library
    from benchbed.engine.strategy import Strategy

    strategy = Strategy([regimes.ThreeBatches(WeightingContext(("0", "1")))])
    monkeypatch.setattr(library, "make_weighting", lambda name, tasks: strategy)
    with pytest.raises(BenchbedError, match="weighs over 3 mini-batches"):
        library.aggregate("three-batches", torch.eye(2))
    weight = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(2))])
    losses = {"0": weight[0].sum(), "1": weight[0].prod()}
    with pytest.raises(BenchbedError, match="weighs over 3 mini-batches"):
        library.backward(losses, weight, strategy)


def test_a_misspelled_option_of_an_architecture_is_a_sentence(all_regimes, toy_protocol):
    job = make_job(toy_protocol, all_regimes, "toy-net")
    wrong = msgspec.structs.replace(job.architecture, options={"widht": 3})
    with pytest.raises(ContractError, match="ToyNet does not take the options of its Spec"):
        build_session(msgspec.structs.replace(job, architecture=wrong))


def test_weights_of_loss_level_strategies_are_in_the_curves(all_regimes, toy_protocol):
    dwa = train(make_job(toy_protocol, all_regimes, "toy-net+dwa")).progress.curves
    assert dwa["weight/a"][:2] == [1.0, 1.0]
    assert dwa["weight/a"][2] != 1.0
    for epoch in range(4):
        assert dwa["weight/a"][epoch] + dwa["weight/b"][epoch] == pytest.approx(2)
    fixed = train(make_job(toy_protocol, all_regimes, "toy-net+fixed:a=3")).progress.curves
    assert fixed["weight/a"] == [3.0] * 4
    assert fixed["weight/b"] == [1.0] * 4
    both = train(make_job(toy_protocol, all_regimes, "toy-net+fixed.uncertainty:a=3"))
    assert both.progress.curves["weight/a"][0] == pytest.approx(1.5)


def test_the_loss_level_weight_of_a_task_is_how_the_combined_loss_follows_its_loss(
    all_regimes, toy_protocol
):
    curves = train(make_job(toy_protocol, all_regimes, "toy-net+geometric")).progress.curves
    product = [a * b for a, b in zip(curves["weight/a"], curves["weight/b"], strict=True)]
    assert product == pytest.approx([0.25] * 4)


def test_an_update_without_a_valid_target_counts_no_backward_pass(all_regimes, toy_protocol):
    trainer = make_trainer(make_job(toy_protocol, all_regimes, "toy-net+mgda"))
    nothing = torch.full((8,), float("nan"))
    first_update(trainer)
    before = dict(trainer.progress.efforts[0].backward)
    trainer.update([Batch(torch.randn(8, 4), {"a": nothing, "b": nothing})])
    assert trainer.progress.efforts[0].backward == before
    assert trainer.progress.optimizer_steps == 1


@pytest.mark.parametrize(
    ("method", "ways"),
    [
        ("toy-net+equal", ["one backward pass"]),
        ("toy-net+mgda", ["2 sweeps"]),
        ("toy-net+three-batches", ["2 sweeps"]),
        ("with-points+at-last", ["2 sweeps to the last shared layer, one through the trunk"]),
    ],
)
def test_the_outcome_says_how_gradients_were_taken(all_regimes, toy_protocol, method, ways):
    job = make_job(toy_protocol, all_regimes, method)
    logged = msgspec.structs.replace(job, log_gradients=True)
    for one in (job, logged):
        assert make_trainer(one).run().progress.gradients == ways
