"""All first-party plugins pass their conformance classes."""

import importlib
import pkgutil

import pytest

from benchbed import Input, Target
from benchbed.discovery.registry import discover
from benchbed.testing import (
    ArchitectureContract,
    BackboneContract,
    Contract,
    DatasetContract,
    TaskContract,
    TransformContract,
    WeightingContract,
)
from tests.zoo import architectures, datasets, tasks, transforms, weightings


class TestHps(ArchitectureContract):
    id = "hps"
    options = {"backbone": "mlp", "backbone.width": 8}


MAPS = {
    "seg": Target("class", (32, 32), classes=5, ignore=255),
    "depth": Target("value", (32, 32)),
    "normals": Target("value", (3, 32, 32)),
}


class TestHpsOfMaps(ArchitectureContract):
    id = "hps"
    targets = MAPS
    options = {"decoder_width": 8}
    lacks = ("representation",)


class TestHpsOfMapsAndSamples(ArchitectureContract):
    id = "hps"
    targets = {**MAPS, "scene": Target("class", classes=4)}
    backbone = "mobilenetv3_small_050"
    lacks = ("representation",)
    unused = ("backbone.model.blocks.*",)


class TestSingleTaskOfMaps(ArchitectureContract):
    id = "single-task"
    targets = MAPS


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


class TestFlip(TransformContract):
    id = "flip"
    targets = MAPS
    per_sample = True


class TestDigits(DatasetContract):
    id = "digits"


class TestRooms(DatasetContract):
    id = "rooms"
    options = {"people": 1.0, "height": 24}

    def component(self, given, tasks=None):
        """A few small images: those of the defaults take half a minute."""
        small = {"height": 16, "width": 20, "train": 3, "validation": 1, "test": 2}
        return super().component({**small, **given}, tasks)


def files_of_one_plugin():
    """The test files of single plugins, which hold their conformance classes."""
    for package in (architectures, datasets, tasks, transforms, weightings):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if found.name.rpartition(".")[2].startswith("test_"):
                yield importlib.import_module(found.name)


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
    places = [globals(), *(vars(module) for module in files_of_one_plugin())]
    tested = {
        thing.id
        for place in places
        for name, thing in place.items()
        if name.startswith("Test") and isinstance(thing, type) and issubclass(thing, KINDS[kind])
    }
    assert tested >= brought


def test_there_is_a_contract_for_each_kind_of_plugin_that_trains():
    assert {cls.kind for cls in Contract.__subclasses__()} == set(KINDS)
