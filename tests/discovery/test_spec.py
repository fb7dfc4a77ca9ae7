"""Options and Specs: what a manifest may say, and how text becomes a value."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.basics.errors import MethodError, PluginError
from benchbed.discovery.spec import API, KINDS, TRAITS, Option, Spec, show_value

GOOD = Spec("good", "1.0", "package.module:Class")
RESERVED = set("/*+:,")
texts = st.text(st.characters(exclude_characters="/*+:,", exclude_categories=["Cs"]), min_size=1)


def refusal(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert message.rstrip("?.") != message, "a sentence ends with a stop"
    return message


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (bool, "true", True),
        (bool, "False", False),
        (bool, True, True),
        (int, "7", 7),
        (int, "-7", -7),
        (int, 7, 7),
        (float, "0.5", 0.5),
        (float, "1e-3", 0.001),
        (float, "2", 2.0),
        (float, 2, 2.0),
        (str, "resnet18.a1_in1k", "resnet18.a1_in1k"),
    ],
)
def test_text_becomes_a_value_of_the_options_type(type_, text, value):
    parsed = Option(type_, value).parse("owner", "name", text)
    assert parsed == value
    assert type(parsed) is type_


@pytest.mark.parametrize(
    ("type_", "text", "wants"),
    [
        (bool, "yes", "true or false"),
        (bool, "1", "true or false"),
        (bool, 1, "true or false"),
        (int, "1.5", "whole number"),
        (int, "1.0", "whole number"),
        (int, 2.0, "whole number"),
        (int, True, "whole number"),
        (int, "seven", "whole number"),
        (int, "1" + "0" * 400, "whole number"),
        (float, "nan", "finite number"),
        (float, "-inf", "finite number"),
        (float, "1e999", "finite number"),
        (float, math.nan, "finite number"),
        (float, False, "finite number"),
        (float, "fast", "finite number"),
        (str, "", "text"),
        (str, "a/b", "text"),
        (str, "a*b", "text"),
        (str, "a+b", "text"),
        (str, "a:b", "text"),
        (str, "a,b", "text"),
        (str, 3, "text"),
    ],
)
def test_text_of_another_type_is_refused_by_what_is_wanted(type_, text, wants):
    with pytest.raises(MethodError) as error:
        Option(type_, type_()).parse("dwa", "T", text)
    message = refusal(error)
    assert "dwa" in message
    assert "'T'" in message
    assert wants in message


@pytest.mark.parametrize(
    ("option", "inside", "outside", "words"),
    [
        (
            Option(float, 0.5, minimum=0, maximum=1),
            ["0", "1", "0.25"],
            ["-1e-9", "1.01"],
            "at most 1",
        ),
        (Option(int, 3, minimum=1), ["1", "1000000"], ["0", "-5"], "at least 1"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(option, inside, outside, words):
    for text in inside:
        assert option.parse("toy", "x", text) == float(text)
    for text in outside:
        with pytest.raises(MethodError, match=f"'x' must be .*{words}.*'{text}'"):
            option.parse("toy", "x", text)


def test_a_value_outside_the_choices_is_refused_with_the_nearest_choice():
    option = Option(str, "cosine", choices=("cosine", "constant"))
    assert option.parse("owner", "name", "constant") == "constant"
    with pytest.raises(MethodError) as error:
        option.parse("owner", "name", "cosin")
    assert "Did you mean 'cosine'?" in refusal(error)


@given(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_number_survives_being_shown_and_read_and_holds_no_reserved_character(value):
    if isinstance(value, int) and abs(value) > 1e300:
        return
    text = show_value(value)
    assert not RESERVED & set(text)
    assert Option(type(value), value).parse("owner", "name", text) == value


@given(texts)
def test_a_text_without_reserved_characters_is_taken_as_it_is(text):
    assert Option(str, "x").parse("owner", "name", text) == text


def test_whole_floats_are_shown_without_a_point():
    assert [show_value(value) for value in (2.0, 0.5, 3, True, "x")] == [
        "2",
        "0.5",
        "3",
        "true",
        "x",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_spec_passes_with_every_trait_of_its_kind(kind):
    replace(GOOD, traits=TRAITS[kind], options={"x": Option(int, 1)}).check(kind)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "Upper"}, ["'Upper'", "lower-case"]),
        ({"id": ""}, ["lower-case"]),
        ({"id": "a b"}, ["'a b'"]),
        ({"id": "a.b"}, ["'a.b'"]),
        ({"id": "-a"}, ["'-a'"]),
        ({"id": "a\n"}, ["lower-case"]),
        ({"id": None}, ["None"]),
        ({"version": ""}, ["'good'", "version"]),
        ({"version": 1.0}, ["'good'", "version"]),
        ({"api": API + 1}, ["'good'", f"interface {API + 1}", f"has {API}"]),
        ({"target": "package.module"}, ["'good'", "'package.module'", "package.module:Name"]),
        ({"target": "package.module:"}, ["package.module:Name"]),
        ({"target": ":Class"}, ["package.module:Name"]),
        ({"target": "a-b:Class"}, ["'a-b:Class'"]),
        ({"target": None}, ["None"]),
        ({"options": {"width": 3}}, ["'good'", "'width'", "benchbed.Option"]),
        ({"options": {"width": Option(list, [])}}, ["'width'", "benchbed.Option"]),
        ({"options": ["width"]}, ["'good'", "options"]),
        ({"options": None}, ["'good'", "options"]),
        ({"traits": frozenset({"gramia"})}, ["'good'", "'gramia'", "Did you mean 'gramian'?"]),
        ({"traits": None}, ["'good'", "trait"]),
    ],
)
def test_a_malformed_spec_is_refused_by_a_sentence(change, words):
    with pytest.raises(PluginError) as error:
        replace(GOOD, **change).check("weighting")
    message = refusal(error)
    assert message.startswith("weighting")
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "option",
    [
        Option(int, "eight"),
        Option(float, math.nan),
        Option(str, "a+b"),
        Option(str, "l3", choices=("l1", "l2")),
    ],
)
def test_a_default_that_could_not_be_given_is_refused(option):
    with pytest.raises(PluginError) as error:
        replace(GOOD, options={"width": option}).check("weighting")
    assert "'width'" in refusal(error)


@pytest.mark.parametrize("name", ["", "a=b", "a,b", "a:b", "a+b", "a.b", "2", 3])
def test_an_option_name_that_could_not_be_written_is_refused(name):
    with pytest.raises(PluginError) as error:
        replace(GOOD, options={name: Option(int, 1)}).check("weighting")
    assert "option" in refusal(error)


def test_a_trait_of_another_kind_is_refused():
    with pytest.raises(PluginError, match="unknown trait 'gramian'"):
        replace(GOOD, traits=frozenset({"gramian"})).check("architecture")


OPTIONS = replace(GOOD, options={"b": Option(int, 1), "a": Option(float, 2)})


def test_options_are_resolved_in_the_specs_order_with_defaults_filled_in():
    assert list(OPTIONS.resolve({"a": "3"}).items()) == [("b", 1), ("a", 3.0)]


@pytest.mark.parametrize(
    ("default", "same"), [(2, "2"), (0.0, "-0"), (2.0, "2"), (0.5, "5e-1"), (1e3, 1000)]
)
def test_a_default_given_explicitly_leaves_the_same_trace_as_one_left_out(default, same):
    spec = replace(GOOD, options={"a": Option(float, default)})
    assert json.dumps(spec.resolve({"a": same})) == json.dumps(spec.resolve({}))


def test_an_unknown_option_is_refused_with_the_nearest_or_with_what_there_is():
    spec = replace(GOOD, options={"width": Option(int, 1)})
    with pytest.raises(MethodError, match=r"good: no option 'widht'\. Did you mean 'width'\?"):
        spec.resolve({"widht": "3"})
    with pytest.raises(MethodError, match=r"good: no option 'T'\. It takes none\."):
        GOOD.resolve({"T": "3"})


def test_per_task_options_take_task_names_and_drop_the_default():
    spec = replace(GOOD, options={"task": Option(float, 1.0, per_task=True)})
    assert spec.resolve({"b": "2", "a": "3", "c": "1"}, ["a", "b", "c"]) == {"a": 3.0, "b": 2.0}
    assert spec.resolve({"anything": "2"}) == {"anything": 2.0}
    with pytest.raises(MethodError, match="no option or task 'z'"):
        spec.resolve({"z": "2"}, ["a", "b", "c"])


def test_an_option_added_later_leaves_no_trace_at_its_default():
    before = Spec("good", "1.0", "package.module:Class", options={"a": Option(int, 1)})
    after = replace(before, options={**before.options, "b": Option(int, 2, added=True)})
    assert after.resolve({}) == after.resolve({"b": "2"}) == before.resolve({}) == {"a": 1}
    assert after.resolve({"b": "3"}) == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (Option(float, 1.0), ""),
        (Option(float, 1.0, minimum=0.001), "at least 0.001"),
        (Option(int, 1, maximum=3), "at most 3"),
        (Option(int, 1, minimum=0, maximum=3), "at least 0 and at most 3"),
        (Option(str, "a", choices=("a", "b")), "one of a, b"),
        (Option(bool, True, choices=(True,)), "true alone"),
    ],
)
def test_limits_are_told_in_words(option, words):
    assert option.limits() == words


def test_choices_may_restrict_backbones():
    option = Option(str, "segnet", backbone=True, choices=("segnet",))
    replace(GOOD, options={"backbone": option}).check("architecture")
    wrong = replace(option, default="mlp")
    with pytest.raises(PluginError, match="The default does not fit"):
        replace(GOOD, options={"backbone": wrong}).check("architecture")
