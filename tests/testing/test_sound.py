"""Sound plugins pass, with what first-party ones do not show: phases, adversaries, files, crops."""

from benchbed import Input, Spec, Target
from benchbed.testing import (
    ArchitectureContract,
    BackboneContract,
    DatasetContract,
    TaskContract,
    TransformContract,
    WeightingContract,
)
from tests import regimes, toys
from tests.testing.broken import datasets, networks, tasks

VECTOR = Input((4,), (-3.0, 3.0))
VALUES = {"a": Target("value"), "b": Target("value")}


def announced(specs, name):
    return next(spec for spec in specs if spec.id == name)


def of(plugin, **more):
    return Spec("sound", "1.0", f"{plugin.__module__}:{plugin.__name__}", **more)


class OnVectors(ArchitectureContract):
    input = VECTOR
    targets = VALUES


class TestOneAtATime(OnVectors):
    spec = announced(regimes.benchbed_architectures(), "one-at-a-time")


class TestPhasedFresh(OnVectors):
    spec = announced(regimes.benchbed_architectures(), "phased-fresh")


class TestAdversarial(OnVectors):
    spec = announced(regimes.benchbed_architectures(), "adversarial")


class TestWithPoints(OnVectors):
    spec = announced(regimes.benchbed_architectures(), "with-points")


class TestUnusedIsStated(OnVectors):
    spec = announced(regimes.benchbed_architectures(), "deadwood")
    unused = ("unused.*", "silent.*")


class TestDense(ArchitectureContract):
    spec = of(networks.Dense)
    targets = {
        "seg": Target("class", (8, 12), classes=5),
        "depth": Target("value", (8, 12)),
        "normals": Target("value", (3, 8, 12)),
    }
    input = Input((2, 8, 12))


class TestMaps(BackboneContract):
    spec = of(networks.Maps)
    input = Input((2, 9, 7))


class TestSegmentation(TaskContract):
    spec = of(tasks.Pixels)
    target = Target("class", (4, 6), classes=3, ignore=255)


class TestDepth(TaskContract):
    spec = of(tasks.Sound)
    target = Target("value", (4, 6))
    invalid_target = float("nan")


class TestFiles(DatasetContract):
    spec = of(datasets.Files)


class TestMemory(WeightingContract):
    spec = announced(toys.benchbed_weightings(), "toy-average")


class TestHeadsToo(WeightingContract):
    spec = announced(toys.benchbed_weightings(), "norm-balance")


class TestAtRepresentation(WeightingContract):
    spec = announced(regimes.benchbed_weightings(), "at-representation")


class TestAtLast(WeightingContract):
    spec = announced(regimes.benchbed_weightings(), "at-last")


class TestThreeBatches(WeightingContract):
    spec = announced(regimes.benchbed_weightings(), "three-batches")


class TestOwnOptimizer(WeightingContract):
    spec = announced(regimes.benchbed_weightings(), "looks-back")


class TestGeometric(WeightingContract):
    spec = announced(regimes.benchbed_weightings(), "geometric")


class TestMix(TransformContract):
    spec = announced(regimes.benchbed_transforms(), "mix")
    input = VECTOR


class TestJitter(TransformContract):
    spec = announced(regimes.benchbed_transforms(), "jitter")
    input = VECTOR
    per_sample = True


class TestCrops(TransformContract):
    spec = announced(regimes.benchbed_transforms(), "crops")
    input = VECTOR
    per_sample = True
