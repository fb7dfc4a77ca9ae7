"""Multiply-adds of one forward pass, counted where torch dispatches its operators."""

from __future__ import annotations

import contextlib
import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchbed.contracts.architecture import Architecture
from benchbed.engine.operators import OWN, is_view, is_without

T = TypeVar("T")


@dataclass(slots=True)
class Counted:
    """What one forward pass came to.

    Attributes:
        macs: multiply-adds of convolutions, linear layers and matrix products.
        other: elements that other operators wrote, by operator.
        unknown: operators that may hold multiply-adds and have no formula.
    """

    macs: int = 0
    other: Counter[str] = field(default_factory=Counter)
    unknown: set[str] = field(default_factory=set)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator below autograd, whatever module, script or fast path calls it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counted = Counted()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self._count(func, args, kwargs or {}, result)
        return result

    def _count(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any
    ) -> None:
        counted = self.counted
        packet = func._overloadpacket
        name = str(packet)
        if packet in flop_registry:
            # torch counts a multiply-add as two
            counted.macs += int(flop_registry[packet](*args, **kwargs, out_val=result)) // 2
        elif name in OWN:
            counted.macs += OWN[name](args, result)
        elif not is_without(func, name):
            counted.unknown.add(name)
        elif not is_view(func) and isinstance(result, Tensor):
            counted.other[name.rpartition(".")[2]] += result.numel()


def count_operations(network: Architecture, x: Tensor, tasks: Sequence[str]) -> Counted:
    """Count one forward pass for the given tasks, without data where the network allows that.

    Recurrent layers, attention and torch's fast path for transformers are counted as the products
    that they stand for.

    Args:
        network: in evaluation mode.
        x: an input, ``(1, *shape)``.
        tasks: names of the tasks.
    """
    return on_shapes(network, x, lambda found, given: count_pass(found, given, tasks))


def on_shapes(network: Architecture, x: Tensor, function: Callable[[Architecture, Tensor], T]) -> T:
    """Return what a function gives for a network and an input of shapes alone.

    Nothing is computed then. A network that looks at values is given as it is.
    """
    try:
        mode = FakeTensorMode(allow_non_fake_inputs=True)
        shapes = _copy_of_shapes(network, mode)
        with mode:
            return function(shapes, mode.from_tensor(x))
    except Exception:  # noqa: BLE001 - whatever torch and the network make of it
        return function(network, x)


def _copy_of_shapes(network: Architecture, mode: FakeTensorMode) -> Architecture:
    """Return a copy of a network without data, whatever tensors it keeps in its attributes then."""
    known = {}
    for tensor in (*network.parameters(), *network.buffers()):
        known[id(tensor)] = mode.from_tensor(tensor)
    # what the memo has is taken for the copy
    copied: Architecture = copy.deepcopy(network, known)
    return copied


def count_pass(network: Architecture, x: Tensor, tasks: Sequence[str]) -> Counted:
    """Count a forward pass by making it."""
    counter = _Counter()
    with torch.no_grad(), _as_products(), counter:
        network(x, list(tasks))
    return counter.counted


@contextlib.contextmanager
def _as_products() -> Iterator[None]:
    """Have fused layers made of the matrix products that they stand for."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    # its own context manager sets precisions too, and warns of them
    onednn = torch._C._get_mkldnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False), sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        torch._C._set_mkldnn_enabled(onednn)
