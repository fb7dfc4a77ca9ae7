"""The canonical text itself, pinned: where it changes, so does the scheme's name.

``python -m tests.discovery.source.test_golden`` writes the texts anew.
"""

import sys
from pathlib import Path

import pytest

from benchbed.discovery.source import SCHEME, source_text
from tests.discovery.source.packages import PACKAGE, in_package

GOLDEN = Path(__file__).with_name("golden")
NEEDED = {"syntax": (3, 11), "documented": (3, 11), "parameters": (3, 12)}


def text_of(name: str) -> str:
    main, helper = [(GOLDEN / f"{part}.source.txt").read_text("utf-8") for part in (name, "helper")]
    text = in_package(f"{main}# file: helper.py\n{helper}", source_text)
    return text.replace(PACKAGE, "pkg")


@pytest.mark.parametrize("name", NEEDED)
def test_the_canonical_text_is_what_it_was(name):
    if sys.version_info < NEEDED[name]:
        pytest.skip("syntax of a later Python")
    assert text_of(name) == (GOLDEN / f"{name}.canonical.txt").read_text("utf-8")


def test_the_scheme_is_the_one_that_is_pinned():
    assert SCHEME == "ast1"


if __name__ == "__main__":
    for known, version in NEEDED.items():
        if sys.version_info >= version:
            (GOLDEN / f"{known}.canonical.txt").write_text(text_of(known), "utf-8")
