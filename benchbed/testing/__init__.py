"""Conformance tests for plugins: subclass the class of a plugin's kind; what passes works.

::

    from benchbed.testing import WeightingContract


    class TestLossPower(WeightingContract):
        id = "loss-power"
        options = {"power": 0.5}

``pytest`` is needed, and imported, here only. docs/plugins.md tells more.
"""

from __future__ import annotations

from benchbed.testing.architecture import ArchitectureContract
from benchbed.testing.backbone import BackboneContract
from benchbed.testing.contract import Contract
from benchbed.testing.dataset import DatasetContract
from benchbed.testing.task import TaskContract
from benchbed.testing.transform import TransformContract
from benchbed.testing.weighting import WeightingContract

__all__ = [
    "ArchitectureContract",
    "BackboneContract",
    "Contract",
    "DatasetContract",
    "TaskContract",
    "TransformContract",
    "WeightingContract",
]
