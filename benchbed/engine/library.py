"""Weighting strategies in anyone's own training loop."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from benchbed.basics.errors import BenchbedError, ContractError
from benchbed.contracts.weighting import (
    Weighting,
    WeightingContext,
    check_weighting,
    check_weights,
)
from benchbed.discovery.loading import call
from benchbed.discovery.method import resolve_weighting
from benchbed.discovery.registry import discover
from benchbed.engine.combination import gramian
from benchbed.engine.gradients import Backward
from benchbed.engine.hybrid_check import Checked
from benchbed.engine.refusals import require_task_by_task
from benchbed.engine.sharing import reaches
from benchbed.engine.strategy import Strategy, build_strategy
from benchbed.engine.waiting import is_waiting, keep_waiting, take_waiting


def make_weighting(
    name: str | type[Weighting] | Weighting,
    tasks: Sequence[str],
    *,
    regression: Iterable[str] = (),
) -> Strategy:
    """Return a weighting strategy by its name in methods (``"dwa:T=2"``), for :func:`backward`.

    A class of one's own does as well, or an object of it where it takes options::

        strategy = benchbed.make_weighting(MyWeighting, ["seg", "depth"])

    Its state is in its ``state_dict``, and in those of the optimisers of its own
    (``optimizers()``). Give ``learned()`` to an optimiser without weight decay, and call
    ``epoch(info)`` when an epoch begins, with the losses so far where a strategy looks at them.
    Strategies with ``looks_back`` (FAMO) want ``after_step(losses)`` after each update, with the
    losses of the same batch.

    Args:
        name: the weighting with its options, a class that extends :class:`benchbed.Weighting`, or
            an object of one.
        tasks: names of the tasks.
        regression: those whose loss is a regression loss.

    Raises:
        MethodError, PluginError: there is none, or an option is wrong.
        ContractError: the class breaks its contract, or an object was made for other tasks.
    """
    context = WeightingContext(tuple(tasks), frozenset(regression))
    if isinstance(name, str):
        return build_strategy(resolve_weighting(name, discover(), tasks), context)
    made = name
    if isinstance(name, type):
        if not issubclass(name, Weighting):
            raise ContractError(f"{name.__name__} must extend benchbed.Weighting.")
        made = call(name, name, context)
    if not isinstance(made, Weighting):
        raise ContractError(
            f"make_weighting wants a name or a benchbed.Weighting, not {type(made).__name__}."
        )
    if tuple(made.context.tasks) != tuple(tasks):
        raise ContractError(
            f"{type(made).__name__} was made for the tasks {', '.join(made.context.tasks)}, not "
            f"for {', '.join(tasks)}."
        )
    check_weighting(made)
    return Strategy([made])


_CHECKED: WeakKeyDictionary[nn.Module, Checked] = WeakKeyDictionary()


def backward(
    losses: Mapping[str, Tensor],
    model: nn.Module,
    weighting: str | Strategy,
    *,
    scaler: torch.amp.GradScaler | None = None,
    accumulate: bool = False,
) -> Tensor | None:
    """Differentiate the tasks' losses under a weighting strategy, adding to ``.grad``.

    Use it where ``total_loss.backward()`` would stand; clip, unscale and step as ever::

        benchbed.backward({"seg": seg_loss, "depth": depth_loss}, model, "cagrad:c=0.4")
        optimizer.step()

    Args:
        losses: a scalar tensor for each task, each with its graph; what several of them depend on
            is shared, and read off their graphs.
        model: its trainable parameters get gradients. A :class:`benchbed.Architecture` also says
            what its representation and its last shared layer are.
        weighting: a strategy made by :func:`make_weighting`; or a name, for strategies that keep
            nothing from step to step.
        scaler: of mixed precision. Give the losses unscaled: gradients come out scaled, strategies
            see them unscaled, and where one overflows the strategy is not asked, since the scaler
            is going to skip the step.
        accumulate: add this micro-batch's gradients up and leave ``.grad`` as it is, but for zeros
            that tell whether it is cleared meanwhile; the next call without it adds its own and
            weighs once. Divide the losses by the number of micro-batches, as ever.
            :func:`~benchbed.drop_accumulated` drops what waits.

    Returns:
        The weights, ``(T,)``, at Gramian level; else ``None``.

    Raises:
        BenchbedError: a loss is no finite scalar with a graph or reaches no trainable parameter;
            nothing is shared; a task's gradient is not finite; a strategy that keeps state was
            given by name; or the model is wrapped for data parallelism.
    """
    _require_losses(losses)
    strategy = _strategy(losses, weighting, accumulate=accumulate)
    if strategy.owed:
        raise BenchbedError(
            f"{_name(strategy)} was not told what became of the losses: call "
            "strategy.after_step(losses of the same batch) after optimizer.step()."
        )
    device = next(iter(losses.values())).device
    strategy.place(device)
    engine = Backward(strategy, model, _CHECKED.setdefault(model, Checked()))
    in_parts = accumulate or is_waiting(strategy)
    if in_parts or strategy.last.level != "loss":
        require_task_by_task(model)
    _require_reached(losses, model)
    if scaler is not None and scaler.is_enabled():
        engine.scale = scaler.scale(torch.ones((), device=device))
    # products of gradients want their full precision
    with torch.autocast(device.type, enabled=False):
        if in_parts:
            weights = _accumulated(engine, model, losses, decide=not accumulate)
        else:
            weights = engine(losses)
    strategy.owed = strategy.looks_back and not accumulate
    return weights


def _require_reached(losses: Mapping[str, Tensor], model: nn.Module) -> None:
    for task, loss in losses.items():
        if not reaches(loss, model.parameters()):
            raise BenchbedError(
                f"backward: the loss of '{task}' depends on no trainable parameter of "
                f"{type(model).__name__}: give the model that it was computed with."
            )


def _accumulated(
    engine: Backward, model: nn.Module, losses: Mapping[str, Tensor], *, decide: bool
) -> Tensor | None:
    """Add a micro-batch's gradients to those that wait; weigh where it was the last one."""
    strategy = engine.strategy
    if strategy.last.batches > 1 or strategy.last.at == "representation":
        raise BenchbedError(
            f"{_name(strategy)} cannot accumulate: it looks at single mini-batches."
        )
    rows = engine.sweep(losses).copy()
    values = {task: loss.detach().clone() for task, loss in losses.items()}
    before = take_waiting(strategy, rows, model.parameters())
    if before is not None:
        rows.add(before.rows)
        for task, value in before.losses.items():
            values[task] = values[task] + value
    if decide:
        return engine.decide_accumulated(rows, values, ())
    keep_waiting(strategy, rows, values, before, model.parameters())
    return None


def _strategy(
    losses: Mapping[str, Tensor], weighting: str | Strategy, *, accumulate: bool
) -> Strategy:
    """Return the strategy given, or make the one named, if it may be made for one call."""
    if isinstance(weighting, Weighting):
        names = list(weighting.context.tasks)
        raise BenchbedError(
            f"backward wants a strategy, and {type(weighting).__name__} is a weighting by itself: "
            f"make it once with benchbed.make_weighting({type(weighting).__name__}, {names}) and "
            "give that."
        )
    if not isinstance(weighting, str | Strategy):
        raise BenchbedError(
            "backward wants a strategy made by benchbed.make_weighting, or a weighting's name, not "
            f"{type(weighting).__name__}."
        )
    if not isinstance(weighting, str):
        for task in losses:
            if task not in weighting.tasks:
                raise BenchbedError(
                    f"backward: the strategy was made for the tasks {', '.join(weighting.tasks)}, "
                    f"and '{task}' is none of them."
                )
        return weighting
    strategy = make_weighting(weighting, list(losses))
    if strategy.state_dict() or accumulate:
        why = "adds up over several calls" if accumulate else "keeps state from step to step"
        raise BenchbedError(
            f"'{weighting}' {why}: make it once with "
            f"benchbed.make_weighting('{weighting}', {list(losses)}) and give that."
        )
    return strategy


def _name(strategy: Strategy) -> str:
    return type(strategy.last).__name__


def aggregate(
    weighting: str,
    jacobian: Tensor,
    *,
    losses: Tensor | None = None,
    return_weights: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the vector that a strategy would step along, from the tasks' gradients.

    At Gramian level it is Σ_t w_t·g_t, with w the strategy's weights for G = J·Jᵀ::

        direction, weights = benchbed.aggregate("mgda", jacobian, return_weights=True)

    Args:
        weighting: a name such as ``"mgda"``.
        jacobian: one task's gradient a row, ``(T, d)``.
        losses: the tasks' losses, ``(T,)``, for strategies that look at them too.
        return_weights: return ``(direction, weights)``.

    Returns:
        The direction, ``(d,)``; and the weights, ``(T,)``.

    Raises:
        BenchbedError: the Jacobian is no finite matrix of real numbers, or the strategy looks at
            losses and none are given, or at nothing else.
    """
    _require_matrix(jacobian)
    names = [str(i) for i in range(len(jacobian))]
    if losses is not None and tuple(losses.shape) != (len(names),):
        raise BenchbedError(
            f"aggregate wants one loss a row, ({len(names)},), got {tuple(losses.shape)}."
        )
    strategy = make_weighting(weighting, names)
    last = strategy.last
    changed = type(last).transform is not Weighting.transform
    if last.level == "loss" or len(strategy.members) > 1 or changed:
        raise BenchbedError(
            f"'{weighting}' decides from losses, not from gradients alone; use benchbed.backward."
        )
    if last.batches > 1:
        raise BenchbedError(
            f"'{weighting}' weighs over {last.batches} mini-batches, so one Jacobian is not enough."
        )
    if last.level == "jacobian" and return_weights:
        raise BenchbedError(f"'{weighting}' works on single entries and has no weights.")
    given = _Losses(weighting, names, losses)
    rows = jacobian.detach()
    # products of gradients want their full precision
    with torch.autocast(jacobian.device.type, enabled=False):
        if last.level == "jacobian":
            stacked = {"jacobian": rows.clone()}
            return last.to(jacobian.device).direction(stacked, given)["jacobian"]
        products = gramian([[row] for row in rows.double()]).cpu()
        weights = check_weights(last, last.weights(products, given), len(names)).to(rows)
        direction: Tensor = weights @ rows
    if return_weights:
        return direction, weights
    return direction


def _require_matrix(jacobian: object) -> None:
    """Refuse what is no (T, d) matrix of finite real numbers."""
    found = type(jacobian).__name__
    sound = False
    if isinstance(jacobian, Tensor):
        found = f"{tuple(jacobian.shape)} {jacobian.dtype}"
        sound = jacobian.dim() == 2 and jacobian.numel() > 0 and jacobian.is_floating_point()
    if not sound:
        raise BenchbedError(
            f"aggregate wants a (T, d) matrix of floating-point gradients, got {found}."
        )
    assert isinstance(jacobian, Tensor)
    if not bool(torch.isfinite(jacobian).all()):
        raise BenchbedError("aggregate wants finite gradients; a row holds NaN or infinity.")


class _Losses(Mapping[str, Tensor]):
    """The tasks' losses; asking for one that was not given is an error, not a made-up number."""

    def __init__(self, weighting: str, names: Sequence[str], losses: Tensor | None) -> None:
        self._weighting = weighting
        self._losses: dict[str, Tensor | None] = dict.fromkeys(names)
        if losses is not None:
            self._losses = dict(zip(names, losses.detach().cpu().unbind(), strict=True))

    def __getitem__(self, name: str) -> Tensor:
        found = self._losses[name]
        if found is None:
            raise BenchbedError(
                f"'{self._weighting}' looks at the losses too: give aggregate losses=, one a row."
            )
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._losses)

    def __len__(self) -> int:
        return len(self._losses)


def _require_losses(losses: Mapping[str, Tensor]) -> None:
    if not isinstance(losses, Mapping) or not losses:
        raise BenchbedError("backward wants a dict of losses by task, of at least one task.")
    for name, loss in losses.items():
        if not isinstance(loss, Tensor) or loss.dim() != 0:
            raise BenchbedError(f"backward: the loss of '{name}' must be a scalar tensor.")
        if not loss.requires_grad:
            raise BenchbedError(
                f"backward: the loss of '{name}' is detached, so it has no gradient; compute it "
                "outside no_grad, from outputs that were not detached."
            )
    values = torch.stack([loss.detach().double() for loss in losses.values()]).tolist()
    for name, value in zip(losses, values, strict=True):
        if not math.isfinite(value):
            raise BenchbedError(
                f"backward: the loss of '{name}' is {value}; leave the task out of this step, or "
                "look for a division by zero or a logarithm of it."
            )
