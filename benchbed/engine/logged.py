"""What is logged of the tasks' gradients once an epoch, where a job asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from torch import Tensor

from benchbed.engine.combination import gramian
from benchbed.engine.gradients import Backward
from benchbed.engine.sharing import partition


def norms_and_cosines(backward: Backward, losses: Mapping[str, Tensor]) -> dict[str, float]:
    """Return norms and cosines of the tasks' gradients of the parameters that they share.

    Args:
        backward: takes the gradients; what it keeps for the record stays as it was.
        losses: scalars with their graphs, which stay alive.

    Returns:
        ``{"norm/seg": …, "cosine/seg/depth": …}``: ‖g_i‖ and g_i·g_j / (‖g_i‖·‖g_j‖), the latter
        only where it is defined. Empty for a single task, or where nothing is shared.
    """
    if len(losses) < 2:
        return {}
    split = partition(losses, backward.parameters)
    if not split.shared:
        return {}
    engine = backward.engine
    rows = backward.sweep(losses, keep=True, split=split)
    backward.engine = engine
    tasks = list(losses)
    products = gramian([rows.shared[task] for task in tasks]).cpu()
    norms = products.diag().sqrt()
    values: dict[str, float] = {}
    for task, norm in zip(tasks, norms, strict=True):
        values[f"norm/{task}"] = float(norm)
    for i, j in combinations(range(len(tasks)), 2):
        scale = float(norms[i] * norms[j])
        if scale > 0.0:
            values[f"cosine/{tasks[i]}/{tasks[j]}"] = float(products[i, j]) / scale
    return values
