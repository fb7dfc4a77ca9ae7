"""Derived protocols: other settings have another name, and the file reads as it was made."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchbed.basics.errors import ProtocolError
from benchbed.contracts.derived import derive, is_derived, parse_change, to_toml
from benchbed.contracts.protocol import parse_protocol
from benchbed.discovery.catalogue import find_protocol, protocols


@pytest.fixture
def digits(registry):
    return find_protocol("digits", registry)


def test_a_try_has_a_name_a_digest_and_a_title_of_its_own(digits):
    found = derive(digits, {"optimizer.lr": 0.01, "epochs": 3, "data.share": 0.1})
    assert re.fullmatch(r"digits-try-[0-9a-f]{8}", found.name)
    assert found.version == 1
    assert found.title == "digits@1 with optimizer.lr=0.01, epochs=3, data.share=0.1"
    assert (found.optimizer.lr, found.epochs, found.data.share) == (0.01, 3, 0.1)
    assert found.digest != digits.digest
    assert is_derived(found)
    assert not is_derived(digits)


def test_other_settings_have_another_name_and_the_same_have_the_same(digits):
    names = {derive(digits, {"epochs": n}).name for n in range(1, 50)}
    assert len(names) == 49
    one = derive(digits, {"epochs": 3, "optimizer.lr": 0.1})
    assert one.digest == derive(digits, {"optimizer.lr": 0.1, "epochs": 3}).digest


def test_the_share_is_left_out_of_digests_at_its_default(digits):
    assert "share" not in str(digits.canonical())
    assert "share" in str(derive(digits, {"data.share": 0.5}).canonical())


def test_about_how_long_it_takes_follows_from_epochs_and_samples(digits):
    found = derive(digits, {"epochs": digits.epochs * 2, "data.share": 0.25})
    assert found.seconds_per_run == pytest.approx(digits.seconds_per_run / 2, abs=0.06)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimiser.lr": 1.0}, "the protocol has no 'optimiser'"),
        ({"optimizer.lrr": 1.0}, "unknown key 'optimizer.lrr'. Did you mean 'lr'?"),
        ({"optimizer.lr": -1.0}, "'optimizer.lr' is wrong"),
        ({"epochs": 0}, "'epochs' is wrong"),
        ({"epochs": "many"}, "'epochs' is wrong"),
        ({"data.share": 0}, "'data.share' is wrong"),
        ({"data.share": 1.5}, "'data.share' is wrong"),
        ({"name": "x"}, "a name and a title of its own"),
        ({"title": "x"}, "a name and a title of its own"),
        ({"selection.rule": "mean-of-last-k", "selection.k": 999}, "'selection.k' is 999"),
        ({"epochs.x": 1}, "the protocol has no 'epochs'"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_place(digits, changes, words):
    with pytest.raises(ProtocolError) as caught:
        derive(digits, changes)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["", "Digits", "a b", "../x", "x" * 5 + "\n"])
def test_a_name_that_no_protocol_may_have_is_refused(digits, name):
    if not name:  # none is given
        assert is_derived(derive(digits, {"epochs": 3}, name))
        return
    with pytest.raises(ProtocolError, match=r"^The name '"):
        derive(digits, {"epochs": 3}, name)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=1", 1),
        ("a.b=1e-2", 0.01),
        ("a.b=true", True),
        ("a.b=[0, 1]", [0, 1]),
        ("a.b=adamw", "adamw"),
        ('a.b="1"', "1"),
        ("a.b=digit/accuracy", "digit/accuracy"),
    ],
)
def test_values_are_those_of_toml_and_bare_words_are_texts(text, value):
    assert parse_change(text) == ("a.b", value)


@pytest.mark.parametrize("text", ["epochs", "=3", "epochs=", ""])
def test_a_change_without_its_parts_is_refused(text):
    with pytest.raises(ProtocolError, match="must look like optimizer.lr=0.01"):
        parse_change(text)


def test_every_released_protocol_is_read_again_as_itself(registry):
    for found in protocols(registry).values():
        again = parse_protocol(to_toml(found))
        assert again == found
        assert again.digest == found.digest


@settings(max_examples=50, deadline=None)
@given(
    lr=st.floats(1e-6, 10),
    epochs=st.integers(1, 1000),
    share=st.floats(0.001, 1),
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=5, unique=True),
)
def test_a_derived_one_too(lr, epochs, share, seeds):
    from benchbed.discovery.registry import discover

    base = find_protocol("digits", discover({"BENCHBED_PLUGINS": "zoo"}))
    changes = {"optimizer.lr": lr, "epochs": epochs, "data.share": share, "seeds": seeds}
    found = derive(base, changes)
    assert parse_protocol(to_toml(found)).digest == found.digest
