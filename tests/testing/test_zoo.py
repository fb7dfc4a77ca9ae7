"""All first-party plugins pass their conformance classes."""

import pytest

from benchbed import Input, Target
from benchbed.registry import discover
from benchbed.testing import (
    ArchitectureContract,
    BackboneContract,
    Contract,
    DatasetContract,
    TaskContract,
    TransformContract,
    WeightingContract,
)


class TestHps(ArchitectureContract):
    id = "hps"
    options = {"backbone": "mlp", "backbone.width": 8}


class TestSingleTask(ArchitectureContract):
    id = "single-task"


class TestConvSmall(BackboneContract):
    id = "conv-small"
    options = {"width": 4}


class TestMlp(BackboneContract):
    id = "mlp"
    options = {"width": 8}
    input = Input((1, 8, 12))


class TestTimm(BackboneContract):
    id = "timm"
    input = Input((3, 32, 32))


class TestClassification(TaskContract):
    id = "classification"


class TestClassificationOfAnnotatedSamples(TaskContract):
    id = "classification"
    target = Target("class", classes=3)


class TestRegression(TaskContract):
    id = "regression"
    options = {"loss": "l2"}


class TestDigits(DatasetContract):
    id = "digits"


class TestEqual(WeightingContract):
    id = "equal"


class TestFixed(WeightingContract):
    id = "fixed"
    options = {"a": 5, "b": 0.5}


class TestUncertainty(WeightingContract):
    id = "uncertainty"
    options = {"init": -0.5}


class TestDwa(WeightingContract):
    id = "dwa"
    options = {"T": 0.5}


class TestMgda(WeightingContract):
    id = "mgda"


class TestPcGrad(WeightingContract):
    id = "pcgrad"


KINDS = {
    cls.kind: cls
    for cls in (
        ArchitectureContract,
        BackboneContract,
        DatasetContract,
        TaskContract,
        TransformContract,
        WeightingContract,
    )
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_first_party_plugin_has_a_conformance_class(kind):
    brought = {x.spec.id for x in discover().of_kind(kind) if x.distribution == "benchbed"}
    tested = {
        thing.id
        for name, thing in globals().items()
        if name.startswith("Test") and isinstance(thing, type) and issubclass(thing, KINDS[kind])
    }
    assert tested >= brought


def test_there_is_a_contract_for_each_kind_of_plugin_that_trains():
    assert {cls.kind for cls in Contract.__subclasses__()} == set(KINDS)
