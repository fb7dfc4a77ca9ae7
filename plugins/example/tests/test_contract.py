"""benchbed's conformance tests on the installed plugin."""

from benchbed.testing import ArchitectureContract, WeightingContract


class TestDeepHeads(ArchitectureContract):
    id = "deep-heads"
    options = {"hidden": 8, "backbone.width": 4}


class TestLogSum(WeightingContract):
    id = "log-sum"
