"""Broken weighting strategies."""

import os
import random

import torch
from torch import nn

from benchbed import Option, Weighting
from tests.testing.broken import breaks

LOSS = {"loss", "additive"}


def refused(check, says, **more):
    return breaks("weighting", check, says, **more)


class Sum(Weighting):
    level = "loss"

    def transform(self, losses):
        return dict(losses)


class Ones(Weighting):
    level = "gramian"

    def weights(self, gramian, losses):
        return torch.ones(len(gramian), dtype=torch.float64)


class Mean(Weighting):
    level = "jacobian"

    def direction(self, rows, losses):
        return {name: row.mean(dim=0) for name, row in rows.items()}


@refused("its_spec_is_sound", "must be a class that extends benchbed.Weighting")
class NoWeighting:
    pass


@refused("its_spec_is_sound", "unknown trait 'additve'", traits={"additve"})
@refused(
    "the_options_of_its_spec_fit_the_constructor",
    "NoOptions: The constructor takes no 'power', an option of its Spec",
    options={"power": Option(float, 1.0)},
)
class NoOptions(Sum):
    pass


@refused(
    "the_options_of_its_spec_fit_the_constructor",
    "'power' is 1.0 by default in the Spec and 2.0 in the constructor",
    options={"power": Option(float, 1.0)},
)
@refused("the_options_of_its_spec_fit_the_constructor", "wants 'scale', which is no option")
@refused(
    "the_options_of_its_spec_fit_the_constructor",
    "'task' is per task, so the constructor must take \\*\\*tasks",
    options={"task": Option(float, 1.0, per_task=True)},
)
@refused(
    "its_spec_is_sound",
    "The default does not fit: .* option 'scale' cannot be '1.0'",
    options={"scale": Option(float, 1.0, choices=(0.5, 2.0))},
)
class OtherOptions(Sum):
    def __init__(self, context, scale, power=2.0):
        super().__init__(context)


@refused(
    "it_can_be_made_with_every_choice_of_an_option",
    "Choosy refuses how=worst, which its Spec allows: no worst",
    options={"how": Option(str, "best", choices=("best", "worst"))},
)
class Choosy(Sum):
    def __init__(self, context, how="best"):
        if how == "worst":
            raise ValueError("no worst")
        super().__init__(context)


@refused("it_changes_nothing_global", "Polluter.__init__ changes, .* os.environ \\(LITTER\\)")
class Polluter(Sum):
    def __init__(self, context):
        super().__init__(context)
        os.environ["LITTER"] = "1"


@refused("it_changes_nothing_global", "PollutesLater changes, .* torch's default dtype")
class PollutesLater(Sum):
    def transform(self, losses):
        torch.set_default_dtype(torch.float64)
        return dict(losses)


@refused("it_changes_nothing_global", "Seeds.__init__ seeds torch's generator")
class Seeds(Sum):
    def __init__(self, context):
        super().__init__(context)
        torch.manual_seed(0)


@refused("it_changes_nothing_global", "SeedsLater seeds Python's generator")
class SeedsLater(Sum):
    def transform(self, losses):
        random.seed(1)
        return dict(losses)


@refused("its_level_is_sound_and_its_traits_agree", "NoLevel.level must be")
class NoLevel(Weighting):
    pass


@refused(
    "its_level_is_sound_and_its_traits_agree",
    "WrongLevel.level is 'gramian', and its Spec has the trait 'jacobian'",
    traits={"jacobian"},
)
@refused(
    "its_level_is_sound_and_its_traits_agree",
    "does not define transform\\(\\) at loss level, so its Spec must not have the trait",
    traits={"gramian", "additive"},
)
class WrongLevel(Ones):
    pass


@refused(
    "its_level_is_sound_and_its_traits_agree",
    "Unannounced defines transform\\(\\) at loss level, so its Spec must have the trait",
    traits={"loss"},
)
class Unannounced(Sum):
    pass


@refused("its_level_is_sound_and_its_traits_agree", "sums_to must be 'T', '1' or 'free', not 2")
class SumsToTwo(Ones):
    sums_to = 2


@refused("an_additive_loss_is_the_sum_of_its_terms", "the term of '.' depends on", traits=LOSS)
class Relative(Sum):
    def transform(self, losses):
        whole = sum(losses.values()).detach()
        return {name: loss / whole for name, loss in losses.items()}


@refused("an_additive_loss_is_the_sum_of_its_terms", "combine: .* for all tasks", traits=LOSS)
class Geometric(Sum):
    def combine(self, losses):
        return torch.stack(list(losses.values())).log().mean().exp()


@refused("an_additive_loss_is_the_sum_of_its_terms", "one term for each task", traits=LOSS)
class Forgetful(Sum):
    def transform(self, losses):
        return dict(list(losses.items())[1:])


@refused(
    "it_decides_for_any_number_of_tasks", "shape \\(5,\\), got \\(3,\\)", arguments={"count": 5}
)
class Threes(Ones):
    def weights(self, gramian, losses):
        return torch.ones(3)


@refused("it_decides_for_any_number_of_tasks", "its 'weights' is not finite for 3 tasks")
class Overflowing(Weighting):
    level = "loss"

    def combine(self, losses):
        return torch.stack(list(losses.values())).sum() / 0.0


@refused("it_decides_for_any_number_of_tasks", "combine returns a scalar without a gradient")
class Detached(Weighting):
    level = "loss"

    def combine(self, losses):
        return torch.stack(list(losses.values())).sum().detach()


@refused("its_parameters_are_trained", "Idle: scale did not move in 4 epochs; at loss level")
class Idle(Sum):
    def __init__(self, context):
        super().__init__(context)
        self.scale = nn.Parameter(torch.ones(()))

    def transform(self, losses):
        return {name: self.scale.detach() * loss for name, loss in losses.items()}


@refused("it_decides_for_any_number_of_tasks", "direction must return one tensor for each name")
class OneDirection(Mean):
    def direction(self, rows, losses):
        return dict(list(super().direction(rows, losses).items())[:1])


@refused("a_task_may_leave_a_step", "AllAlways does not work when a task leaves a step: KeyError")
class AllAlways(Sum):
    def transform(self, losses):
        return {name: losses[name] for name in self.context.tasks}


@refused("an_epoch_may_lack_a_loss", "Curious.epoch does not bear NaN in the curve of a task")
class Curious(Sum):
    factor = 1.0

    def epoch(self, info):
        self.factor = sum(sum(losses) for losses in info.train_losses.values())

    def transform(self, losses):
        return {name: self.factor * loss for name, loss in losses.items()}


@refused("it_trains_a_net", "Explodes does not train 3 tasks: The training loss of task")
class Explodes(Sum):
    def transform(self, losses):
        return {name: loss * 1e38 * 10 for name, loss in losses.items()}


@refused("a_zero_gradient_gives_finite_weights", "does not bear a task's gradient that is zero")
class InverseNorms(Ones):
    def weights(self, gramian, losses):
        return 1 / gramian.diag().sqrt()


@refused("its_weights_sum_to_what_it_states", "is '1', and its weights of 2 tasks sum to 2")
class NotOne(Ones):
    sums_to = "1"


@refused("its_weights_sum_to_what_it_states", "is 'T', and its weights of 2 tasks sum to 1")
class NotT(Mean):
    sums_to = "T"


@refused("it_leaves_its_inputs_as_they_are", "changes its input 'gramian' in place")
class ScalesGramian(Ones):
    def weights(self, gramian, losses):
        gramian /= gramian.diag().mean()
        return super().weights(gramian, losses)


@refused("it_leaves_its_inputs_as_they_are", "changes its input 'rows.trunk.weight' in place")
class ScalesRows(Mean):
    def direction(self, rows, losses):
        return {name: row.mul_(2.0).mean(dim=0) for name, row in rows.items()}


@refused("it_leaves_its_inputs_as_they_are", "changes its input 'losses.a' in place")
class PopsLosses(Weighting):
    level = "loss"

    def combine(self, losses):
        return losses.pop("a") + sum(losses.values())


@refused("the_same_seed_gives_the_same_bits", "decides differently under the same seed, at 'step.0")
class Erratic(Ones):
    def weights(self, gramian, losses):
        return torch.tensor([random.SystemRandom().random() for _ in losses])


@refused("a_resumed_run_trains_on_to_the_same_bits", "ends with another 'network.* get_extra_state")
class CountsInAnAttribute(Sum):
    steps = 0

    def transform(self, losses):
        self.steps += 1
        return {name: loss / self.steps for name, loss in losses.items()}


@refused("a_resumed_run_trains_on_to_the_same_bits", "more than tensors and plain data")
class KeepsAnObject(Sum):
    def get_extra_state(self):
        return Sum

    def set_extra_state(self, state):
        pass


@refused("a_resumed_run_trains_on_to_the_same_bits", "does not load the state that it saved")
class RegistersLate(Sum):
    def transform(self, losses):
        if "count" not in self._buffers:
            self.register_buffer("count", torch.zeros(()))
        return dict(losses)
