"""Digests of a component's source: which files are found, and that none is imported."""

import importlib
import os
import re
import sys
import zipfile

import pytest

from benchbed.discovery.source import module_file, source_digest

TARGET = "pkg_of_source_tests.sub.main:Class"
FILES = {
    "__init__.py": "",
    "other.py": "X = 1\n",
    "far.py": "X = 1\n",
    "sub/__init__.py": "",
    "sub/main.py": "from . import near\n\nimport os\n\nclass Class:\n    x = near.f\n",
    "sub/near.py": "from ..far import X\n\ndef f(): return X\n",
    "sub/other.py": "X = 1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path; call it with a file's name and text to write one more."""
    root = tmp_path / "pkg_of_source_tests"

    def write(name: str, content: str | bytes) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        importlib.invalidate_caches()

    for name, text in FILES.items():
        write(name, text)
    monkeypatch.syspath_prepend(tmp_path)
    return write


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("sub/main.py", "near.f", "near.f()"),
        ("sub/near.py", "return X", "return -X"),
        ("far.py", "X = 1", "X = 2"),
    ],
)
def test_the_digest_changes_with_the_class_and_with_what_it_reaches(package, name, old, new):
    before = source_digest(TARGET)
    package(name, FILES[name].replace(old, new))
    assert source_digest(TARGET) not in {before, ""}


@pytest.mark.parametrize("name", ["sub/main.py", "sub/near.py", "far.py"])
def test_the_digest_does_not_change_with_what_is_not_reached(package, name):
    before = source_digest(TARGET)
    package(name, FILES[name] + "Y = 2\n")
    assert source_digest(TARGET) == before


@pytest.mark.parametrize("name", ["other.py", "sub/other.py"])
def test_the_digest_does_not_change_with_another_module(package, name):
    before = source_digest(TARGET)
    assert before
    package(name, FILES[name] + "Y = 2\n")
    assert source_digest(TARGET) == before


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("import pkg_of_source_tests.other", "pkg_of_source_tests.other.X"),
        ("import pkg_of_source_tests.other as x", "x.X"),
        ("from pkg_of_source_tests import other", "other.X"),
        ("from pkg_of_source_tests.other import X", "X"),
        ("from .. import other", "other.X"),
        ("from ..other import X", "X"),
        ("def f():\n    from pkg_of_source_tests.other import X\n    return X", "f()"),
    ],
)
def test_every_form_of_a_static_import_is_followed(package, statement, use):
    package("sub/main.py", f"{statement}\nclass Class:\n    x = {use}\n")
    before = source_digest(TARGET)
    package("other.py", "X = 2\n")
    assert source_digest(TARGET) != before


def test_what_a_packages_own_init_imports_is_followed(package):
    package("sub/__init__.py", "from .other import X\n")
    package("sub/main.py", "from pkg_of_source_tests.sub import X\nclass Class:\n    x = X\n")
    before = source_digest(TARGET)
    package("sub/other.py", "X = 2\n")
    assert source_digest(TARGET) != before


def test_imports_in_a_circle_come_to_an_end(package):
    package("far.py", "from .sub import main\n")
    assert source_digest(TARGET)


def test_other_top_level_packages_do_not_count(package, tmp_path):
    package("sub/main.py", "import helper_of_source_tests as h\nclass Class:\n    x = h.X\n")
    helper = tmp_path / "helper_of_source_tests.py"
    helper.write_text("X = 1\n")
    before = source_digest(TARGET)
    helper.write_text("X = 12\n")
    assert source_digest(TARGET) == before


def test_line_ends_do_not_count(package):
    package("sub/near.py", "def f():\n    return 1\n")
    before = source_digest(TARGET)
    package("sub/near.py", b"def f():\r\n    return 1\r\n")
    assert source_digest(TARGET) == before


def test_where_the_package_lies_does_not_count(package, tmp_path, monkeypatch):
    before = source_digest(TARGET)
    (tmp_path / "moved").mkdir()
    (tmp_path / "pkg_of_source_tests").rename(tmp_path / "moved" / "pkg_of_source_tests")
    monkeypatch.syspath_prepend(tmp_path / "moved")
    assert source_digest(TARGET) == before


def test_an_edit_that_keeps_size_and_second_is_seen(package, tmp_path):
    before = source_digest(TARGET)
    path = tmp_path / "pkg_of_source_tests" / "far.py"
    stat = path.stat()
    package("far.py", "X = 2\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert source_digest(TARGET) != before


def test_the_source_is_found_without_importing_anything(package):
    for name in ("__init__.py", "sub/__init__.py", "sub/main.py"):
        package(name, "raise RuntimeError('imported')\n")
    assert source_digest(TARGET)
    assert not [name for name in sys.modules if name.startswith("pkg_of_source_tests")]


@pytest.mark.parametrize("name", ["sub/main.py", "sub/near.py", "far.py"])
def test_a_module_that_is_no_valid_python_counts_by_its_bytes(package, name):
    package(name, "def :\n")
    before = source_digest(TARGET)
    package(name, "def ::\n")
    assert source_digest(TARGET) not in {before, ""}


def test_a_class_that_the_module_does_not_define_is_all_of_the_module(package):
    package("sub/main.py", "X = 1\n")
    before = source_digest(TARGET)
    package("sub/main.py", "X = 2\n")
    assert source_digest(TARGET) not in {before, ""}


def test_a_module_without_the_name_of_a_class_is_all_of_it(package):
    before = source_digest("pkg_of_source_tests.far")
    package("far.py", "X = 2\n")
    assert source_digest("pkg_of_source_tests.far") not in {before, ""}


def test_the_digest_names_its_scheme(package):
    assert re.fullmatch("ast1:[0-9a-f]{16}", source_digest(TARGET))


@pytest.mark.parametrize(
    "target", ["no_such_package:X", "pkg_of_source_tests.no:X", "sys:X", "json.no.deeper:X"]
)
def test_the_digest_is_empty_where_there_is_no_source(package, target):
    assert source_digest(target) == ""


def test_a_module_inside_a_zip_file_digests_or_has_no_source(tmp_path, monkeypatch):
    archive = tmp_path / "plugin.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped_of_source_tests.py", "X = 1\n")
    monkeypatch.syspath_prepend(archive)
    assert isinstance(source_digest("zipped_of_source_tests:X"), str)


def test_a_package_is_its_init_file(package):
    assert module_file("pkg_of_source_tests.sub").name == "__init__.py"
    assert module_file("pkg_of_source_tests.sub.near").name == "near.py"
