"""Protocol files: what is refused and how, what the digest is taken of, and the catalogue."""

import copy
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchbed.basics.canonical import canonical_json, digest
from benchbed.basics.errors import ProtocolError
from benchbed.contracts import protocol as module
from benchbed.contracts.protocol import DISPLAY, SCHEMA, Protocol, parse_protocol, read_protocol
from benchbed.discovery.catalogue import find_protocol, find_suite, protocols, suites
from benchbed.discovery.registry import FileEntry

BASE = {
    "name": "p",
    "version": 1,
    "epochs": 4,
    "batch_size": 8,
    "data": {"dataset": "toy"},
    "tasks": {"a": {"task": "toy"}, "b": {"task": "toy"}},
    "optimizer": {"name": "sgd", "lr": 0.5},
    "selection": {"rule": "last"},
}
MISSING = object()


def toml(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def document(plain) -> str:
    return "\n".join(f"{key} = {toml(value)}" for key, value in plain.items())


def edited(changes, base=BASE):
    plain = copy.deepcopy(base)
    for place, value in changes.items():
        *above, name = place.split(".")
        table = plain
        for key in above:
            table = table.setdefault(key, {})
        if value is MISSING:
            del table[name]
        else:
            table[name] = value
    return plain


def parse(changes=(), base=BASE) -> Protocol:
    return parse_protocol(document(edited(dict(changes), base)), "file.toml")


def refusal(changes) -> str:
    with pytest.raises(ProtocolError) as error:
        parse(changes)
    message = str(error.value)
    assert error.value.exit_code == 2
    assert "\n" not in message
    assert message.startswith("file.toml")
    return message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, ["unknown key 'epoch'", "Did you mean 'epochs'?"]),
        ({"batch-size": 3}, ["unknown key 'batch-size'", "Did you mean 'batch_size'?"]),
        ({"optimizer.weigth_decay": 0.1}, ["'optimizer.weigth_decay'", "'weight_decay'?"]),
        ({"data.trian": "x"}, ["'data.trian'", "'train'?"]),
        ({"tasks.a.primray": "x"}, ["primray", "'primary'?"]),
        ({"delta_m.base": "x"}, ["'delta_m.base'", "'baseline'?"]),
        ({"zzz": 3}, ["unknown key 'zzz'"]),
        ({"epochs": MISSING}, ["'epochs' is missing"]),
        ({"optimizer.lr": MISSING}, ["'optimizer.lr' is missing"]),
        ({"tasks.a.task": MISSING}, ["tasks", "task' is missing"]),
        ({"selection": MISSING}, ["'selection' is missing"]),
        ({"epochs": "20"}, ["'epochs'", "`int`", "`str`"]),
        ({"epochs": 20.5}, ["'epochs'", "`int`", "`float`"]),
        ({"epochs": True}, ["'epochs'", "`int`", "`bool`"]),
        ({"epochs": 0}, ["'epochs'", ">= 1"]),
        ({"version": -1}, ["'version'", ">= 1"]),
        ({"batch_size": 0}, ["'batch_size'", ">= 1"]),
        ({"drop_last": 1}, ["'drop_last'", "`bool`"]),
        ({"data": "toy"}, ["'data'", "`object`"]),
        ({"tasks": ["a"]}, ["'tasks'"]),
        ({"data.options": {"x": [1]}}, ["'data.options"]),
        ({"name": "Upper"}, ["'name'", "regex"]),
        ({"name": "p/q"}, ["'name'", "regex"]),
        ({"name": "p\n"}, ["'name'", "regex"]),
        ({"tasks": {"A": {"task": "toy"}}}, ["tasks", "regex"]),
        ({"tasks": {"a\n": {"task": "toy"}}}, ["tasks", "regex"]),
        ({"tasks": {}}, ["no tasks", "[tasks.NAME]"]),
        ({"seeds": []}, ["'seeds'", "[0, 1, 2]"]),
        ({"seeds": [1, 1]}, ["'seeds'", "different"]),
        ({"seeds": [-1]}, ["'seeds", ">= 0"]),
        ({"optimizer.name": "rmsprop"}, ["'optimizer.name'", "rmsprop"]),
        ({"optimizer.lr": 0.0}, ["'optimizer.lr'", "> 0"]),
        ({"optimizer.weight_decay": -0.1}, ["'optimizer.weight_decay'", ">= 0"]),
        ({"optimizer.momentum": 1.0}, ["'optimizer.momentum'", "< 1"]),
        (
            {"optimizer.name": "adam", "optimizer.momentum": 0.9},
            ["'optimizer.momentum' is for sgd", "adam"],
        ),
        (
            {"optimizer.name": "adamw", "optimizer.momentum": 0.9},
            ["'optimizer.momentum' is for sgd", "adamw"],
        ),
        ({"optimizer.nesterov": True}, ["'optimizer.nesterov' needs 'optimizer.momentum'"]),
        ({"schedule.name": "linear"}, ["'schedule.name'", "linear"]),
        ({"schedule.step_epochs": 0}, ["'schedule.step_epochs'", ">= 1"]),
        ({"selection.rule": "best"}, ["'selection.rule'", "best"]),
        (
            {"selection.rule": "mean-of-last-k", "selection.k": 5},
            ["'selection.k' is 5", "4 epochs"],
        ),
        ({"selection.criterion": "accuracy"}, ["'selection.criterion'", "'task/metric'"]),
        ({"selection.criterion": "a/"}, ["'selection.criterion'", "'task/metric'"]),
        ({"selection.criterion": "aa/mae"}, ["'aa/mae'", "Did you mean 'a'?"]),
        ({"delta_m.definition": "mean"}, ["'delta_m.definition'", "mean"]),
    ],
)
def test_a_wrong_file_is_refused_by_a_sentence_that_names_the_key(changes, words):
    message = refusal(changes)
    for word in words:
        assert word in message


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "place",
    [
        "optimizer.lr",
        "optimizer.weight_decay",
        "optimizer.momentum",
        "schedule.gamma",
        "schedule.power",
        "seconds_per_run",
        "data.options.x",
        "tasks.a.options.x",
    ],
)
def test_a_number_that_is_not_finite_is_refused_wherever_it_stands(place, number):
    refusal({place: number})


@pytest.mark.parametrize("criterion", ["loss", "a/mae", "b/anything"])
def test_a_criterion_of_one_of_the_tasks_is_taken(criterion):
    changes = {"selection": {"rule": "best-validation", "criterion": criterion}}
    assert parse(changes).selection.criterion == criterion


PAPERS = {"selection": {"rule": "paper-selection"}, "data.validation": "test"}


def test_selecting_on_the_test_split_must_be_called_what_it_is():
    assert "paper-selection" in str(parse(PAPERS).selection)
    with pytest.raises(
        ProtocolError, match=r'selects on the test split; set data.validation = "te'
    ):
        parse({"selection": {"rule": "paper-selection"}})
    with pytest.raises(ProtocolError, match=r"the split that is scored; name another, or call it"):
        parse({**PAPERS, "selection": {"rule": "best-validation"}})
    for rule in ("last", "mean-of-last-k"):  # select nothing, so their curves may be of any split
        assert parse({**PAPERS, "selection": {"rule": rule}}).selection.rule == rule


def test_the_last_k_epochs_may_be_all_of_them():
    assert parse({"selection": {"rule": "mean-of-last-k", "k": 4}}).selection.k == 4


def test_a_text_that_is_not_toml_is_refused_with_its_line():
    with pytest.raises(ProtocolError, match=r"file.toml is not valid TOML: .*line 2"):
        parse_protocol('name = "p"\nepochs = = 3\n', "file.toml")


def test_a_file_that_cannot_be_read_is_refused_with_its_path(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "latin.toml").write_bytes('title = "Größe"'.encode("latin-1"))
    for name in ("folder.toml", "latin.toml", "missing.toml"):
        with pytest.raises(ProtocolError, match=f"Cannot read .*{name}"):
            read_protocol(tmp_path / name)


def test_a_byte_order_mark_is_refused_by_a_sentence(tmp_path):
    path = tmp_path / "bom.toml"
    path.write_text(document(BASE), encoding="utf-8-sig")
    with pytest.raises(ProtocolError, match=r"bom\.toml is not valid TOML"):
        read_protocol(path)


DEFAULTS = {
    "Data": {
        "options": {},
        "train": "train",
        "validation": "validation",
        "test": "test",
        "share": 1.0,
    },
    "TaskEntry": {"target": "", "primary": "", "options": {}},
    "Optimizer": {
        "weight_decay": 0.0,
        "momentum": 0.0,
        "nesterov": False,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
    },
    "Schedule": {
        "name": "constant",
        "per": "epoch",
        "step_epochs": 1,
        "gamma": 0.1,
        "power": 0.9,
        "restart_epochs": 10.0,
        "floor": 0.0,
        "warmup": [],
    },
    "TransformEntry": {"options": {}},
    "Selection": {"criterion": "loss", "k": 1},
    "DeltaM": {"definition": "primary", "baseline": "single-task"},
    "Protocol": {
        "schedule": {
            "name": "constant",
            "per": "epoch",
            "step_epochs": 1,
            "gamma": 0.1,
            "power": 0.9,
            "restart_epochs": 10.0,
            "floor": 0.0,
            "warmup": [],
        },
        "delta_m": {"definition": "primary", "baseline": "single-task"},
        "seeds": (0, 1, 2),
        "backbone": "",
        "drop_last": False,
        "transforms": [],
        "evaluation_transforms": [],
        "accumulate": 1,
        "clip_norm": 0.0,
        "ema": 0.0,
        "title": "",
        "description": "",
        "citation": "",
        "seconds_per_run": 0.0,
    },
}


def _default(info):
    if info.default is not msgspec.NODEFAULT:
        return info.default
    return (
        msgspec.NODEFAULT if info.default_factory is msgspec.NODEFAULT else info.default_factory()
    )


def test_defaults_are_frozen_because_digests_leave_them_out():
    structs = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, msgspec.Struct)
    }
    found = {
        name: {
            info.name: msgspec.to_builtins(_default(info))
            for info in msgspec.structs.fields(struct)
            if _default(info) is not msgspec.NODEFAULT
        }
        for name, struct in structs.items()
    }
    assert repr(found) == repr(DEFAULTS)
    assert SCHEMA == 1


RELEASED = {
    "digits@1": "7e60072efee674acc87f8b824b78c37a86093ff1fe01919196b4402b3040e4e2",
    "nyuv2-mtan@1": "8565b637f88d61979b1cb06305e1589fa418dd9ede71583779fd34002938e79c",
    "rooms-full@1": "dcd86975527e72e382e085673397cd5094eacd4717e054573426fe218fad640b",
    "rooms-segnet@1": "033e4f4d72d144238bc4354e432920cd6d4969dfdec6870bd0e381a83f68cf10",
    "rooms-small@1": "f6fe297a19c64e42d3eeeac9a8264245f481f93c2672d0467d0ebbaecd474274",
}


def test_the_digest_of_a_released_protocol_never_changes(registry):
    found = {name: find_protocol(name, registry).digest for name in RELEASED}
    assert found == RELEASED


CHANGES = {
    "name": "q",
    "version": 2,
    "epochs": 5,
    "batch_size": 9,
    "seeds": [0, 1],
    "backbone": "mlp",
    "drop_last": True,
    "data.dataset": "other",
    "data.options": {"x": 1},
    "data.train": "x",
    "data.validation": "y",
    "data.test": "z",
    "data.share": 0.5,
    "tasks.a.task": "other",
    "tasks.a.target": "x",
    "tasks.a.primary": "x",
    "tasks.a.options": {"x": 1},
    "optimizer.name": "adam",
    "optimizer.lr": 0.25,
    "optimizer.weight_decay": 0.1,
    "optimizer.momentum": 0.9,
    "optimizer.nesterov": True,
    "optimizer.betas": [0.8, 0.9],
    "optimizer.eps": 1e-6,
    "schedule.name": "poly",
    "schedule.per": "step",
    "schedule.step_epochs": 2,
    "schedule.gamma": 0.5,
    "schedule.power": 1.0,
    "schedule.restart_epochs": 2.5,
    "schedule.floor": 0.01,
    "schedule.warmup": [[0, 0.1], [1, 1.0]],
    "transforms": [{"name": "mix"}],
    "evaluation_transforms": [{"name": "crops"}],
    "accumulate": 2,
    "clip_norm": 1.0,
    "ema": 0.9,
    "selection.rule": "best-validation",
    "selection.criterion": "a/mae",
    "selection.k": 2,
    "delta_m.definition": "flat",
    "delta_m.baseline": "hps",
}


def test_every_field_is_either_display_text_or_listed_here_as_one_that_counts():
    parts = {
        "data": module.Data,
        "tasks": module.TaskEntry,
        "optimizer": module.Optimizer,
        "schedule": module.Schedule,
        "selection": module.Selection,
        "delta_m": module.DeltaM,
    }
    places = set()
    for info in msgspec.structs.fields(Protocol):
        if info.name in parts:
            prefix = "tasks.a" if info.name == "tasks" else info.name
            fields = msgspec.structs.fields(parts[info.name])
            places |= {f"{prefix}.{inner.name}" for inner in fields}
        else:
            places.add(info.name)
    assert places == CHANGES.keys() | DISPLAY


@pytest.mark.parametrize("place", CHANGES)
def test_a_field_of_training_counts_in_the_digest(place):
    before = {"optimizer.momentum": 0.5} if place == "optimizer.nesterov" else {}
    assert parse({**before, place: CHANGES[place]}).digest != parse(before).digest


@pytest.mark.parametrize("place", sorted(DISPLAY))
def test_display_text_does_not_count_in_the_digest(place):
    other = parse({place: 5.0 if place == "seconds_per_run" else "other"})
    assert other != parse()
    assert other.digest == parse().digest


def test_a_task_called_like_a_display_field_counts():
    assert parse({"tasks.title": {"task": "toy"}}).digest != parse().digest


@pytest.mark.parametrize(
    ("place", "name", "default"),
    [
        (place, name, default)
        for struct, place in {
            "Data": "data.",
            "TaskEntry": "tasks.a.",
            "Optimizer": "optimizer.",
            "Schedule": "schedule.",
            "Selection": "selection.",
            "DeltaM": "delta_m.",
            "Protocol": "",
        }.items()
        for name, default in DEFAULTS[struct].items()
    ],
)
def test_a_default_written_out_gives_the_digest_of_one_left_out(place, name, default):
    assert parse({place + name: default}).digest == parse().digest


def test_a_whole_number_where_a_real_one_is_meant_gives_the_same_digest():
    assert parse({"optimizer.lr": 1}).digest == parse({"optimizer.lr": 1.0}).digest


def test_the_order_of_the_tasks_counts():
    swapped = {"tasks": {"b": {"task": "toy"}, "a": {"task": "toy"}}}
    assert parse(swapped).digest != parse().digest


def shuffled(draw, value, keep=()):
    if not isinstance(value, dict):
        return value
    keys = list(value) if value is keep else draw(st.permutations(list(value)))
    return {key: shuffled(draw, value[key], keep) for key in keys}


@given(st.data())
def test_the_order_of_keys_in_the_file_does_not_count(data):
    base = edited({**CHANGES, "optimizer.name": "sgd", "data.options": {"x": 1, "y": 2, "z": 3}})
    other = shuffled(data.draw, base, keep=base["tasks"])
    assert parse(base=other).digest == parse(base=base).digest


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True), st.data())
def test_two_orders_of_tasks_share_a_digest_only_when_they_are_one(names, data):
    other = data.draw(st.permutations(names))
    one, two = (parse({"tasks": {n: {"task": "toy"} for n in order}}) for order in (names, other))
    assert (one.digest == two.digest) == (names == other)


@given(
    st.floats(0, 1e300, exclude_min=True, allow_nan=False),
    st.integers(1, 10**18),
    st.lists(st.integers(0, 10**18), min_size=1, max_size=5, unique=True),
)
def test_any_sound_numbers_are_read_as_written(lr, epochs, seeds):
    protocol = parse({"optimizer.lr": lr, "epochs": epochs, "seeds": seeds})
    assert (protocol.optimizer.lr, protocol.epochs) == (lr, epochs)
    assert protocol.seeds == tuple(seeds)


@given(st.text(max_size=60))
def test_any_text_that_is_no_protocol_is_refused_by_our_own_error(text):
    with pytest.raises(ProtocolError):
        parse_protocol(text, "file.toml")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000 + "]" * 5000])
def test_a_value_beyond_what_python_reads_is_refused_by_our_own_error(value):
    with pytest.raises(ProtocolError, match=r"file\.toml"):
        parse_protocol(f"epochs = {value}", "file.toml")


def test_canonical_json_has_one_form_and_no_infinity():
    assert canonical_json({"b": [1, "ä"], "a": None}) == '{"a":null,"b":[1,"\\u00e4"]}'
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(math.inf)


@pytest.fixture
def add(registry, tmp_path):
    def write(filename: str, text: str, kind="protocol", distribution="mine"):
        path = tmp_path / filename
        path.write_text(text)
        registry.files.append(FileEntry(kind, path, distribution))
        return path

    return write


def test_a_bare_name_means_the_newest_version(registry, add):
    for version in (2, 10, 9):
        add(f"{version}.toml", document(edited({"version": version})))
    assert find_protocol("p", registry).version == 10
    assert find_protocol("p@2", registry).version == 2


def test_a_protocol_is_found_by_its_file_without_being_registered(registry, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(document(BASE))
    assert find_protocol(str(path), registry).id == "p@1"


def test_an_unknown_protocol_is_refused_with_the_nearest_name(registry):
    with pytest.raises(ProtocolError, match=r"no protocol 'digist'.*Did you mean 'digits'\?"):
        find_protocol("digist", registry)


def test_a_broken_protocol_file_is_left_out_once_and_named_with_its_distribution(registry, add):
    add("bad.toml", document(edited({"epoch": 3})))
    for _ in range(2):
        assert "digits@1" in protocols(registry)
    (broken,) = registry.broken
    assert broken.distribution == "mine"
    assert "bad.toml" in str(broken)
    assert "'epoch'" in str(broken)
    with pytest.raises(ProtocolError, match=r"bad\.toml"):
        find_protocol("p", registry)


def test_a_protocol_that_plugins_differ_on_is_none(registry, add):
    add("one.toml", document(edited({})), distribution="theirs")
    add("two.toml", document(edited({"epochs": 7})))
    for name in ("p", "p@1"):
        with pytest.raises(ProtocolError) as caught:
            find_protocol(name, registry)
        assert str(caught.value) == (
            "Plugins differ on what protocol p@1 is: theirs brings one, and mine another; one of "
            "them must take another name, or raise its version."
        )
    assert "p@1" not in protocols(registry)
    assert "digits@1" in protocols(registry)


def test_a_protocol_registered_twice_is_left_out_the_second_time(registry, add):
    add("one.toml", document(edited({"title": "first"})))
    add("two.toml", document(edited({"title": "second"})))
    assert find_protocol("p", registry).title == "first"
    assert [str(item).count("registered twice") for item in registry.broken] == [1]


SUITE = 'name = "s"\nprotocols = ["digits"]\nmethods = ["hps"]\n'


def test_suites_are_found_by_name_or_as_the_default(registry, add):
    add("s.toml", SUITE, "suite")
    assert find_suite("s", registry).methods == ["hps"]
    assert find_suite(None, registry).default
    with pytest.raises(ProtocolError, match=r"no suite 'digist'.*Did you mean 'digits'\?"):
        find_suite("digist", registry)


def test_without_a_default_suite_the_user_is_told_what_to_name(registry, add):
    registry.files.clear()
    add("s.toml", SUITE, "suite")
    with pytest.raises(ProtocolError, match="name a protocol and methods"):
        find_suite(None, registry)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SUITE + 'method = "x"', "Did you mean 'methods'?"),
        (SUITE.replace("name", "nam"), "nam"),
        (SUITE.replace('["hps"]', '"hps"'), "'methods' is wrong"),
        (SUITE.replace('"s"', '"digits"'), "registered twice"),
    ],
)
def test_a_broken_suite_is_left_out_and_named(registry, add, text, words):
    before = list(suites(registry))
    add("s.toml", text, "suite")
    assert list(suites(registry)) == before
    (broken,) = registry.broken
    assert broken.distribution == "mine"
    assert words in broken.error
