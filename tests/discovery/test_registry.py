"""Discovery: what plugins bring, and that a broken one is named, left out, and harms no other."""

import importlib
import re
import sys
import types
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import benchbed
from benchbed.basics.errors import PluginError
from benchbed.discovery.hookspecs import hookimpl
from benchbed.discovery.registry import Registry, discover
from benchbed.discovery.spec import Option, Spec

HEAD = "from benchbed import Option, Spec, hookimpl\n"
GOOD = HEAD + "@hookimpl\ndef benchbed_weightings(): return [Spec('good', '1.0', 'x:Y')]\n"


def returns(*specs: str, hook: str = "benchbed_weightings") -> str:
    return f"{HEAD}@hookimpl\ndef {hook}(): return [{', '.join(specs)}]\n"


@pytest.fixture
def install(plugin_folder, monkeypatch):
    """Install distributions that this process discovers; their modules are forgotten afterwards."""
    plugin_folder.path.mkdir()
    monkeypatch.syspath_prepend(plugin_folder.path)
    installed = []

    def add(name: str, source: str, **arguments) -> Path:
        installed.append(name)
        path = plugin_folder.install(name, source, **arguments)
        importlib.invalidate_caches()
        return path

    yield add
    for name in installed:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def ids(registry: Registry, kind="weighting") -> set[str]:
    return {entry.spec.id for entry in registry.of_kind(kind)}


def test_first_party_plugins_come_by_the_public_entry_point_group_alone():
    (zoo,) = [p for p in entry_points(group="benchbed") if p.dist.name == "benchbed"]
    assert (zoo.name, zoo.value) == ("zoo", "benchbed_zoo.manifest")
    assert discover({"BENCHBED_PLUGINS": ""}).entries == {}
    core = Path(benchbed.__file__).parent
    assert not [path for path in core.rglob("*.py") if "benchbed_zoo" in path.read_text("utf-8")]


def test_entries_know_the_distribution_that_brought_them(install):
    install("good_plugin", GOOD, version="3.1")
    registry = discover({})
    good = registry.get("weighting", "good")
    assert (good.distribution, good.distribution_version) == ("good_plugin", "3.1")
    assert registry.get("weighting", "dwa").distribution == "benchbed"
    assert registry.broken == []


BROKEN = {
    "raises on import": ("raise RuntimeError('boom')", ["RuntimeError: boom"]),
    "leaves on import": ("raise SystemExit('bye')", ["SystemExit: bye"]),
    "lacks a module": ("import no_such_module", ["ModuleNotFoundError", "no_such_module"]),
    "is no Python": ("def :", ["SyntaxError"]),
    "has a hook that raises": (
        HEAD + "@hookimpl\ndef benchbed_weightings(): return 1 / 0",
        ["benchbed_weightings", "ZeroDivisionError: division by zero"],
    ),
    "has a hook that raises midway": (
        HEAD
        + "@hookimpl\ndef benchbed_weightings():\n yield Spec('a', '1', 'x:Y')\n raise OSError",
        ["benchbed_weightings", "OSError"],
    ),
    "has a hook that leaves": (
        HEAD + "@hookimpl\ndef benchbed_weightings(): raise SystemExit(3)",
        ["benchbed_weightings", "SystemExit: 3"],
    ),
    "has a hook that returns nothing": (
        HEAD + "@hookimpl\ndef benchbed_weightings(): pass",
        ["benchbed_weightings", "TypeError"],
    ),
    "has an unknown hook": (
        HEAD + "@hookimpl\ndef benchbed_weighting(): return []",
        ["no hook 'benchbed_weighting'", "Did you mean 'benchbed_weightings'?"],
    ),
    "has a hook with a foreign name": (
        HEAD + "@hookimpl\ndef weightings(): return []",
        ["no hook 'weightings'"],
    ),
    "has a hook with unknown arguments": (
        HEAD + "@hookimpl\ndef benchbed_run_finished(run, score): pass",
        ["benchbed_run_finished", "score"],
    ),
    "brings a protocol that is no path": (
        returns("3", hook="benchbed_protocols"),
        ["benchbed_protocols", "3"],
    ),
    "takes the id of another plugin": (
        returns("Spec('dwa', '1.0', 'x:Y')"),
        ["weighting 'dwa'", "already registered by benchbed"],
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_is_isolated_and_named_with_its_error_if_it(install, case):
    source, words = BROKEN[case]
    install("a_broken_plugin", source)
    install("good_plugin", GOOD)
    registry = discover({})
    assert {"good", "dwa"} <= ids(registry)
    (broken,) = registry.broken
    assert (broken.plugin, broken.distribution) == ("a_broken_plugin", "a_broken_plugin")
    assert "of a_broken_plugin: " in str(broken)
    assert "\n" not in broken.error
    for word in words:
        assert word in broken.error
    with pytest.raises(PluginError, match=re.escape(str(broken))):
        discover({}, strict=True)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("Spec('dwa', '1.0', 'x:Y')", ["'dwa'", "benchbed"]),
        ("Spec('first', '1.0', 'x:Y')", ["'first'", "a_plugin"]),
        ("Spec('bad', '1.0', 'x:Y', api=2)", ["'bad'", "interface 2", "interface 1"]),
        ("Spec('Bad Id', '1.0', 'x:Y')", ["'Bad Id'"]),
        ("Spec('bad', '', 'x:Y')", ["'bad'", "version"]),
        ("Spec('bad', '1.0', 'x.Y')", ["'bad'", "'x.Y'"]),
        ("Spec('bad', '1.0', 'x:Y', options={'T': 2.0})", ["'bad'", "'T'", "Option"]),
        ("Spec('bad', '1.0', 'x:Y', options=['T'])", ["'bad'", "options"]),
        ("Spec('bad', '1.0', 'x:Y', traits={'gramain'})", ["'gramain'", "'gramian'?"]),
        ("'bad'", ["weighting", "benchbed.Spec", "'bad'"]),
        ("None", ["weighting", "benchbed.Spec"]),
    ],
)
def test_a_malformed_component_is_left_out_and_its_siblings_stay(install, spec, words):
    install("a_plugin", returns("Spec('first', '1.0', 'x:Y')", spec, "Spec('last', '1.0', 'x:Y')"))
    registry = discover({})
    assert {"dwa", "first", "last"} <= ids(registry)
    assert not {"bad", "Bad Id"} & ids(registry)
    assert registry.get("weighting", "dwa").distribution == "benchbed"
    (broken,) = registry.broken
    assert broken.distribution == "a_plugin"
    for word in words:
        assert word in broken.error


def test_a_hook_that_raises_leaves_the_plugins_other_hooks_alone(install):
    install(
        "a_plugin",
        GOOD + "@hookimpl\ndef benchbed_architectures(): return 1 / 0\n",
    )
    assert "good" in ids(discover({}))


def test_one_id_may_name_components_of_different_kinds(install):
    install("a_plugin", returns("Spec('dwa', '1.0', 'x:Y')", hook="benchbed_tasks"))
    registry = discover({})
    assert registry.broken == []
    assert "dwa" in ids(registry, "task")


def test_an_entry_point_without_its_module_is_broken(install):
    install("a_plugin", "").unlink()
    (broken,) = discover({}).broken
    assert broken.distribution == "a_plugin"
    assert "No module named 'a_plugin'" in broken.error


def test_a_distribution_whose_metadata_is_gone_harms_no_other(install, plugin_folder):
    install("good_plugin", GOOD)
    install("a_plugin", HEAD)
    (plugin_folder.path / "a_plugin-1.0.dist-info" / "METADATA").unlink()
    importlib.invalidate_caches()
    assert {"dwa", "good"} <= ids(discover({}))


def test_a_finder_that_raises_where_metadata_is_gone_harms_none(install, plugin_folder):
    """So does that of importlib_metadata, which MLflow imports, and which then finds for all."""
    pytest.importorskip("importlib_metadata")
    test_a_distribution_whose_metadata_is_gone_harms_no_other(install, plugin_folder)


def test_the_traceback_of_a_broken_plugin_is_kept(install):
    install("a_plugin", "def f():\n    raise RuntimeError('boom')\nf()\n")
    (broken,) = discover({}).broken
    assert "in f" in broken.traceback


def test_two_plugins_of_one_name_are_told_apart(install, plugin_folder):
    install("first_plugin", GOOD)
    install("second_plugin", GOOD.replace("good", "other"))
    info = plugin_folder.path / "second_plugin-1.0.dist-info"
    info.joinpath("entry_points.txt").write_text("[benchbed]\nfirst_plugin = second_plugin\n")
    importlib.invalidate_caches()
    registry = discover({})
    assert "good" in ids(registry)
    (broken,) = registry.broken
    assert broken.distribution == "second_plugin"


def test_a_missing_component_is_refused_with_the_nearest_name_and_with_what_is_broken(install):
    install("a_plugin", "raise RuntimeError('boom')")
    registry = discover({})
    with pytest.raises(PluginError) as error:
        registry.get("weighting", "dwaa")
    message = str(error.value)
    assert message.startswith("There is no weighting 'dwaa'. Did you mean 'dwa'?")
    assert "a_plugin" in message
    assert "RuntimeError: boom" in message
    assert ".." not in message


def test_a_sentence_about_a_broken_component_ends_once(install):
    install("a_plugin", returns("Spec('bad', '', 'x:Y')"))
    with pytest.raises(PluginError) as error:
        discover({}).get("weighting", "zzz")
    assert ".." not in str(error.value)


@pytest.mark.parametrize(
    ("picks", "found"),
    [
        ("", set()),
        (" , ", set()),
        ("zoo", {"dwa"}),
        ("benchbed", {"dwa"}),
        ("good_plugin", {"good"}),
        (" good_plugin , zoo,", {"good", "dwa"}),
    ],
)
def test_plugins_are_picked_by_entry_point_or_distribution(install, picks, found):
    install("good_plugin", GOOD)
    assert ids(discover({"BENCHBED_PLUGINS": picks})) & {"good", "dwa"} == found


def test_plugins_that_are_not_picked_are_not_even_imported(install):
    install("a_plugin", "raise RuntimeError('boom')")
    assert discover({"BENCHBED_PLUGINS": "zoo"}).broken == []
    assert "a_plugin" not in sys.modules


def test_picking_an_unknown_plugin_is_refused_with_the_nearest_name():
    with pytest.raises(PluginError, match=r"names 'zo', which is not installed.*'zoo'\?"):
        discover({"BENCHBED_PLUGINS": "zoo,zo"})


def manifest(**hooks) -> types.ModuleType:
    module = types.ModuleType("manifest")
    for name, function in hooks.items():
        setattr(module, name, hookimpl(function))
    return module


@pytest.mark.parametrize(
    ("hook", "kind"),
    [
        ("benchbed_architectures", "architecture"),
        ("benchbed_backbones", "backbone"),
        ("benchbed_tasks", "task"),
        ("benchbed_datasets", "dataset"),
        ("benchbed_weightings", "weighting"),
        ("benchbed_executors", "executor"),
        ("benchbed_loggers", "logger"),
    ],
)
def test_each_hook_of_components_fills_its_kind(hook, kind):
    registry = Registry()
    spec = Spec("mine", "1.0", "x:Y", options={"a": Option(int, 1)})
    registry.add_plugin(manifest(**{hook: lambda: [spec]}), "m", "dist", "2.0")
    assert [entry.spec for entry in registry.of_kind(kind)] == [spec]
    assert list(registry.entries) == [(kind, "mine")]


@pytest.mark.parametrize(
    ("hook", "kind"),
    [
        ("benchbed_protocols", "protocol"),
        ("benchbed_suites", "suite"),
        ("benchbed_published", "published"),
    ],
)
def test_each_hook_of_files_fills_its_kind(hook, kind):
    registry = Registry()
    registry.add_plugin(manifest(**{hook: lambda: ["/a/b.toml"]}), "m", "dist", "2.0")
    (file,) = registry.files
    assert (file.kind, file.path, file.distribution) == (kind, Path("/a/b.toml"), "dist")


OBSERVERS = {
    "benchbed_run_started": lambda run: None,
    "benchbed_epoch_finished": lambda run, epoch, values: None,
    "benchbed_run_finished": lambda run, status, message: None,
    "benchbed_leaderboard_columns": lambda protocol, methods: {},
}


@pytest.mark.parametrize("hook", OBSERVERS)
def test_an_observing_hook_is_given_out_with_the_arguments_that_it_takes(hook):
    function = OBSERVERS[hook]
    registry = Registry()
    registry.add_plugin(manifest(**{hook: function}), "m", "dist", "2.0")
    names = function.__code__.co_varnames
    assert list(registry.observers(hook)) == [(function, names)]


def test_an_observing_hook_may_leave_out_arguments():
    registry = Registry()
    registry.add_plugin(manifest(benchbed_epoch_finished=lambda epoch: None), "m", "dist", "2.0")
    ((_, names),) = registry.observers("benchbed_epoch_finished")
    assert names == ("epoch",)


def test_a_refused_plugin_observes_nothing():
    registry = Registry()
    module = manifest(benchbed_run_started=lambda run: None, benchbed_nothing=lambda: ["x"])
    with pytest.raises(PluginError, match="benchbed_nothing"):
        registry.add_plugin(module, "m", "dist", "2.0")
    assert list(registry.observers("benchbed_run_started")) == []


def test_a_hook_may_be_implemented_under_another_name():
    registry = Registry()
    module = types.ModuleType("manifest")
    module.mine = hookimpl(lambda: [Spec("mine", "1.0", "x:Y")], specname="benchbed_tasks")
    registry.add_plugin(module, "m", "dist", "2.0")
    assert ids(registry, "task") == {"mine"}


def test_a_second_entry_point_to_one_module_takes_nothing_from_the_first():
    registry = Registry()
    module = manifest(benchbed_run_started=lambda run: None)
    registry.add_plugin(module, "m", "dist", "2.0")
    with pytest.raises(PluginError):
        registry.add_plugin(module, "n", "other", "2.0")
    assert len(list(registry.observers("benchbed_run_started"))) == 1


def test_a_registry_is_its_own_world(install):
    install("good_plugin", GOOD)
    one, two = discover({}), discover({})
    one.entries.clear()
    assert "good" in ids(two)
