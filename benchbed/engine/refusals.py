"""Models whose gradients cannot be taken task by task in one's own loop, and why."""

from __future__ import annotations

import gc
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from benchbed.basics.errors import BenchbedError

_INSTEAD = "use a loss-level weighting without accumulate="


def require_task_by_task(model: nn.Module) -> None:
    """Refuse a model with which gradients taken task by task would go wrong silently.

    Raises:
        BenchbedError: it is wrapped for data parallelism, has hooks that would not be called, or
            parameters whose gradients cannot be added up.
    """
    if _is_replica(model):
        raise BenchbedError(
            "DistributedDataParallel does not reduce gradients that are taken task by task, nor "
            f"those of its inner module: {_INSTEAD} on the wrapped model, or train in one process."
        )
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.sparse:
            raise BenchbedError(
                f"{type(module).__name__}(sparse=True) has sparse gradients, which cannot be "
                f"weighed task by task: make it with sparse=False, or {_INSTEAD}."
            )
    for name, parameter in model.named_parameters():
        _require_plain(name, parameter)


def _require_plain(name: str, parameter: nn.Parameter) -> None:
    if type(parameter.data).__name__ == "DTensor":
        raise BenchbedError(
            f"Parameter '{name}' is a DTensor, as fully_shard (FSDP2) makes them, whose gradients "
            f"are spread over processes: {_INSTEAD}, or train in one process."
        )
    if parameter.is_complex():
        raise BenchbedError(
            f"Parameter '{name}' is complex, and products of gradients are of real ones: hold its "
            "real and imaginary parts as a real parameter (torch.view_as_real)."
        )
    if getattr(parameter, "_post_accumulate_grad_hooks", None):
        raise BenchbedError(
            f"Parameter '{name}' has a hook of register_post_accumulate_grad_hook, which is not "
            "called where gradients are taken task by task: step the optimiser after backward, or "
            f"{_INSTEAD}."
        )


_REPLICAS: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def _is_replica(model: nn.Module) -> bool:
    """Tell whether a model is wrapped for data parallelism, from outside or from inside."""
    if any(isinstance(module, DistributedDataParallel) for module in model.modules()):
        return True
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if not distributed:
        return False
    if model not in _REPLICAS:
        # a module does not know what wraps it: looked for once
        _REPLICAS[model] = any(_wraps(found, model) for found in gc.get_objects())
    return _REPLICAS[model]


def _wraps(found: object, model: nn.Module) -> bool:
    # the type, not isinstance: asking some objects for their class imports modules
    return issubclass(type(found), DistributedDataParallel) and found.module is model  # type: ignore[attr-defined]
