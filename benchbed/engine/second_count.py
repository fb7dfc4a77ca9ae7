"""fvcore's count of multiply-adds, beside which the record's own is held."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from benchbed.contracts.architecture import Architecture

MAC_OPERATORS: Final = frozenset(
    {"conv", "linear", "addmm", "matmul", "bmm", "baddbmm", "mm", "einsum", "attention"}
)


class _Outputs(nn.Module):
    """A network as a function of its input alone, for tracing."""

    def __init__(self, network: Architecture, tasks: Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self.tasks = list(tasks)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(x, self.tasks)
        return tuple(outputs[task] for task in self.tasks)


def disagreement(network: Architecture, x: Tensor, tasks: Sequence[str], macs: int) -> str:
    """Return a sentence on fvcore's count of one forward pass, where it is another one.

    Args:
        network: in evaluation mode.
        x: an input, ``(1, *shape)``.
        tasks: names of the tasks.
        macs: the record's own count.
    """
    try:
        other = fvcore_macs(network, x, tasks)
    except Exception as error:  # noqa: BLE001 - it traces, which many networks cannot bear
        return f"fvcore cannot count multiply-adds here ({type(error).__name__})."
    # it reads a shape's numbers to four digits in some of its formulas
    if math.isclose(other, macs, rel_tol=1e-3):
        return ""
    return f"fvcore counts {other:,} multiply-adds where benchbed counts {macs:,}."


def fvcore_macs(network: Architecture, x: Tensor, tasks: Sequence[str]) -> int:
    """Return fvcore's count of multiply-adds of one forward pass."""
    analysis = flop_analysis()(_Outputs(network, tasks), x)
    analysis.set_op_handle("aten::scaled_dot_product_attention", _attention)
    analysis.set_op_handle("aten::baddbmm", _baddbmm)
    analysis.unsupported_ops_warnings(enabled=False).uncalled_modules_warnings(enabled=False)
    analysis.tracer_warnings("none")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        counts = analysis.by_operator()
    return sum(int(count) for name, count in counts.items() if name in MAC_OPERATORS)


def flop_analysis() -> Any:
    """Import fvcore's counter; it calls ``torch.jit.script``, and only that warning is hidden."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.script.*", category=FutureWarning)
        warnings.filterwarnings(
            "ignore", message=r".*torch\.jit\.script.*", category=DeprecationWarning
        )
        from fvcore.nn import FlopCountAnalysis
    return FlopCountAnalysis


def _baddbmm(inputs: list[Any], outputs: list[Any]) -> dict[str, int]:
    """Count a batch of matrix products to which something is added."""
    from fvcore.nn.jit_handles import get_shape

    batch, rows, inner = get_shape(inputs[1])
    return {"baddbmm": batch * rows * inner * get_shape(inputs[2])[-1]}


def _attention(inputs: list[Any], outputs: list[Any]) -> dict[str, int]:
    """Count Q·Kᵀ and the product with V: 2·B·H·L·S·E for E-wide heads."""
    from fvcore.nn.jit_handles import get_shape

    query, key, value = map(get_shape, inputs[:3])
    pairs = math.prod(query[:-1]) * key[-2]
    return {"attention": pairs * (query[-1] + value[-1])}
