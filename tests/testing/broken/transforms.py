"""Broken batch transforms."""

import torch

from benchbed import Input, Target, Transform
from tests.testing.broken import breaks


def refused(check, says, **more):
    return breaks("transform", check, says, **({"input": Input((4,))} | more))


class Same(Transform):
    def forward(self, batch, draws):
        return batch


@refused("it_keeps_samples_targets_and_classes", "must keep every sample and every target")
class DropsOne(Same):
    def forward(self, batch, draws):
        return batch.replace(input=batch.input[1:])


@refused("it_keeps_samples_targets_and_classes", "returns 5 targets of 'a', not all")
class DropsTargets(Same):
    def forward(self, batch, draws):
        return batch.replace(targets={name: target[1:] for name, target in batch.targets.items()})


@refused("it_keeps_samples_targets_and_classes", "makes inputs that are not finite")
class Divides(Same):
    def forward(self, batch, draws):
        return batch.replace(input=batch.input / 0.0)


@refused(
    "it_keeps_samples_targets_and_classes",
    "target 'seg' no longer holds classes",
    targets={"seg": Target("class", (8, 8), classes=5)},
)
class Interpolates(Same):
    def forward(self, batch, draws):
        maps = batch.targets["seg"][:, None].float()
        maps = torch.nn.functional.interpolate(maps, (4, 4), mode="bilinear")
        return batch.replace(targets={"seg": maps[:, 0]})


@refused("it_leaves_the_batch_that_it_is_given", "forward changes the input in place")
class InPlace(Same):
    def forward(self, batch, draws):
        batch.input.mul_(2.0)
        return batch


@refused("it_leaves_the_batch_that_it_is_given", "forward changes a target in place")
class TargetInPlace(Same):
    def forward(self, batch, draws):
        batch.targets["b"].neg_()
        return batch


@refused("the_same_draws_give_the_same_bits", "gives another 'input' from the same draws")
class GlobalNoise(Same):
    def forward(self, batch, draws):
        return batch.replace(input=batch.input + torch.rand_like(batch.input))


@refused("it_remembers_nothing", "gives another 'input' after other batches")
class RunningMean(Same):
    mean = 0.0

    def forward(self, batch, draws):
        self.mean = 0.9 * self.mean + 0.1 * batch.input.mean()
        return batch.replace(input=batch.input - self.mean)


@refused(
    "a_sample_is_treated_alike_in_any_batch",
    "treats 'input' of a sample differently in another batch",
    per_sample=True,
)
class NoiseOfTheBatch(Same):
    def forward(self, batch, draws):
        return batch.replace(input=batch.input + torch.rand((), generator=draws.generator))
