"""Method names: what they resolve to, what they are called, and what is refused."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchbed.basics.errors import BenchbedError, MethodError
from benchbed.discovery.method import resolve_method, resolve_weighting
from benchbed.discovery.registry import discover
from benchbed.discovery.spec import Option, Spec

TASKS = ["digit", "holes", "parity"]
ZOO = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)


def resolve(text, registry=ZOO, tasks=TASKS, backbone=None):
    return resolve_method(text, registry, tasks, backbone)


def resolve_or_refuse(text):
    try:
        return resolve(text)
    except BenchbedError:
        return None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hps", "hps+equal"),
        ("hps+equal", "hps+equal"),
        (" hps+dwa ", "hps+dwa"),
        ("single-task", "single-task"),
        ("hps+dwa:T=2", "hps+dwa"),
        ("hps+dwa:T=2.0", "hps+dwa"),
        ("hps+dwa:T=3.0", "hps+dwa:T=3"),
        ("hps+dwa:T=05e-1", "hps+dwa:T=0.5"),
        ("hps+dwa:dwa.T=3", "hps+dwa:T=3"),
        ("hps:backbone=conv-small", "hps+equal"),
        ("hps:backbone=mlp", "hps:backbone=mlp+equal"),
        ("hps:backbone.width=8,backbone=mlp", "hps:backbone=mlp,backbone.width=8+equal"),
        ("hps:backbone=mlp,backbone.width=128", "hps:backbone=mlp+equal"),
        ("hps:backbone.width=8", "hps:backbone.width=8+equal"),
        ("hps:backbone=resnet18", "hps:backbone=resnet18+equal"),
        ("hps+fixed:parity=2,digit=3", "hps+fixed:digit=3,parity=2"),
        ("hps+fixed:digit=3,parity=1", "hps+fixed:digit=3"),
        ("hps+dwa.fixed", "hps+dwa.fixed"),
        ("hps+dwa.fixed:T=3", "hps+dwa.fixed:dwa.T=3"),
        ("hps+dwa.fixed:fixed.digit=2,dwa.T=3", "hps+dwa.fixed:dwa.T=3,fixed.digit=2"),
        ("hps+fixed.mgda:digit=2", "hps+fixed.mgda:fixed.digit=2"),
    ],
)
def test_the_canonical_name_holds_what_differs_from_the_defaults(text, name):
    assert resolve(text).name == name


def test_every_default_is_filled_in():
    method = resolve("hps")
    assert method.architecture.options == {"backbone": "conv-small"}
    assert method.backbone.options == {"width": 16}
    assert [part.id for part in method.weighting] == ["equal"]
    assert resolve("hps+dwa").weighting[0].options == {"T": 2.0}


def test_components_carry_version_distribution_and_source():
    dwa = resolve("hps+dwa").weighting[0]
    assert (dwa.kind, dwa.version, dwa.distribution) == ("weighting", "1.0", "benchbed")
    assert dwa.source
    assert dwa.identity() == {
        "kind": "weighting",
        "id": "dwa",
        "version": "1.0",
        "options": {"T": 2.0},
    }


def test_backbone_options_reach_the_backbone_and_not_the_architecture():
    method = resolve("hps:backbone=mlp,backbone.width=64")
    assert method.backbone.id == "mlp"
    assert method.backbone.options == {"width": 64}
    assert method.architecture.options == {"backbone": "mlp"}


@pytest.mark.parametrize("model", ["resnet18", "resnet34.a1_in1k"])
def test_a_name_that_is_no_backbone_here_is_a_timm_model(model):
    method = resolve(f"hps:backbone={model}")
    assert method.backbone.id == "timm"
    assert method.backbone.options["model"] == model


def test_methods_with_different_backbones_have_different_names():
    names = {}
    for text in (
        "hps:backbone=timm",
        "hps:backbone=timm,backbone.model=resnet50",
        "hps:backbone=resnet50",
        "hps:backbone=resnet18,backbone.model=resnet50",
    ):
        method = resolve_or_refuse(text)
        if method:
            assert names.setdefault(method.name, method.components) == method.components
            assert resolve(method.name) == method
    assert "hps:backbone=resnet50+equal" in names


def test_a_timm_model_given_twice_and_differently_is_refused():
    with pytest.raises(MethodError, match=r"backbone\.model"):
        resolve("hps:backbone=resnet18,backbone.model=resnet50")


def test_the_protocols_backbone_replaces_the_default_and_goes_unnamed():
    method = resolve("hps", backbone="mlp")
    assert method.name == "hps+equal"
    assert method.backbone.id == "mlp"
    other = resolve("hps:backbone=conv-small", backbone="mlp")
    assert other.name == "hps:backbone=conv-small+equal"
    assert other.backbone.id == "conv-small"


def test_per_task_weights_hold_for_the_tasks_named():
    assert resolve("hps+fixed:digit=3,parity=1").weighting[0].options == {"digit": 3.0}


def test_an_architecture_that_trains_one_task_at_a_time_has_no_weighting():
    method = resolve("single-task")
    assert method.one_run_per_task
    assert method.weighting == ()
    assert not resolve("hps").one_run_per_task


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["''"]),
        ("  ", ["one architecture"]),
        ("hps+dwa+mgda", ["'hps+dwa+mgda'", "compose with a dot"]),
        ("hps+", ["'hps+'", "architecture[:option=value]"]),
        ("+dwa", ["'+dwa'", "architecture[:option=value]"]),
        ("hps:", ["'hps:'", "option=value"]),
        ("hps+dwa:", ["dwa:", "option=value"]),
        ("hps+dwa:T", ["'T'", "option=value"]),
        ("hps+dwa:T=", ["'T='", "option=value"]),
        ("hps+dwa:=2", ["'=2'", "option=value"]),
        ("hps+dwa:T=1,T=2", ["'T'", "twice"]),
        ("hps+dwa.fixed:dwa.T=3,T=4", ["T", "twice"]),
        ("hps+dwa.", ["dwa.", "weighting"]),
        ("hps+.dwa", [".dwa", "weighting"]),
        ("hps+dwa:T=hot", ["dwa", "'T'", "finite number", "'hot'"]),
        ("hps+dwa:T=nan", ["'nan'"]),
        ("hps+dwa:T=inf", ["'inf'"]),
        ("hps+dwa:T=2:3", ["'2:3'"]),
        ("hps+dwa:t=3", ["dwa", "'t'", "T"]),
        ("hps+equal:T=3", ["equal", "'T'", "takes none"]),
        ("hps:width=8", ["hps", "'width'", "backbone"]),
        ("hps:backbone=mlp,backbone.widht=8", ["mlp", "'widht'", "Did you mean 'width'?"]),
        ("hps:backbone=mlp,backbone.width=8.5", ["mlp", "'width'", "whole number"]),
        ("hps:backbone=a/b", ["'a/b'", "without / * + : ,"]),
        ("hps:backbone=a*b", ["'a*b'", "without / * + : ,"]),
        ("hps:backbone=a:b", ["'a:b'", "without / * + : ,"]),
        ("hps+dwaa", ["weighting 'dwaa'", "Did you mean 'dwa'?"]),
        ("hpss+dwa", ["architecture 'hpss'", "Did you mean 'hps'?"]),
        ("hps.mlp", ["architecture 'hps.mlp'"]),
        ("hps+fixed:digti=3", ["task 'digti'", "Did you mean 'digit'?"]),
        ("hps+dwa.fixed:x=3", ["no option 'x'"]),
        ("single-task+dwa", ["single-task", "nothing to weigh", "write 'single-task'"]),
        ("single-task+equal", ["nothing to weigh"]),
        ("single-task:backbone=mlp+dwa", ["write 'single-task:backbone=mlp'"]),
        ("hps+mgda.equal", ["'mgda.equal'", "additive", "mgda is none"]),
        ("hps+mgda.mgda", ["additive"]),
        ("hps+dwa.dwa", ["dwa", "twice"]),
    ],
)
def test_a_senseless_name_is_refused_by_one_sentence_for_the_command_line(text, words):
    with pytest.raises(BenchbedError) as error:
        resolve(text)
    message = str(error.value)
    assert error.value.exit_code == 2
    assert "\n" not in message
    for word in words:
        assert word in message


def test_an_option_that_two_weightings_take_must_be_qualified():
    with pytest.raises(MethodError) as error:
        resolve("hps+dwa.fixed:T=3", tasks=["T", "b"])
    assert "both dwa and fixed" in str(error.value)
    assert "write dwa.T=3" in str(error.value)
    chosen = resolve("hps+dwa.fixed:fixed.T=3", tasks=["T", "b"])
    assert [part.options for part in chosen.weighting] == [{"T": 2.0}, {"T": 3.0}]


def test_a_task_called_like_the_placeholder_of_per_task_options_is_a_task_like_any_other():
    chosen = resolve("hps+dwa.fixed:task=3", tasks=["task", "b"])
    assert [part.options for part in chosen.weighting] == [{"T": 2.0}, {"task": 3.0}]
    with pytest.raises(MethodError) as error:
        resolve("hps+dwa.fixed:task=3")
    assert "Did you mean 'task'?" not in str(error.value)


def test_without_a_protocol_a_named_option_goes_to_the_weighting_that_declares_it():
    method = resolve("hps+dwa.fixed:T=3", tasks=None)
    assert [part.options for part in method.weighting] == [{"T": 3.0}, {}]


def test_backbone_options_of_an_architecture_without_backbone_are_refused(registry):
    assert resolve("toy-net:width=4", registry).backbone is None
    with pytest.raises(MethodError, match="toy-net takes no backbone"):
        resolve("toy-net:backbone.width=4", registry)


def test_an_architecture_that_steps_one_task_at_a_time_takes_additive_weightings_only(registry):
    entry = registry.entries["architecture", "toy-net"]
    stepping = Spec("stepping", "1.0", "tests.toys:ToyNet", traits=frozenset({"single-tasking"}))
    registry.entries["architecture", "stepping"] = type(entry)("architecture", stepping, "x", "1")
    assert resolve("stepping+dwa.fixed", registry).name == "stepping+dwa.fixed"
    for text in ("stepping+mgda", "stepping+dwa.mgda"):
        with pytest.raises(MethodError, match=r"stepping steps one task at a time.*mgda is none"):
            resolve(text, registry)


def test_an_unknown_backbone_is_refused_where_no_plugin_takes_any_name(registry):
    del registry.entries["backbone", "timm"]
    with pytest.raises(BenchbedError, match=r"no backbone 'mpl'.*'mlp'"):
        resolve("hps:backbone=mpl", registry)


def test_weightings_resolve_by_themselves_for_use_as_a_library():
    (dwa,) = resolve_weighting("dwa:T=4", ZOO, ["a", "b"])
    assert dwa.options == {"T": 4.0}


def test_options_equal_to_the_default_share_the_identity_of_options_left_out():
    for text in ("hps+uncertainty:init=-0", "hps+uncertainty:init=0"):
        method = resolve(text)
        assert method.name == "hps+uncertainty"
        assert repr(method.components) == repr(resolve("hps+uncertainty").components)


additive = st.permutations(["dwa", "fixed", "uncertainty", "equal"])


def numbers(owner: str, name: str):
    """The numbers that a weighting's option takes."""
    options = ZOO.get("weighting", owner).spec.options
    per_task = [option for option in options.values() if option.per_task]
    option = options[name] if name in options else per_task[0]
    low, high = (
        bound if math.isfinite(bound) else None for bound in (option.minimum, option.maximum)
    )
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@st.composite
def methods(draw):
    options = []
    backbone = draw(st.sampled_from(["", "conv-small", "mlp", "resnet18", "vit_tiny.x=1"]))
    if backbone:
        options.append(f"backbone={backbone}")
    if backbone in {"", "conv-small", "mlp"} and draw(st.booleans()):
        options.append(f"backbone.width={draw(st.integers(1, 4096))}")
    head = ":".join(
        filter(None, [draw(st.sampled_from(["hps", "single-task"])), ",".join(options)])
    )
    if head.startswith("single-task"):
        return head
    ids = [*draw(additive)[: draw(st.integers(0, 3))], draw(st.sampled_from(["mgda", "pcgrad"]))]
    ids = ids[: draw(st.integers(1, len(ids)))]
    names = {"dwa": ["T"], "fixed": TASKS, "uncertainty": ["init"]}
    chosen = [
        f"{owner}.{name}={draw(numbers(owner, name))!r}".replace("+", "")
        for owner in ids
        for name in names.get(owner, [])
        if draw(st.booleans())
    ]
    return f"{head}+{'.'.join(ids)}" + (
        f":{','.join(draw(st.permutations(chosen)))}" if chosen else ""
    )


@given(text=methods(), backbone=st.sampled_from([None, "mlp", "conv-small"]))
@example(text="hps+dwa:T=1e16", backbone=None)
@settings(deadline=None, max_examples=60)
def test_the_canonical_name_is_a_fixed_point(text, backbone):
    method = resolve(text, backbone=backbone)
    assert resolve(method.name, backbone=backbone) == method


@given(st.text(st.sampled_from("hps+dwa:T=2,.fixed*/ "), max_size=20))
@settings(deadline=None)
def test_any_text_resolves_to_a_fixed_point_or_is_refused_by_an_error_of_ours(text):
    method = resolve_or_refuse(text)
    assert method is None or resolve_or_refuse(method.name) == method


def test_a_text_option_may_hold_an_equals_sign(registry):
    entry = registry.entries["architecture", "toy-net"]
    spec = Spec("texts", "1.0", "tests.toys:ToyNet", options={"name": Option(str, "x")})
    registry.entries["architecture", "texts"] = type(entry)("architecture", spec, "x", "1")
    method = resolve("texts:name=a=b", registry)
    assert method.architecture.options == {"name": "a=b"}
    assert method.name == "texts:name=a=b+equal"


SEGNETS = ["split", "cross-stitch", "dense-sharing", "pad-net", "ati-net"]


@pytest.mark.parametrize("name", SEGNETS)
def test_a_backbone_that_a_system_cannot_use_is_refused_with_the_remedy(name):
    with pytest.raises(MethodError) as error:
        resolve(name, backbone="resnet18")
    assert str(error.value) == (
        f"'{name}': {name} works on segnet alone, and the protocol's backbone is resnet18: "
        "add backbone=segnet."
    )
    with pytest.raises(MethodError, match=r"the given backbone is mlp: write backbone=segnet\."):
        resolve(f"{name}:backbone=mlp", backbone="segnet")
    assert resolve(f"{name}:backbone=segnet", backbone="resnet18").backbone.id == "segnet"
    assert resolve(name).backbone.id == resolve(name, backbone="segnet").backbone.id == "segnet"


@pytest.mark.parametrize(
    ("text", "backbone", "start"),
    [
        ("hps:backbone.width=8", "resnet18", "the protocol's backbone is resnet18. timm:"),
        ("hps:backbone=resnet50,backbone.width=8", "mlp", "the given backbone is resnet50. timm:"),
        ("mtan:backbone.model=x", None, "the default backbone is segnet. segnet:"),
    ],
)
def test_an_option_that_the_backbone_lacks_is_refused_by_where_the_backbone_comes_from(
    text, backbone, start
):
    with pytest.raises(MethodError) as error:
        resolve(text, backbone=backbone)
    message = str(error.value)
    assert message.startswith(f"'{text}': {start} no option ")
    option = "width" if "width" in text else "model"
    having = "conv-small, mlp, segnet" if option == "width" else "timm"
    assert message.endswith(
        f"Leave backbone.{option} out, or name a backbone that has it: {having}."
    )


def test_no_other_backbone_is_proposed_where_none_would_do():
    for text in ("split:backbone.model=x", "hps:backbone.nothing=1", "hps:backbone.width=x"):
        with pytest.raises(MethodError) as error:
            resolve(text)
        assert "or name a backbone" not in str(error.value)
