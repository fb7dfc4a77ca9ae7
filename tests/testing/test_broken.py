"""Every check of the conformance classes can fail, in a sentence that says what is wrong."""

import inspect

import pytest

from benchbed.errors import BenchbedError
from tests.testing.broken import CASES, networks, weightings  # noqa: F401


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_plugin_is_refused(case, tmp_path):
    author = type("TestBroken", (case.contract,), case.attributes)()
    check = getattr(author, case.check)
    known = {"given": case.given, "count": 3, "tmp_path": tmp_path, "root": None, **case.arguments}
    arguments = {name: known[name] for name in inspect.signature(check).parameters}
    with pytest.raises((AssertionError, BenchbedError), match=case.says):
        check(**arguments)
