"""Verification: a run made again, how far the two may differ, and the tier that follows."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchbed.basics.errors import DataError, PluginError, RecordError, RunError
from benchbed.cli import main, verify_command
from benchbed.contracts.protocol import parse_protocol
from benchbed.exchange import verify
from benchbed.exchange.verify import Means, job_again, other_seeds, run_again
from benchbed.execution.executor import Result
from benchbed.execution.worker import execute
from benchbed.records.record import Record, seal
from benchbed.records.store import Store
from benchbed.records.verification import (
    Comparison,
    Difference,
    compare,
    lowest_tier,
    read_verified,
    tier,
    tier_of,
    write_verification,
)
from tests import fakes
from tests.fakes import one_job, put, record, scaled

RECORD = seal(record())
OTHERS = [scaled(factor) for factor in (0.98, 1.0, 1.03, 1.01)]


def rerun(factor: float = 1.0, **changes) -> Record:
    test = {"test": scaled(factor), "validation": scaled(factor)}
    return seal(msgspec.structs.replace(RECORD, content="", **{**test, **changes}))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results")


def each(comparison: Comparison) -> list[Difference]:
    return [d for found in comparison.differences.values() for d in found.values()]


def test_the_same_bits_are_exact():
    again = rerun(finished="2026-05-01T00:00:00Z", environment={"cpu": "another"})
    comparison = compare(RECORD, again, [])
    assert (comparison.result, comparison.largest) == ("exact", 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"curves": {"train/seg/loss": [1.0, 0.5, 0.25]}},
        {"validation": scaled(1.0000001)},
        {"selected_epoch": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_same_test_metrics_alone_are_not_exact(change):
    assert compare(RECORD, rerun(**change), []).result == "within"


@pytest.mark.parametrize("name", ["auxiliary/seg", "auxiliary", "phase"])
def test_curves_that_an_earlier_benchbed_did_not_keep_make_no_difference(name):
    with_curve = rerun(curves={**RECORD.curves, name: [1.0, 2.0]})
    assert compare(RECORD, with_curve, []).result == "exact"
    assert compare(with_curve, RECORD, []).result == "within", "one that is lost does"
    other = rerun(curves={**RECORD.curves, name: [1.0, 3.0]})
    assert compare(with_curve, other, []).result == "within"


def test_another_curve_more_makes_a_difference():
    more = rerun(curves={**RECORD.curves, "train/more/loss": [1.0, 2.0]})
    assert compare(RECORD, more, []).result == "within"


@pytest.mark.parametrize(
    ("factor", "tolerance", "result"),
    [
        (1.019, None, "within"),
        (0.981, None, "within"),
        (1.021, None, "differs"),
        (0.979, None, "differs"),
        (1.021, 0.03, "within"),
        (1.001, 0.0, "differs"),
    ],
)
def test_without_other_seeds_metrics_may_differ_by_a_share(factor, tolerance, result):
    comparison = compare(RECORD, rerun(factor), OTHERS[:2], tolerance)
    assert comparison.result == result
    assert comparison.largest == pytest.approx(abs(factor - 1))


def test_one_metric_too_far_is_enough_to_differ():
    test = {**scaled(1.0), "depth": {"abs": 0.25, "rel": 0.2}}
    comparison = compare(RECORD, rerun(test=test), [])
    assert comparison.result == "differs"
    assert [d.is_within for d in each(comparison)].count(False) == 1


def test_with_other_seeds_the_allowance_is_the_interval_of_a_difference():
    comparison = compare(RECORD, rerun(1.001), OTHERS)
    values = np.array([scores["depth"]["rel"] for scores in OTHERS])
    quantile = stats.t.ppf(1 - 0.05 / (2 * 5), df=3)
    expected = quantile * values.std(ddof=1) * math.sqrt(2)
    assert comparison.differences["depth"]["rel"].allowed == pytest.approx(expected, rel=1e-9)
    assert "from 4 other seeds and for 5 metrics together" in comparison.rule


def test_seeds_far_apart_allow_no_more_than_a_share():
    others = [scaled(factor) for factor in (0.1, 1.0, 1.9, 1.5)]
    assert compare(RECORD, rerun(1.19), others).result == "within"
    comparison = compare(RECORD, rerun(1.21), others)
    assert comparison.result == "differs"
    assert "but no more than 0.2 of the record's value" in comparison.rule


def test_the_order_of_tasks_and_metrics_does_not_count():
    test = {task: dict(reversed(scores.items())) for task, scores in RECORD.test.items()}
    assert compare(RECORD, rerun(test=dict(reversed(test.items()))), []).result == "exact"


def test_a_tolerance_that_was_given_counts_instead_of_the_seeds():
    comparison = compare(RECORD, rerun(1.001), OTHERS, 0.01)
    assert comparison.differences["depth"]["rel"].allowed == pytest.approx(0.00125)


def test_metrics_that_do_not_vary_over_seeds_may_differ_by_a_share():
    comparison = compare(RECORD, rerun(1.01), [scaled(1.0)] * 4)
    assert [d.allowed for d in each(comparison)] == pytest.approx(
        [0.02 * d.record for d in each(comparison)]
    )


def test_honest_runs_agree_as_often_as_the_level_says():
    """Record, run and seeds drawn alike: all metrics lie within in about 95 of 100 cases."""
    generator = np.random.default_rng(0)
    metrics = [(task, name) for task, found in fakes.SCORES.items() for name in found]
    agreed = 0
    for _ in range(1000):
        draws = generator.normal(0.5, 0.01, (6, len(metrics)))
        runs: list[dict] = []
        for draw in draws:
            run: dict[str, dict[str, float]] = {}
            for (task, name), value in zip(metrics, draw.tolist(), strict=True):
                run.setdefault(task, {})[name] = value
            runs.append(run)
        first, second, *others = runs
        mine = msgspec.structs.replace(RECORD, test=first)
        again = msgspec.structs.replace(RECORD, test=second)
        agreed += compare(mine, again, others).result == "within"
    assert 0.95 <= agreed / 1000 <= 0.98, "Bonferroni is a little on the safe side"


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100), st.floats(0, 1e100))
def test_whether_values_are_within_does_not_depend_on_their_order(one, two, allowed):
    assert Difference(one, two, allowed).is_within == Difference(two, one, allowed).is_within
    assert Difference(one, two, abs(two - one)).is_within
    assert Difference(one, one, 0.0).is_within
    assert Difference(one, one, 0.0).relative == 0 <= Difference(one, two, 0.0).relative


def test_other_metrics_cannot_be_compared():
    again = rerun(test={**scaled(1.0), "parts": {"acc": 0.4}})
    with pytest.raises(RecordError, match="other metrics"):
        compare(RECORD, again, [])


def verified(store: Store, item: Record = RECORD, factor: float = 1.0):
    again = rerun(factor)
    return write_verification(store, item, again, compare(item, again, []))


def test_a_verified_record_has_the_tier_and_stays_as_it_was(store):
    (path,) = put(store, RECORD)
    before = path.read_bytes()
    assert tier_of(RECORD, store) == "reproduced"
    kept = verified(store)
    assert kept == store.root / "verifications" / "trio" / "2" / f"{RECORD.key}.json"
    assert tier_of(RECORD, store) == "verified"
    assert path.read_bytes() == before
    assert read_verified(store, "trio", 2) == {RECORD.key: RECORD.content}


def test_a_record_edited_since_is_no_longer_verified(store):
    verified(store)
    edited = seal(msgspec.structs.replace(RECORD, content="", test=scaled(1.2)))
    assert edited.key == RECORD.key
    assert tier_of(edited, store) == "reproduced"


def test_a_record_without_a_digest_can_be_verified(store):
    verified(store, record())
    assert tier_of(record(), store) == "verified"
    assert tier_of(msgspec.structs.replace(record(), seed=4), store) == "reproduced"


def test_a_run_that_differs_leaves_nothing(store):
    assert verified(store, factor=1.1) is None
    assert not store.root.exists()


def test_what_was_exact_stays_exact(store):
    path = verified(store)
    before = path.read_bytes()
    verified(store, factor=1.001)
    assert path.read_bytes() == before
    path.unlink()
    verified(store, factor=1.001)
    assert msgspec.json.decode(path.read_bytes())["result"] == "within"
    verified(store)
    assert msgspec.json.decode(path.read_bytes())["result"] == "exact"


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"{", b"\xff", b'{"schema": "benchbed.verification/2"}']
)
def test_a_damaged_verification_counts_for_nothing(store, content):
    verified(store).write_bytes(content)
    assert tier_of(RECORD, store) == "reproduced"
    assert read_verified(store, "trio", 2) == {}


def test_a_verification_under_anothers_name_counts_for_nothing(store):
    path = verified(store)
    other = seal(record(seed=1))
    path.rename(path.with_name(f"{other.key}.json"))
    assert tier_of(other, store) == tier_of(RECORD, store) == "reproduced"


def test_tiers_are_derived_and_the_lowest_counts():
    boast = msgspec.structs.replace(RECORD, tier="verified")
    claim = seal(msgspec.structs.replace(record(seed=1), tier="claimed"))
    known = {RECORD.key: RECORD.content}
    assert tier(boast, {}) == "reproduced"
    assert tier(claim, {}) == "claimed"
    assert tier(claim, {claim.key: claim.content}) == "verified"
    assert lowest_tier([RECORD], known) == "verified"
    assert lowest_tier([RECORD, seal(record(seed=2))], known) == "reproduced"
    assert lowest_tier([RECORD, claim], known) == "claimed"


def test_other_seeds_are_those_of_the_very_same_run(store):
    versions = {"hps": "0.9"}
    put(store, RECORD, *(record(seed=seed, test=scaled(1 + seed)) for seed in (1, 2)))
    put(store, record("hps+mgda", seed=3), record(seed=4, versions=versions))
    put(store, record(seed=5, data_digest="other"))
    assert other_seeds(RECORD, store) == [scaled(2), scaled(3)]


class Silent:
    """An observer that keeps quiet."""

    def started(self, run): ...

    def epoch(self, run, epoch, seconds_left, values): ...

    def finished(self, result): ...


@pytest.fixture
def mini(tmp_path):
    return parse_protocol(fakes.write_mini(tmp_path).read_text(), "mini")


@pytest.fixture
def trained(mini, registry, store):
    """A record of two classifiers of digits, trained in this process."""
    job = one_job(mini, "hps+dwa", registry, store.root)
    assert execute(job, lambda event: None) == 0
    found = store.find(job.place, job.key)
    assert isinstance(found, Record)
    return found


def test_a_run_made_again_in_a_process_of_its_own_is_the_same_to_the_bit(
    trained, mini, registry, store
):
    job = job_again(trained, mini, registry, Means())
    assert (job.key, job.device, job.threads) == (trained.key, "cpu", 1)
    before = sorted(store.root.rglob("*"))
    again = run_again(job, registry, Silent())
    assert compare(trained, again, other_seeds(trained, store)).result == "exact"
    assert sorted(store.root.rglob("*")) == before


def test_a_run_that_cannot_be_made_again_is_said(trained, mini, registry, monkeypatch):
    class Failing:
        def __init__(self, jobs):
            pass

        def execute(self, runs, observer):
            return [Result(runs[0], "failed", "out of memory")]

    monkeypatch.setattr(verify, "load", lambda target, base: Failing)
    with pytest.raises(RunError, match="could not be made again: out of memory"):
        run_again(job_again(trained, mini, registry, Means()), registry, Silent())


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"engine": 1}, RecordError, "version 1 of benchbed's trainer"),
        ({"data_digest": "other"}, DataError, "its digest differs"),
        ({"pretrained": "a" * 64}, DataError, "SHA-256 aaaaaaaaaaaa; give --pretrained"),
        ({"components": []}, PluginError, "make another run"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_not_as_it_was_is_refused_before_training(
    trained, mini, registry, changes, error, words
):
    with pytest.raises(error, match=words):
        job_again(msgspec.structs.replace(trained, **changes), mini, registry, Means())


@pytest.mark.parametrize(
    ("text", "threads"), [("4", 4), ("0", 1), ("9999999", 1), ("²", 1), ("", 1), ("-3", 1)]
)
def test_threads_of_a_foreign_record_are_a_sane_number(trained, mini, registry, text, threads):
    item = msgspec.structs.replace(trained, environment={"threads": text, "device": "cpu"})
    assert job_again(item, mini, registry, Means()).threads == threads


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return ended.value.code or 0, captured.out, captured.err


@pytest.fixture
def verify_again(trained, store, tmp_path, capsys, monkeypatch):
    """Call ``benchbed verify`` where the run made again gives what the test says."""

    def run(again: Record, *options: str):
        monkeypatch.setattr(verify_command, "run_again", lambda job, registry, observer: again)
        where = ("--protocol", tmp_path / "mini.toml", "--results", store.root)
        return call(capsys, "verify", trained.key[:8], *where, *options)

    return run


def test_the_command_says_what_it_found(verify_again, trained, store):
    status, out, _ = verify_again(trained)
    assert status == 0
    assert out.startswith(f"Verified, the same bits: hps+dwa seed 0 ({trained.key[:12]}).\nWritten")
    assert tier_of(trained, store) == "verified"


def test_the_command_says_by_how_much_it_differs_and_ends_with_one(verify_again, trained, store):
    test = msgspec.structs.replace(trained).test
    test = {**test, "holes": {**test["holes"], "accuracy": test["holes"]["accuracy"] * 0.9}}
    environment = {**trained.environment, "cpu": "another"}
    again = msgspec.structs.replace(trained, test=test, environment=environment)
    status, out, _ = verify_again(again)
    assert status == 1
    assert "10.00% apart" in out
    assert out.count("TOO FAR") == 1
    assert f"Environment: cpu was {trained.environment['cpu']}, is another." in out
    assert "Not verified, beyond 0.02 of the record's value" in out
    assert tier_of(trained, store) == "reproduced"
    status, out, _ = verify_again(again, "--tolerance", "0.2", "--json")
    assert status == 0
    plain = json.loads(out)
    assert (plain["result"], plain["tier"]) == ("within", "verified")
    assert plain["differences"]["holes"]["accuracy"]["again"] == test["holes"]["accuracy"]
    assert plain["environment"] == {"cpu": [trained.environment["cpu"], "another"]}


def test_a_record_that_is_not_there_is_wrong_use(capsys, store):
    assert call(capsys, "verify", "abcdef", "--results", store.root)[0] == 2
    assert call(capsys, "verify", "nonsense", "--results", store.root)[0] == 2
