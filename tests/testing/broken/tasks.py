"""Broken tasks."""

import random

import torch
from torch.nn import functional as F
from torchmetrics import MeanAbsoluteError, MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from benchbed import MetricSpec, Target, Task
from tests.testing.broken import breaks

MAP = Target("value", (4, 4))


def refused(check, says, **more):
    return breaks("task", check, says, **({"target": Target("value")} | more))


class Squared(Task):
    kind = "regression"
    primary = "mae"
    channels = 1

    def loss(self, output, target):
        valid = ~target.isnan()
        error = (output.squeeze(1) - target.nan_to_num()) ** 2
        return (error * valid).sum(), valid.sum()

    def predict(self, output):
        return output.squeeze(1)

    def metrics(self):
        return {"mae": MeanAbsoluteError()}


class ErrorOfValid(MeanAbsoluteError):
    def update(self, preds, target):
        super().update(preds[~target.isnan()], target[~target.isnan()])


class Sound(Squared):
    """Sound: what is NaN counts nowhere."""

    def metrics(self):
        return {"mae": ErrorOfValid()}


class Pixels(Task):
    """Sound: a class at each place, or none."""

    kind = "classification"
    primary = "accuracy"
    percent = frozenset({"accuracy"})

    @property
    def channels(self):
        return self.target.classes

    def loss(self, output, target):
        ignore = self.target.ignore
        total = F.cross_entropy(output, target, ignore_index=ignore, reduction="sum")
        return total, (target != ignore).sum()

    def predict(self, output):
        return output.argmax(dim=1)

    def metrics(self):
        ignore = self.target.ignore
        return {"accuracy": MulticlassAccuracy(self.channels, ignore_index=ignore)}


@refused("it_states_its_kind_and_channels", "NoKind.kind must be 'classification' or 'regression'")
class NoKind(Squared):
    kind = "segmentation"


@refused("it_states_its_kind_and_channels", "channels must be a whole number above 0, not 0")
class NoChannels(Squared):
    channels = 0


@refused(
    "its_metrics_are_those_of_its_spec",
    "has metric 'mae', which its Spec lacks",
    metrics={"rmse": MetricSpec(higher_is_better=False)},
)
class AnotherMetric(Squared):
    pass


@refused(
    "its_metrics_are_those_of_its_spec",
    "metric 'mae' is .*higher_is_better=False.* not .*higher_is_better=True",
    metrics={"mae": MetricSpec(higher_is_better=True)},
)
class AnotherDirection(Squared):
    pass


class WithoutMerging(MeanAbsoluteError):
    full_state_update = True


@refused(
    "its_metrics_give_alone_and_merged_what_they_give_together",
    "'mae' cannot be merged from two processes, since its full_state_update is True",
)
class Unmergeable(Squared):
    def metrics(self):
        return {"mae": WithoutMerging()}


@refused("its_loss_is_a_sum_with_a_gradient_and_a_number", "must return a scalar sum first")
class PerSample(Squared):
    def loss(self, output, target):
        return (output.squeeze(1) - target).abs(), len(target)


@refused("its_loss_is_a_sum_with_a_gradient_and_a_number", "loss changes the target in place")
class ScalesTarget(Squared):
    def loss(self, output, target):
        return super().loss(output, target.mul_(2.0))


@refused("its_loss_is_a_sum_with_a_gradient_and_a_number", "returns a sum without a gradient")
class NoGradient(Squared):
    def loss(self, output, target):
        return super().loss(output.detach(), target)


@refused("its_loss_is_a_sum_with_a_gradient_and_a_number", "counts no valid element in a valid")
class CountsNothing(Squared):
    def loss(self, output, target):
        return super().loss(output, target)[0], 0


@refused("its_loss_is_a_sum_with_a_gradient_and_a_number", "gradient must be finite")
class SquareRoot(Squared):
    def loss(self, output, target):
        total, count = super().loss(output * 0.0 + target[:, None], target)
        return total.sqrt(), count


@refused("its_loss_is_a_sum_with_a_gradient_and_a_number", "returns inf on valid targets")
class Infinite(Squared):
    def loss(self, output, target):
        total, count = super().loss(output, target)
        return total / 0.0, count


@refused("the_same_batch_gives_the_same_loss", "Noisy.loss returns")
class Noisy(Squared):
    def loss(self, output, target):
        return super().loss(output + random.SystemRandom().random(), target)


@refused("its_loss_is_summed_over_samples", "loss: the sum of a batch is .*, not a mean")
class Mean(Squared):
    def loss(self, output, target):
        total, count = super().loss(output, target)
        return total / count, count


@refused("its_loss_is_summed_over_samples", "the number of elements of a batch is 1, of its two")
class CountsBatches(Squared):
    def loss(self, output, target):
        return super().loss(output, target)[0], 1


@refused(
    "a_batch_without_a_valid_element_counts_nothing",
    "loss returns \\(nan, 0.0\\) where nothing is valid",
    invalid_target=float("nan"),
)
class MeanOfNothing(Squared):
    def loss(self, output, target):
        total, count = super().loss(output, target)
        return total / count * count, count


@refused(
    "a_batch_without_a_valid_element_counts_nothing",
    "gradient must be zero where nothing is valid",
    invalid_target=-1.0,
)
class MasksTooLate(Squared):
    def loss(self, output, target):
        valid = target > 0
        error = (output.squeeze(1) ** 2 / target.clamp(min=0.0)).sqrt()
        return torch.where(valid, error, 0.0).sum(), valid.sum()


@refused(
    "invalid_elements_do_not_count",
    "the number of elements is 12 with invalid samples and 8 without",
    invalid_target=float("nan"),
)
class CountsInvalid(Squared):
    def loss(self, output, target):
        return super().loss(output, target)[0], len(target)


@refused(
    "invalid_elements_do_not_count",
    "metrics\\(\\): 'mae' is nan with invalid samples",
    invalid_target=float("nan"),
)
class ScoresInvalid(Squared):
    pass


@refused(
    "invalid_elements_do_not_count",
    "has a gradient at invalid places",
    invalid_target=float("nan"),
    target=MAP,
)
class Smooths(Sound):
    def loss(self, output, target):
        total, count = super().loss(output, target)
        known = ~target.isnan().all(dim=2).all(dim=1)
        return total + (output.squeeze(1)[known] ** 2).sum(), count


@refused("its_metrics_state_directions_and_one_is_primary", "'mae' must state higher_is_better")
class NoDirection(Squared):
    def metrics(self):
        return {"mae": MeanMetric()}


@refused("its_metrics_state_directions_and_one_is_primary", "primary is 'rmse', which is not")
class WrongPrimary(Squared):
    primary = "rmse"


@refused("its_metrics_state_directions_and_one_is_primary", "percent names '\\['accuracy'\\]'")
class WrongPercent(Squared):
    percent = frozenset({"accuracy"})


@refused("its_metrics_state_directions_and_one_is_primary", "must return fresh objects")
class SameMetric(Squared):
    metric = MeanAbsoluteError()

    def metrics(self):
        return {"mae": self.metric}


class MeanOfBatches(MeanMetric):
    higher_is_better = False

    def update(self, preds, target):
        super().update((preds - target).abs().mean())


class FirstSample(MeanMetric):
    higher_is_better = False

    def update(self, preds, target):
        super().update(preds[0], 1.0 if self.weight == 0 else 0.0)


@refused(
    "its_metrics_do_not_depend_on_order_or_batch_size", "'mae' is .* in one batch and .* in uneven"
)
class AveragesBatches(Squared):
    def metrics(self):
        return {"mae": MeanOfBatches()}


@refused(
    "its_metrics_do_not_depend_on_order_or_batch_size", "'mae' is .* in one batch and .* reversed"
)
class LooksAtTheFirst(Squared):
    def metrics(self):
        return {"mae": FirstSample()}


@refused("its_metrics_do_not_depend_on_order_or_batch_size", "'mae' is in percent, and")
class NoShare(Squared):
    percent = frozenset({"mae"})

    def predict(self, output):
        return output.squeeze(1) + 10.0


class SumsUnderOneName(ErrorOfValid):
    """Says that it shares a state with what sums up something else."""

    state_key = "error"

    def __init__(self, scale):
        super().__init__()
        self.scale = scale

    def update(self, preds, target):
        super().update(self.scale * preds, self.scale * target)


MERGED = "its_metrics_give_alone_and_merged_what_they_give_together"


@refused(MERGED, "'twice' is [0-9.]+, and [0-9.]+ from two objects merged; states must add up")
class SharesAnothersState(Squared):
    def metrics(self):
        return {"mae": SumsUnderOneName(1.0), "twice": SumsUnderOneName(2.0)}


class KeepsItsOwn(ErrorOfValid):
    def update(self, preds, target):
        super().update(preds, target)
        self.last = (preds - target).abs().mean()

    def compute(self):
        return self.last


@refused(MERGED, "'mae' is [0-9.]+, and [0-9.]+ from two objects merged")
class KeepsAStateThatDoesNotMerge(Squared):
    def metrics(self):
        return {"mae": KeepsItsOwn()}


@refused("its_predictions_fit_outputs_or_targets", "returns shape \\(\\); it must be the target's")
class OnePrediction(Squared):
    def predict(self, output):
        return output.mean()


@refused("its_predictions_fit_outputs_or_targets", "predict changes the output in place")
class PredictsInPlace(Squared):
    def predict(self, output):
        return output.mul_(2.0).squeeze(1)


@refused("its_predictions_fit_outputs_or_targets", "average returns shape \\(12, 2, 1\\)")
class KeepsCrops(Squared):
    def average(self, outputs):
        return outputs


@refused("its_predictions_fit_outputs_or_targets", "average of two equal crops predicts something")
class AddsCrops(Squared):
    def average(self, outputs):
        return outputs.sum(dim=1)
