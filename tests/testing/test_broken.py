"""Every check of the conformance classes can fail, in a sentence that says what is wrong."""

import inspect

import pytest

from benchbed.basics.errors import BenchbedError
from benchbed.testing import Contract
from tests.testing.broken import (  # noqa: F401
    CASES,
    datasets,
    networks,
    tasks,
    transforms,
    weightings,
)
from tests.testing.test_zoo import KINDS


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_plugin_is_refused(case, tmp_path):
    author = type("TestBroken", (KINDS[case.kind],), case.attributes)()
    check = getattr(author, case.check)
    known = {"given": {}, "count": 3, "tmp_path": tmp_path, "root": None, **case.arguments}
    arguments = {name: known[name] for name in inspect.signature(check).parameters}
    with pytest.raises((AssertionError, BenchbedError), match=case.says):
        check(**arguments)


def checks(contract):
    return {name for name in dir(contract) if name.startswith("test_")}


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_a_plugin_that_it_refuses(kind):
    refused = {case.check for case in CASES if case.kind == kind}
    assert refused >= checks(KINDS[kind]) - checks(Contract)
    assert {case.check for case in CASES} >= checks(Contract)
