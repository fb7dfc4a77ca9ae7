"""Which of torch's operators hold multiply-adds, and how many where torch does not know."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch

Formula = Callable[[Sequence[Any], Any], int]
"""From an operator's arguments and its result to its multiply-adds."""


def _matrix_vector(arguments: Sequence[Any], result: Any) -> int:
    return int(arguments[0].numel())


def _sum_and_matrix_vector(arguments: Sequence[Any], result: Any) -> int:
    return int(arguments[1].numel())


def _sum_of_products(arguments: Sequence[Any], result: Any) -> int:
    """Count ``addbmm``: the sum over a batch of matrix products, and one matrix added."""
    batch, rows, inner = arguments[1].shape
    return int(batch * rows * inner * arguments[2].shape[-1])


def _distances(arguments: Sequence[Any], result: Any) -> int:
    """Count ``cdist``, which takes an inner product, or a sum as long, for each pair."""
    return int(result.numel() * arguments[0].shape[-1])


def _bilinear(arguments: Sequence[Any], result: Any) -> int:
    """Count ``_trilinear``, to which ``bilinear`` comes down: x·W·y for each output and sample."""
    first, second, third = arguments[:3]
    rows = max(first.numel() // first.shape[-1], third.numel() // third.shape[-1])
    return int(rows * math.prod(second.shape[-3:]))


def _deformable(arguments: Sequence[Any], result: Any) -> int:
    """Count a deformable convolution as the convolution that it samples for."""
    return int(result.numel() * math.prod(arguments[1].shape[1:]))


OWN: Final[Mapping[str, Formula]] = {
    "aten.mv": _matrix_vector,
    "aten.dot": _matrix_vector,
    "aten.vdot": _matrix_vector,
    "aten.addmv": _sum_and_matrix_vector,
    "aten.addbmm": _sum_of_products,
    "aten._cdist_forward": _distances,
    "aten._euclidean_dist": _distances,
    "aten._trilinear": _bilinear,
    "torchvision.deform_conv2d": _deformable,
}
"""Formulas of operators that torch's registry lacks."""

_NAMES: Final = """
alias arange argsort as_strided as_strided_ _assert_async _assert_scalar _assert_tensor_metadata
bernoulli bernoulli_ bincount bucketize cat channel_shuffle clone col2im complex copy copy_
count_nonzero cummax cumprod cumsum cumsum_ detach detach_ device diag_embed dropout embedding
_embedding_bag embedding_bag eye fill fill_ flip _fused_rms_norm gather glu grid_sampler_2d
grid_sampler_3d hardswish hardswish_ histc im2col item kthvalue lift_fresh lift_fresh_copy
linspace local_response_norm _local_scalar_dense _log_softmax masked_fill masked_fill_
masked_scatter masked_select median mode multinomial native_dropout nonzero normal_
pixel_shuffle pixel_unshuffle rand_like randn_like repeat repeat_interleave reshape_as resize_
resolve_conj resolve_neg roll rot90 rrelu_with_noise _safe_softmax scalar_tensor searchsorted
select_backward _softmax sort split_with_sizes_copy stack sym_numel sym_size sym_stride take
_thnn_fused_gru_cell _thnn_fused_lstm_cell _to_copy topk tril tril_ triu triu_ unbind_copy
unfold uniform_ _unique2 unique_consecutive unique_dim unsafe_split unsafe_split_with_sizes
_unsafe_view vander view_as_complex view_as_real view_copy zero zero_
"""
_WITHOUT: Final = frozenset(_NAMES.split())
_WITHOUT_BEGINNINGS: Final = (
    "adaptive_",
    "_adaptive_",
    "avg_pool",
    "constant_pad",
    "empty",
    "fractional_max_pool",
    "full",
    "index",
    "_index",
    "_unsafe_index",
    "max_pool",
    "max_unpool",
    "native_batch_norm",
    "_native_batch_norm",
    "_batch_norm",
    "cudnn_batch_norm",
    "native_group_norm",
    "native_layer_norm",
    "new_",
    "ones",
    "rand",
    "reflection_pad",
    "replication_pad",
    "scatter",
    "upsample_",
    "_upsample_",
    "zeros",
)
"""Operators that hold no product of convolutions, linear layers and matrices, and that torch marks
neither as pointwise nor as a reduction."""


def is_without(func: Any, name: str) -> bool:
    """Tell whether an operator is known to hold no multiply-adds of products."""
    namespace, _, short = name.rpartition(".")
    if namespace == "prim" or is_view(func):
        return True
    if {torch.Tag.pointwise, torch.Tag.reduction} & set(func.tags):
        return True
    is_known = short in _WITHOUT or short.startswith(_WITHOUT_BEGINNINGS)
    return namespace == "aten" and is_known


def is_view(func: Any) -> bool:
    """Tell whether a result is another look at an argument's memory."""
    if torch.Tag.inplace_view in func.tags:
        return True
    return any(
        value.alias_info is not None and not value.alias_info.is_write
        for value in func._schema.returns
    )
