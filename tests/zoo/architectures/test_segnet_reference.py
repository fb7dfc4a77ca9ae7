"""MTAN, PAD-Net and ATI-Net on SegNet against a second implementation of them."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchbed.contracts.architecture import BuildContext
from benchbed.contracts.dataset import Input, Target
from benchbed.testing.samples import SampleTask
from benchbed_zoo.architectures.ati_net import AtiNet
from benchbed_zoo.architectures.mtan import Mtan
from benchbed_zoo.architectures.pad_net import PadNet
from benchbed_zoo.architectures.split import Split
from benchbed_zoo.backbones.segnet import SegNet
from tests.zoo.architectures import segnet_reference as reference

NYU = (13, 1, 3)


def parameters(shapes):
    return sum(
        math.prod(s) for name, s in shapes.items() if not name.endswith(reference.STATISTICS)
    )


def macs(forward, shapes, tasks):
    tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    with FlopCounterMode(display=False) as counter:
        forward(tensors, torch.empty(1, 3, 288, 384, device="meta"), tasks, False)
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(
    ("forward", "shapes", "channels", "size", "cost"),
    [
        (reference.single, reference.single_shapes, NYU[:1], 24_981_069, 60_416_851_968),
        (reference.single, reference.single_shapes, NYU[1:2], 24_980_289, 60_331_917_312),
        (reference.single, reference.single_shapes, NYU[2:], 24_980_419, 60_346_073_088),
        (reference.single, reference.single_shapes, NYU, 25_055_185, 68_598_890_496),
        (reference.mtan, reference.mtan_shapes, NYU[:1], 38_185_805, 109_565_706_240),
        (reference.mtan, reference.mtan_shapes, NYU, 44_229_073, 216_045_453_312),
        (reference.pad_net, reference.pad_net_shapes, NYU, 45_938_641, 162_366_750_720),
        (reference.ati_net, reference.ati_net_shapes, NYU, 45_716_497, 216_204_705_792),
    ],
)
def test_the_reference_has_the_released_codes_size_and_cost(forward, shapes, channels, size, cost):
    table = shapes(channels)
    assert parameters(table) == size
    assert macs(forward, table, len(channels)) == cost


def generator(seed):
    return torch.Generator().manual_seed(seed)


def draw(name, shape, source):
    """Values far from the initial ones, such that no branch fades out in evaluation mode."""
    if name.endswith(("gain", "variance")):
        return 0.5 + torch.rand(shape, generator=source, dtype=torch.float64)
    noise = torch.randn(shape, generator=source, dtype=torch.float64)
    return 1.5 * noise / math.sqrt(math.prod(shape[1:])) if len(shape) == 4 else 0.3 * noise


def filled(shapes, seed=0):
    source = generator(seed)
    return {name: draw(name, shape, source) for name, shape in shapes.items()}


def images(height, width):
    return torch.rand(2, 3, height, width, generator=generator(1), dtype=torch.float64)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("channels", [(4, 1), (4, 1, 3)])
def test_ati_net_as_released_is_mtan_and_as_described_is_not(channels, training):
    x = images(64, 96)
    released, mtan, described = (
        forward(
            filled(reference.ati_net_shapes(channels, (6, 9, 13, 15, 17))),
            x,
            len(channels),
            training,
        )
        for forward in (reference.ati_net_released, reference.mtan, reference.ati_net)
    )
    for task in range(len(channels)):
        assert (released[task] - mtan[task]).abs().max() == 0
        assert (described[task] - mtan[task]).abs().max() > 0.1 * mtan[task].abs().max()


# From the names of the zoo's modules to those of the reference


def convolution(module, name):
    return {f"{module}.weight": f"{name}.weight", f"{module}.bias": f"{name}.bias"}


def unit(module, name, first=0):
    """Convolution and norm, which are places `first` and the next one of a sequence."""
    norm = {"weight": "gain", "bias": "shift", "running_mean": "mean", "running_var": "variance"}
    return convolution(f"{module}.{first}", name) | {
        f"{module}.{first + 1}.{theirs}": f"{name}.{ours}" for theirs, ours in norm.items()
    }


def stages(module, name, counts):
    names = {}
    for k, count in enumerate(counts):
        names |= unit(f"{module}.{k}.first", f"{name}.{k}.0")
        for i in range(1, count):
            names |= unit(f"{module}.{k}.rest.{i - 1}", f"{name}.{k}.{i}")
    return names


def encoder(module):
    return stages(module, "encoder", reference.ENCODER_CONVS)


def decoder(module, name):
    return stages(module, name, reference.DECODER_CONVS)


def heads(tasks):
    names = {}
    for t, task in enumerate(tasks):
        names |= convolution(f"heads.{task}.0", f"head.{t}.0")
        names |= convolution(f"heads.{task}.1", f"head.{t}.1")
    return names


def single_names(tasks):
    return encoder("backbone.encoder") | decoder("backbone.decoder", "decoder") | heads(tasks)


def mtan_names(tasks):
    names = single_names(tasks)
    for half in ("encoder", "decoder"):
        for k in range(5):
            names |= unit(f"attention.{half}_shared.{k}", f"shared.{half}.{k}")
            for t, task in enumerate(tasks):
                mask = f"attention.{half}_masks.{task}.{k}"
                names |= unit(mask, f"attention.{t}.{half}.{k}.0")
                names |= unit(mask, f"attention.{t}.{half}.{k}.1", first=3)
    return names


def distillation_names(tasks):
    names = {}
    for t, target in enumerate(tasks):
        for s, source in enumerate(tasks):
            if s != t:
                pair = f"distillation.messages.{target}.{source}"
                names |= convolution(f"{pair}.value", f"distil.{t}.{s}.value")
                names |= convolution(f"{pair}.gate", f"distil.{t}.{s}.gate")
    return names


def pad_net_names(tasks):
    names = encoder("encoder") | heads(tasks) | distillation_names(tasks)
    for t, task in enumerate(tasks):
        names |= decoder(f"decoders.{task}", f"decoder.{t}")
    return names


def ati_net_names(tasks):
    names = mtan_names(tasks) | distillation_names(tasks)
    for t, task in enumerate(tasks):
        for i in range(3):
            names |= unit(f"reducers.{task}", f"reduce.{t}.{i}", first=3 * i)
            names |= unit(f"wideners.{task}", f"expand.{t}.{i}", first=3 * i)
    return names


# The zoo's modules against the reference

SYSTEMS = {
    "split": (Split, {}, single_names, reference.single_shapes, reference.single),
    "mtan": (Mtan, {}, mtan_names, reference.mtan_shapes, reference.mtan),
    "pad-net": (
        PadNet,
        {"type": "ati"},
        pad_net_names,
        reference.pad_net_shapes,
        reference.pad_net,
    ),
    "ati-net": (
        AtiNet,
        {"variant": "as-described"},
        ati_net_names,
        reference.ati_net_shapes,
        reference.ati_net,
    ),
    "ati-net-released": (
        AtiNet,
        {"variant": "as-released"},
        ati_net_names,
        reference.ati_net_shapes,
        reference.ati_net_released,
    ),
}


def build(system, size, count):
    """A narrow network for images of a size, in the phase in which all of it is run."""
    cls, options, *_ = SYSTEMS[system]
    targets = {
        "seg": Target("class", size, classes=4),
        "depth": Target("value", size),
        "normals": Target("value", (3, *size)),
    }
    tasks = {name: SampleTask(name, targets[name]) for name in list(targets)[:count]}
    image = Input((3, *size))
    network = cls.build(BuildContext(tasks, image, lambda: SegNet(image, width=0.1)), **options)
    network.set_phase(len(network.phases()) - 1)
    return network.double()


def fill(system, network):
    """Fill a network with noise; return the names of its tensors in the reference, and copies.

    Every parameter and every statistic is used once, and none of the reference is left out.
    """
    _, _, rename, shapes, _ = SYSTEMS[system]
    tasks = network.context.tasks
    names = rename(list(tasks))
    expected = shapes([task.channels for task in tasks.values()], (6, 13, 26, 51, 51))
    state = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert set(names) == set(state)
    assert sorted(names.values()) == sorted(expected)
    assert {names[k]: tuple(tensor.shape) for k, tensor in state.items()} == expected
    noise = filled(expected)
    network.load_state_dict({k: noise[name] for k, name in names.items()}, strict=False)
    return names, noise


def difference(found, expected):
    """The largest difference over the largest value."""
    return ((found - expected).abs().max() / expected.abs().max()).item()


def gradients(outputs, tensors):
    """Of a scalar that weighs every output differently."""
    source = generator(3)
    weights = [torch.randn(y.shape, generator=source, dtype=y.dtype) for y in outputs]
    scalar = sum((w * y).sum() for w, y in zip(weights, outputs, strict=True))
    found = torch.autograd.grad(scalar, list(tensors.values()), allow_unused=True)
    return dict(zip(tensors, found, strict=True))


def is_idle(system, name):
    """Whether a tensor of the reference has no effect."""
    return system == "ati-net-released" and name.startswith(("reduce", "distil", "expand"))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("count", "size"), [(2, (64, 64)), (3, (64, 96)), (3, (50, 70))])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_zoo_equals_the_reference(system, count, size, training):
    network = build(system, size, count).train(training)
    names, tensors = fill(system, network)
    x = images(*size)
    tasks = list(network.context.tasks)
    leaves = {names[k]: p for k, p in network.named_parameters()}
    copies = {name: tensors[name].requires_grad_() for name in leaves}

    found = network(x, tasks)
    expected = SYSTEMS[system][-1](tensors, x, count, training)
    assert list(found) == tasks
    for task, y in zip(tasks, expected, strict=True):
        assert difference(found[task], y) < 1e-12

    ours, theirs = gradients(found.values(), leaves), gradients(expected, copies)
    idle = {name for name in theirs if is_idle(system, name)}
    assert {name for name, gradient in ours.items() if gradient is None} == idle
    assert {name for name, gradient in theirs.items() if gradient is None} == idle
    largest = max(theirs[name].abs().max() for name in theirs.keys() - idle)
    for name in theirs.keys() - idle:
        # the exact gradient of a bias before batch statistics is zero: what is there is rounding
        atol = 1e-9 * theirs[name].abs().max() + 1e-12 * largest
        assert (ours[name] - theirs[name]).abs().max() < atol, name
    for k, statistic in network.named_buffers():
        if k in names and not is_idle(system, names[k]):
            assert difference(statistic, tensors[names[k]]) < 1e-12, k


@pytest.mark.parametrize("system", SYSTEMS)
def test_single_precision_and_channels_last_change_nothing_but_rounding(system):
    network = build(system, (64, 96), 3).eval()
    _, tensors = fill(system, network)
    x = images(64, 96)
    network.float().to(memory_format=torch.channels_last)
    found = network(x.float().contiguous(memory_format=torch.channels_last), ["seg", "normals"])
    expected = SYSTEMS[system][-1](tensors, x, 3, False)
    assert list(found) == ["seg", "normals"]
    assert difference(found["seg"].double(), expected[0]) < 1e-5
    assert difference(found["normals"].double(), expected[2]) < 1e-5


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("system", "phase"), [("ati-net", 0), ("ati-net-released", 0), ("ati-net-released", 1)]
)
def test_the_first_half_and_the_released_code_are_mtan(system, phase, training):
    x = images(64, 64)
    network = build(system, (64, 64), 3).train(training)
    _, tensors = fill(system, network)
    network.set_phase(phase)
    found = network(x, list(network.context.tasks))
    expected = reference.mtan(tensors, x, 3, training)
    for y, task in zip(expected, found, strict=True):
        assert (found[task] - y).abs().max() == 0
