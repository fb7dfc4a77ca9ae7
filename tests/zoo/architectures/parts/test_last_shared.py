"""Where GradNorm takes gradients in the networks on SegNet, and where it cannot."""

import pytest

from benchbed.basics.errors import MethodError
from benchbed.contracts.weighting import WeightingContext
from benchbed.discovery.method import resolve_weighting
from benchbed.discovery.registry import discover
from benchbed.engine.strategy import build_strategy
from benchbed.testing.training import Parts, train
from benchbed_zoo.architectures.ati_net import AtiNet
from benchbed_zoo.architectures.cross_stitch import CrossStitch
from benchbed_zoo.architectures.dense_sharing import DenseSharing
from benchbed_zoo.architectures.mtan import Mtan
from benchbed_zoo.architectures.pad_net import PadNet
from tests.zoo.architectures.small import built, context


@pytest.mark.parametrize(
    ("architecture", "place"),
    [
        (Mtan, "attention.decoder_shared.4.0"),
        (AtiNet, "attention.decoder_shared.4.0"),
        (PadNet, "encoder.4.rest.1.0"),
    ],
)
def test_the_last_shared_layer_is_the_last_convolution_that_all_tasks_use(architecture, place):
    net = built(architecture)
    expected = list(net.get_submodule(place).parameters())
    assert len(expected) == 2
    assert list(map(id, net.last_shared())) == list(map(id, expected))


@pytest.mark.parametrize("architecture", [CrossStitch, DenseSharing])
def test_gradnorm_is_refused_where_there_is_none(architecture):
    def parts():
        net = architecture.build(context())
        tasks = tuple(net.context.tasks)
        zoo = discover({"BENCHBED_PLUGINS": "zoo"}, strict=True)
        gradnorm = resolve_weighting("gradnorm", zoo, tasks)
        strategy = build_strategy(gradnorm, WeightingContext(tasks))
        return Parts(net.context.tasks, net.context.input, net, strategy)

    name = architecture.__name__
    with pytest.raises(MethodError, match=f"last shared layer, and {name} has none: use a strat"):
        train(parts, epochs=1, batches=1)
