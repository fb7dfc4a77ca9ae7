"""What tests of tasks' losses, and of metrics that share states, have in common."""

import torch
from hypothesis import strategies as st
from torch.autograd import gradcheck

from benchbed.contracts.task import check_loss

SEEDS = st.integers(0, 10**6)


def loss_of(task, output, target):
    """The loss's sum and number."""
    total, number = check_loss(task, task.loss(output, target))
    return float(total), float(number)


def never_looks_at_values(task, output, target):
    """Whether the loss can be computed without its numbers, so without waiting for a GPU."""
    total, _ = task.loss(output.to("meta"), target.to("meta"))
    return total.shape == ()


def has_right_gradient(task, output, target):
    """Whether the loss's gradient is that of finite differences, in double precision."""
    output = output.double().requires_grad_()
    return gradcheck(lambda x: task.loss(x, target)[0], (output,))


def gradient(task, output, target):
    """The gradient of the loss with respect to the output."""
    output = output.clone().requires_grad_()
    return torch.autograd.grad(task.loss(output, target)[0], output)[0]


def shared_scores(task, output, target):
    """The metrics where, of those with equal ``state_key``, only the first is updated."""
    metrics, leaders = task.metrics(), {}
    prediction = task.predict(output)
    for metric in metrics.values():
        leader = leaders.setdefault(getattr(metric, "state_key", metric), metric)
        if leader is metric:
            metric.update(prediction, target)
        else:
            for state in metric._defaults:
                setattr(metric, state, getattr(leader, state))
            metric._update_count = leader._update_count
    return {key: float(metric.compute()) for key, metric in metrics.items()}
