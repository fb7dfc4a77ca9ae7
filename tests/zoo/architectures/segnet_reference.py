"""MTAN, PAD-Net and ATI-Net on SegNet as plain functions of a flat dictionary of tensors.

Nothing here is shared with the modules of the zoo: the tests port the weights of a module to the
names of `shapes` and compare outputs and gradients.

Names end in `weight` and `bias` (convolution), `gain`, `shift`, `mean` and `variance` (batch
normalisation). Stages are counted from the input in the encoder and from the bottleneck in the
decoder.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F

Tensors = dict[str, torch.Tensor]
Shapes = dict[str, tuple[int, ...]]
Features = list[torch.Tensor]
Encoded = tuple[torch.Tensor, Features, Features, Features]

WIDTHS = (64, 128, 256, 512, 512)
ENCODER_CONVS = (2, 2, 3, 3, 3)
DECODER_CONVS = (3, 3, 3, 2, 2)
STATISTICS = (".mean", ".variance")


# The table of shapes


def conv_shapes(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    """A convolution with bias."""
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def unit_shapes(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    """Convolution and batch normalisation."""
    shapes = conv_shapes(name, inputs, outputs, kernel)
    for part in ("gain", "shift", "mean", "variance"):
        shapes[f"{name}.{part}"] = (outputs,)
    return shapes


def decoder_widths(widths: Sequence[int]) -> list[int]:
    """Output widths of the decoder, deepest stage first: 512, 256, 128, 64, 64."""
    return [*reversed(widths[:4]), widths[0]]


def stage_shapes(name: str, inputs: int, outputs: int, convs: int) -> Shapes:
    """3x3 convolutions; the first one changes the width."""
    shapes: Shapes = {}
    for i in range(convs):
        shapes |= unit_shapes(f"{name}.{i}", outputs if i else inputs, outputs, 3)
    return shapes


def encoder_shapes(widths: Sequence[int]) -> Shapes:
    """The five stages of the encoder."""
    shapes: Shapes = {}
    for k, (inputs, outputs) in enumerate(zip([3, *widths], widths, strict=False)):
        shapes |= stage_shapes(f"encoder.{k}", inputs, outputs, ENCODER_CONVS[k])
    return shapes


def decoder_shapes(name: str, widths: Sequence[int]) -> Shapes:
    """The five stages of one decoder."""
    shapes: Shapes = {}
    outputs = decoder_widths(widths)
    for k, (before, after) in enumerate(zip([widths[4], *outputs], outputs, strict=False)):
        shapes |= stage_shapes(f"{name}.{k}", before, after, DECODER_CONVS[k])
    return shapes


def head_shapes(width: int, channels: Sequence[int]) -> Shapes:
    """3x3 and 1x1 convolution per task."""
    shapes: Shapes = {}
    for t, count in enumerate(channels):
        shapes |= conv_shapes(f"head.{t}.0", width, width, 3)
        shapes |= conv_shapes(f"head.{t}.1", width, count, 1)
    return shapes


def single_shapes(channels: Sequence[int], widths: Sequence[int] = WIDTHS) -> Shapes:
    """One SegNet, one head per entry of `channels`."""
    return (
        encoder_shapes(widths)
        | decoder_shapes("decoder", widths)
        | head_shapes(widths[0], channels)
    )


def attention_shapes(name: str, inputs: int, width: int) -> Shapes:
    """Two 1x1 convolutions with batch normalisation."""
    return unit_shapes(f"{name}.0", inputs, width, 1) | unit_shapes(f"{name}.1", width, width, 1)


def mtan_shapes(channels: Sequence[int], widths: Sequence[int] = WIDTHS) -> Shapes:
    """A SegNet, 3x3 units shared by the tasks and 1x1 attention per task."""
    shapes = single_shapes(channels, widths)
    outputs = decoder_widths(widths)
    unpooled = [widths[4], *outputs[:4]]
    for k in range(5):
        shapes |= unit_shapes(f"shared.encoder.{k}", widths[k], [*widths, widths[4]][k + 1], 3)
        shapes |= unit_shapes(f"shared.decoder.{k}", unpooled[k], outputs[k], 3)
        for t in range(len(channels)):
            twice = 2 if k else 1
            shapes |= attention_shapes(f"attention.{t}.encoder.{k}", twice * widths[k], widths[k])
            inputs = unpooled[k] + outputs[k]
            shapes |= attention_shapes(f"attention.{t}.decoder.{k}", inputs, outputs[k])
    return shapes


def distillation_shapes(tasks: int, width: int) -> Shapes:
    """Two 3x3 convolutions for each ordered pair of tasks."""
    shapes: Shapes = {}
    for target in range(tasks):
        for source in range(tasks):
            if source != target:
                name = f"distil.{target}.{source}"
                shapes |= conv_shapes(f"{name}.value", width, width, 3)
                shapes |= conv_shapes(f"{name}.gate", width, width, 3)
    return shapes


def pad_net_shapes(channels: Sequence[int], widths: Sequence[int] = WIDTHS) -> Shapes:
    """One encoder, a decoder per task, distillation of the decoders' features."""
    shapes = encoder_shapes(widths)
    for t in range(len(channels)):
        shapes |= decoder_shapes(f"decoder.{t}", widths)
    return shapes | distillation_shapes(len(channels), widths[0]) | head_shapes(widths[0], channels)


def ati_net_shapes(channels: Sequence[int], widths: Sequence[int] = WIDTHS) -> Shapes:
    """MTAN with distillation at the bottleneck."""
    shapes = mtan_shapes(channels, widths) | distillation_shapes(len(channels), widths[0])
    down = [widths[4], widths[2], widths[1], widths[0]]
    up = down[::-1]
    for t in range(len(channels)):
        for i in range(3):
            shapes |= unit_shapes(f"reduce.{t}.{i}", down[i], down[i + 1], 1)
            shapes |= unit_shapes(f"expand.{t}.{i}", up[i], up[i + 1], 1)
    return shapes


# Forward passes


def conv(v: Tensors, name: str, x: torch.Tensor) -> torch.Tensor:
    """A convolution that keeps height and width."""
    weight = v[f"{name}.weight"]
    return F.conv2d(x, weight, v[f"{name}.bias"], padding=weight.shape[-1] // 2)


def normed(v: Tensors, name: str, x: torch.Tensor, training: bool) -> torch.Tensor:
    """Convolution and batch normalisation; training updates the statistics in `v`."""
    mean, variance = v[f"{name}.mean"], v[f"{name}.variance"]
    gain, shift = v[f"{name}.gain"], v[f"{name}.shift"]
    return F.batch_norm(conv(v, name, x), mean, variance, gain, shift, training, 0.1, 1e-5)


def unit(v: Tensors, name: str, x: torch.Tensor, training: bool) -> torch.Tensor:
    """Convolution, batch normalisation, ReLU."""
    return F.relu(normed(v, name, x, training))


def units(v: Tensors, name: str, x: torch.Tensor, count: int, training: bool) -> torch.Tensor:
    """Several units, one after the other."""
    for i in range(count):
        x = unit(v, f"{name}.{i}", x, training)
    return x


def encode(v: Tensors, x: torch.Tensor, training: bool) -> Encoded:
    """Bottleneck; and per stage: first features, last features, pool indices."""
    firsts, lasts, indices = [], [], []
    for k in range(5):
        first = unit(v, f"encoder.{k}.0", x, training)
        last = first
        for i in range(1, ENCODER_CONVS[k]):
            last = unit(v, f"encoder.{k}.{i}", last, training)
        x, index = F.max_pool2d(last, 2, 2, return_indices=True)
        firsts.append(first)
        lasts.append(last)
        indices.append(index)
    return x, firsts, lasts, indices


def decode(
    v: Tensors, name: str, x: torch.Tensor, encoded: Encoded, training: bool
) -> tuple[Features, Features]:
    """Per stage: the unpooled input and the output."""
    _, _, lasts, indices = encoded
    unpooled, outputs = [], []
    for k in range(5):
        wide = F.max_unpool2d(x, indices[4 - k], 2, 2, output_size=lasts[4 - k].shape[2:])
        x = units(v, f"{name}.{k}", wide, DECODER_CONVS[k], training)
        unpooled.append(wide)
        outputs.append(x)
    return unpooled, outputs


def head(v: Tensors, task: int, x: torch.Tensor) -> torch.Tensor:
    """The raw prediction of a task: neither log-softmax nor unit length is applied."""
    return conv(v, f"head.{task}.1", conv(v, f"head.{task}.0", x))


def single(v: Tensors, x: torch.Tensor, tasks: int, training: bool) -> Features:
    """SegNet with a head per task (Split; One Task where there is one)."""
    encoded = encode(v, x, training)
    _, outputs = decode(v, "decoder", encoded[0], encoded, training)
    return [head(v, task, outputs[-1]) for task in range(tasks)]


def mask(v: Tensors, name: str, x: torch.Tensor, training: bool) -> torch.Tensor:
    """Attention mask in (0, 1)."""
    return torch.sigmoid(normed(v, f"{name}.1", unit(v, f"{name}.0", x, training), training))


def attend(
    v: Tensors,
    task: int,
    encoded: Encoded,
    decoded: tuple[Features, Features],
    training: bool,
) -> torch.Tensor:
    """The attended decoder feature of a task at full resolution."""
    _, firsts, lasts, _ = encoded
    unpooled, outputs = decoded
    merged = firsts[0]
    for k in range(5):
        masked = mask(v, f"attention.{task}.encoder.{k}", merged, training) * lasts[k]
        a = F.max_pool2d(unit(v, f"shared.encoder.{k}", masked, training), 2, 2)
        if k < 4:
            merged = torch.cat([firsts[k + 1], a], 1)
    for k in range(5):
        size = outputs[k].shape[2:]  # twice that of a, one more where pooling left a row out
        doubled = F.interpolate(a, size=size, mode="bilinear", align_corners=True)
        above = unit(v, f"shared.decoder.{k}", doubled, training)
        merged = torch.cat([unpooled[k], above], 1)
        a = mask(v, f"attention.{task}.decoder.{k}", merged, training) * outputs[k]
    return a


def attended_heads(
    v: Tensors, encoded: Encoded, bottleneck: torch.Tensor, tasks: int, training: bool
) -> Features:
    """Shared decoder from `bottleneck`, attention and head of every task."""
    decoded = decode(v, "decoder", bottleneck, encoded, training)
    return [head(v, task, attend(v, task, encoded, decoded, training)) for task in range(tasks)]


def mtan(v: Tensors, x: torch.Tensor, tasks: int, training: bool) -> Features:
    """MTAN (Liu et al., CVPR 2019) on SegNet."""
    encoded = encode(v, x, training)
    return attended_heads(v, encoded, encoded[0], tasks, training)


def distil(v: Tensors, features: Features) -> Features:
    """Each feature plus what the other tasks pass on to it."""
    results = []
    for target, own in enumerate(features):
        total = own
        for source, other in enumerate(features):
            if source != target:
                name = f"distil.{target}.{source}"
                gate = torch.sigmoid(conv(v, f"{name}.gate", other))
                total = total + gate * conv(v, f"{name}.value", other)
        results.append(total)
    return results


def pad_net(v: Tensors, x: torch.Tensor, tasks: int, training: bool) -> Features:
    """PAD-Net on SegNet as in the repository of ATI-Net: no initial predictions."""
    encoded = encode(v, x, training)
    features = []
    for task in range(tasks):
        _, outputs = decode(v, f"decoder.{task}", encoded[0], encoded, training)
        features.append(outputs[-1])
    return [head(v, task, y) for task, y in enumerate(distil(v, features))]


def exchange(v: Tensors, bottleneck: torch.Tensor, tasks: int, training: bool) -> torch.Tensor:
    """Mean over the tasks of their distilled bottlenecks."""
    features = [units(v, f"reduce.{task}", bottleneck, 3, training) for task in range(tasks)]
    total = torch.zeros_like(bottleneck)
    for task, feature in enumerate(distil(v, features)):
        total = total + units(v, f"expand.{task}", feature, 3, training)
    return total / tasks


def ati_net(v: Tensors, x: torch.Tensor, tasks: int, training: bool) -> Features:
    """ATI-Net as the paper describes it: the decoder starts from the exchanged bottleneck."""
    encoded = encode(v, x, training)
    return attended_heads(v, encoded, exchange(v, encoded[0], tasks, training), tasks, training)


def ati_net_released(v: Tensors, x: torch.Tensor, tasks: int, training: bool) -> Features:
    """ATI-Net as released: the exchanged bottleneck is computed and not used."""
    encoded = encode(v, x, training)
    exchange(v, encoded[0], tasks, training)
    return attended_heads(v, encoded, encoded[0], tasks, training)
