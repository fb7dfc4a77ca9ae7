"""Every hook is documented with its arguments, and is used in a test."""

import inspect
import re
from pathlib import Path

import pytest

from benchbed.discovery import hookspecs

HERE = Path(__file__)
HOOKS = {
    name: list(inspect.signature(function).parameters)
    for name, function in vars(hookspecs).items()
    if name.startswith("benchbed_")
}


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    text = (HERE.parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
    parts = re.split(r"^## +`?(\w+)`?[^\n]*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_there_are_hooks():
    assert len(HOOKS) >= 13


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_section_that_names_all_its_arguments(hook, sections):
    assert hook in sections
    missing = [name for name in HOOKS[hook] if not re.search(rf"\b{name}\b", sections[hook])]
    assert not missing
    assert sections[hook].strip()


def test_the_documentation_names_no_hook_that_does_not_exist(sections):
    mentioned = set(re.findall(r"\bbenchbed_[a-z_]+", " ".join([*sections, *sections.values()])))
    assert mentioned - HOOKS.keys() <= {"benchbed_zoo"}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_used_in_a_test(hook):
    texts = [path.read_text("utf-8") for path in HERE.parents[1].rglob("*.py") if path != HERE]
    assert any(re.search(rf"\b{hook}\b", text) for text in texts)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_described_in_one_line_where_it_is_declared(hook):
    assert "\n" not in (getattr(hookspecs, hook).__doc__ or "\n")
