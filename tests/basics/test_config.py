"""Where data is looked for: an option, an environment variable, the configuration file."""

import pytest
from platformdirs import user_config_path

from benchbed.basics.config import config_file, default_data_root
from benchbed.basics.errors import BenchbedError
from benchbed.cli import main


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["data", *arguments])
        return (stop.value.code, *capsys.readouterr())

    return call


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.delenv("BENCHBED_DATA", raising=False)
    monkeypatch.setenv("BENCHBED_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "config.toml"


def test_without_a_file_there_is_no_root(tmp_path, monkeypatch):
    monkeypatch.delenv("BENCHBED_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_data_root() is None


def test_a_named_file_must_be_there(config):
    with pytest.raises(BenchbedError, match=f"BENCHBED_CONFIG names {config}, which is not there"):
        default_data_root()


def test_a_relative_root_is_relative_to_the_file(config):
    config.write_text('data_root = "data"')
    assert default_data_root() == config.parent / "data"


def test_the_file_names_the_root_and_the_variable_goes_first(config, tmp_path, monkeypatch):
    config.write_text(f'data_root = "{tmp_path}"\n')
    assert default_data_root() == tmp_path
    monkeypatch.setenv("BENCHBED_DATA", "/elsewhere")
    assert str(default_data_root()) == "/elsewhere"


def test_the_file_lies_where_the_platform_wants_it(monkeypatch):
    monkeypatch.delenv("BENCHBED_CONFIG")
    assert config_file() == user_config_path("benchbed") / "config.toml"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data_root = 3", "must be a text in quotes"),
        ('data_rot = "/a"', "unknown key 'data_rot'. Did you mean 'data_root'?"),
        ("data_root = ", "cannot be read"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named(config, text, told):
    config.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BenchbedError) as caught:
        default_data_root()
    assert told in str(caught.value)
    assert str(config) in str(caught.value)


@pytest.mark.parametrize("way", ["--data-root", "--root", "variable", "file"])
def test_all_ways_lead_to_the_data(config, tmp_path, monkeypatch, run, way):
    data = tmp_path / "data"
    run("fixture", "nyuv2", str(data / "nyuv2"))
    options = [way, str(data)] if way.startswith("--") else []
    if way == "variable":
        monkeypatch.setenv("BENCHBED_DATA", str(data))
    if way == "file":
        config.write_text(f'data_root = "{data}"\n')
    status, out, _ = run("check", "nyuv2", *options)
    assert (status, out) == (0, "nyuv2: nothing wrong.\n")


def test_without_any_the_sentence_names_them(config, run):
    config.touch()
    status, out, _ = run("check", "nyuv2")
    assert status == 2
    assert all(way in out for way in ("--data-root", "BENCHBED_DATA", "configuration file"))


def test_a_wrong_file_ends_a_command_with_status_2(config, run):
    config.write_text("data_root = 3")
    status, _, error = run("check", "nyuv2")
    assert status == 2
    assert "must be a text in quotes" in error
