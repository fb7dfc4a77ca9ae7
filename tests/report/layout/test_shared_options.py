"""Names of methods without the options that all of them have."""

from __future__ import annotations

import pytest

from benchbed.report.layout.shared_options import leave_out_shared


@pytest.mark.parametrize(
    ("methods", "left", "shared"),
    [
        (["hps+equal", "mtan+dwa"], ["hps+equal", "mtan+dwa"], []),
        (["hps:a=1+dwa:T=3", "mtan:a=1,b=2+dwa:T=3"], ["hps+dwa", "mtan:b=2+dwa"], ["a=1", "T=3"]),
        (["hps:T=3+dwa", "hps+dwa:T=3"], ["hps:T=3+dwa", "hps+dwa:T=3"], []),
        (["hps:a=1+dwa", "hps:a=10+dwa"], ["hps:a=1+dwa", "hps:a=10+dwa"], []),
    ],
)
def test_options_are_shared_part_by_part(methods, left, shared):
    assert leave_out_shared(methods) == (left, shared)
