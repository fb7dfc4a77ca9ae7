"""Toy components for every training regime, as a plugin of their own."""

from __future__ import annotations

import torch
from torch import nn

from benchbed import Phase, Spec, Transform, Weighting, hookimpl
from tests.toys import ToyNet


class OneAtATime(ToyNet):
    """Single-tasking, with a hidden layer for each task besides the shared one."""

    execution = "single-tasking"


class Phased(ToyNet):
    """Trains ``a`` alone, then both; then its heads anew with half the learning rate."""

    def phases(self):
        return [
            Phase(until=0.3, tasks=["a"]),
            Phase(until=0.65),
            Phase(until=1.0, lr=0.5, fresh_optimizer=self.fresh),
        ]

    fresh = False
    gate = 0.0

    def set_phase(self, index):
        self.gate = float(index == 2)

    def enter_phase(self, index, generator):
        if index < 2:
            return []
        for parameter in self.heads.parameters():
            with torch.no_grad():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        return [self.heads]

    def forward(self, x, tasks):
        features = self.trunk(x) * (1 + self.gate)
        return {task: self.heads[task](features) for task in tasks}


class PhasedFresh(Phased):
    """The same with a fresh optimiser in the last phase."""

    fresh = True


class Reweighted(ToyNet):
    """Its weighting begins anew amid an epoch, and with the optimiser at the start of one."""

    def phases(self):
        return [
            Phase(until=0.35),
            Phase(until=0.5, fresh_weighting=True),
            Phase(until=1.0, fresh_weighting=True, fresh_optimizer=True),
        ]


class Growing(ToyNet):
    """Trains ``a``, then both tasks with another hidden layer."""

    grown = False

    def __init__(self, context, width=8):
        super().__init__(context, width)
        self.hidden = nn.Linear(width, width)

    def phases(self):
        return [Phase(until=0.3, tasks=["a"]), Phase(until=1.0)]

    def set_phase(self, index):
        self.grown = index == 1

    def forward(self, x, tasks):
        features = self.trunk(x)
        if self.grown:
            features = self.hidden(features)
        return {task: self.heads[task](features) for task in tasks}


class LastPhaseWithout(ToyNet):
    """Trains both tasks, then only ``b``."""

    def phases(self):
        return [Phase(until=0.5), Phase(until=1.0, tasks=["b"])]


class Adversarial(ToyNet):
    """A discriminator on the gradient of each task's loss, and a penalty that no task owns."""

    def __init__(self, context, width=8):
        super().__init__(context, width)
        self.discriminator = nn.Linear(width, len(context.tasks))

    def forward(self, x, tasks):
        self.features = self.trunk(x)
        outputs = {task: self.heads[task](self.features) for task in tasks}
        return outputs | {f"{task}@again": output * 1.0 for task, output in outputs.items()}

    def auxiliary(self, outputs, losses, targets, progress):
        names = list(self.context.tasks)
        found = {None: 0.01 * self.features.square().mean()}
        for task, loss in losses.items():
            (gradient,) = torch.autograd.grad(loss, self.features, create_graph=True)
            logits = self.discriminator(gradient / (gradient.norm(dim=1, keepdim=True) + 1e-10))
            label = torch.full((len(gradient),), names.index(task))
            found[task] = 0.1 * (1 + progress) * nn.functional.cross_entropy(logits, label)
        return found

    def auxiliary_parameters(self):
        return self.discriminator.parameters()

    def param_groups(self, lr):
        return [
            {"params": list(self.trunk.parameters()), "lr": lr / 2, "name": "shared"},
            {"params": list(self.discriminator.parameters()), "lr": lr * 10, "name": "adversary"},
        ]


class WithPoints(ToyNet):
    """States its representation and its last shared layer."""

    def __init__(self, context, width=8):
        super().__init__(context, width)
        self.mix = nn.Linear(width, width)

    def forward(self, x, tasks):
        self.kept = self.mix(self.trunk(x))
        return {task: self.heads[task](self.kept) for task in tasks}

    def representation(self):
        return self.kept

    def last_shared(self):
        return self.mix.parameters()


class Deadwood(ToyNet):
    """Has a layer that nothing uses and one whose gradient is zero."""

    def __init__(self, context, width=8):
        super().__init__(context, width)
        self.unused = nn.Linear(2, 2)
        self.silent = nn.Linear(4, 1)

    def forward(self, x, tasks):
        outputs = super().forward(x, tasks)
        return {task: output + 0.0 * self.silent(x) for task, output in outputs.items()}


class AtRepresentation(Weighting):
    """Inverse norms of the gradients at the representation."""

    level = "gramian"
    at = "representation"

    def weights(self, gramian, losses):
        self.seen = gramian
        return 1 / gramian.diag().sqrt().clamp(min=1e-12)


class AtLast(AtRepresentation):
    """Inverse norms of the gradients at the last shared layer."""

    at = "last"


class ThreeBatches(Weighting):
    """Weights from products of gradients of the first two batches, used on the third."""

    level = "gramian"
    batches = 3

    def weights(self, gramian, losses):
        count = len(losses)
        cross = gramian[:count, count : 2 * count]
        return torch.softmax(-cross.sum(dim=1), dim=0)


class LooksBack(Weighting):
    """FAMO-like: moves logits by how much each loss fell, with an Adam of its own."""

    level = "loss"

    def __init__(self, context):
        super().__init__(context)
        self.logits = nn.ParameterDict({t: nn.Parameter(torch.zeros(())) for t in context.tasks})
        self.optimizer = torch.optim.Adam(self.logits.parameters(), lr=0.1)
        self.before = {}

    def transform(self, losses):
        self.before = {task: loss.detach() for task, loss in losses.items()}
        return {task: self.logits[task].detach().exp() * loss for task, loss in losses.items()}

    def after_step(self, losses):
        self.optimizer.zero_grad()
        for task, loss in losses.items():
            fall = self.before[task].log() - loss.log()
            self.logits[task].grad = fall.reshape(()).clone()
        self.optimizer.step()


class Geometric(Weighting):
    """GLS: the geometric mean of the losses; not linear in them."""

    level = "loss"

    def combine(self, losses):
        return torch.stack(list(losses.values())).log().mean().exp()


class Mix(Transform):
    """Mixup with one share and one permutation a batch."""

    def forward(self, batch, draws):
        order = torch.randperm(len(batch), generator=draws.generator)
        share = 0.5 + 0.5 * float(torch.rand((), generator=draws.generator))
        return batch.replace(
            input=share * batch.input + (1 - share) * batch.input[order],
            mixed={task: target[order] for task, target in batch.targets.items()},
            share=share,
        )


class Jitter(Transform):
    """Noise that follows from each sample's place."""

    def forward(self, batch, draws):
        noise = draws.uniform(batch.input.shape[1]).to(batch.input) - 0.5
        return batch.replace(input=batch.input + 0.1 * noise)


class Crops(Transform):
    """Three shifted copies of each sample."""

    def forward(self, batch, draws):
        x = batch.input
        return batch.replace(input=torch.stack([x - 0.1, x, x + 0.3], dim=1))


class Thawing(ToyNet):
    """Its trunk is frozen in the first phase."""

    def phases(self):
        return [Phase(until=0.5), Phase(until=1.0)]

    def set_phase(self, index):
        self.trunk.requires_grad_(index == 1)


class Unreadable(Weighting):
    """Keeps a state that no checkpoint can hold."""

    level = "loss"

    def combine(self, losses):
        return torch.stack(list(losses.values())).sum()

    def get_extra_state(self):
        return {"class": Unreadable}

    def set_extra_state(self, state):
        pass


_TRAITS = {"OneAtATime": frozenset({"single-tasking"})}
ARCHITECTURES = {
    "one-at-a-time": OneAtATime,
    "phased": Phased,
    "phased-fresh": PhasedFresh,
    "reweighted": Reweighted,
    "growing": Growing,
    "last-phase-without": LastPhaseWithout,
    "adversarial": Adversarial,
    "deadwood": Deadwood,
    "thawing": Thawing,
    "with-points": WithPoints,
}
WEIGHTINGS = {
    "at-representation": (AtRepresentation, {"gramian"}),
    "at-last": (AtLast, {"gramian"}),
    "three-batches": (ThreeBatches, {"gramian"}),
    "looks-back": (LooksBack, {"loss", "additive"}),
    "geometric": (Geometric, {"loss"}),
    "unreadable": (Unreadable, {"loss"}),
}
TRANSFORMS = {"mix": Mix, "jitter": Jitter, "crops": Crops}


@hookimpl
def benchbed_architectures():
    return [
        Spec(
            name,
            "1.0",
            f"tests.regimes:{cls.__name__}",
            traits=_TRAITS.get(cls.__name__, frozenset()),
        )
        for name, cls in ARCHITECTURES.items()
    ]


@hookimpl
def benchbed_weightings():
    return [
        Spec(name, "1.0", f"tests.regimes:{cls.__name__}", traits=frozenset(traits))
        for name, (cls, traits) in WEIGHTINGS.items()
    ]


@hookimpl
def benchbed_transforms():
    return [Spec(name, "1.0", f"tests.regimes:{cls.__name__}") for name, cls in TRANSFORMS.items()]
