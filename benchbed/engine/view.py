"""Where in a network a strategy looks at the tasks' gradients."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from benchbed.basics.errors import ContractError, MethodError
from benchbed.contracts.architecture import Architecture
from benchbed.engine.rows import Rows
from benchbed.engine.sharing import Partition
from benchbed.engine.strategy import Strategy


class View:
    """All shared parameters, the last layer that tasks share, or the representation.

    Args:
        strategy: its last member says which (``Weighting.at``).
        model: an :class:`Architecture` says what its last shared layer and representation are; any
            other module has neither.
    """

    def __init__(self, strategy: Strategy, model: nn.Module) -> None:
        self.strategy = strategy
        self.model = model
        self.network = model if isinstance(model, Architecture) else None

    def representation(self) -> Tensor | None:
        """Return the last forward pass's representation, where the strategy works on it.

        Raises:
            ContractError: it does, and the model has none.
        """
        last = self.strategy.last
        if last.at != "representation":
            return None
        found = self.network.representation() if self.network else None
        if found is None or not found.requires_grad:
            raise ContractError(
                f"{type(last).__name__} works on the shared representation, and "
                f"{type(self.model).__name__} has none: use a strategy that works on all shared "
                "parameters."
            )
        return found

    def last_layer(self, split: Partition) -> list[nn.Parameter]:
        """Return the parameters of the last layer that the tasks share.

        Raises:
            MethodError: the model has none.
            ContractError: the model names parameters that the tasks do not share.
        """
        layer = self.network.last_shared() if self.network else None
        wording = f"{type(self.strategy.last).__name__} works at the last shared layer, and "
        if layer is None:
            raise MethodError(
                f"{wording}{type(self.model).__name__} has none: use a strategy that works on all "
                "shared parameters, or an architecture that has one, such as hps."
            )
        wanted = set(map(id, layer))
        found = [p for p in split.shared.values() if id(p) in wanted]
        if not found:
            raise ContractError(
                f"{wording}{type(self.model).__name__}.last_shared() names none that the tasks "
                "share: let it return parameters of which all losses are made."
            )
        return found

    def gradients(self, rows: Rows, task: str) -> Sequence[Tensor]:
        """Return those of a task's gradients that the strategy looks at."""
        last = self.strategy.last
        if last.at == "representation":
            return [rows.feature[task]]
        if last.at == "shared":
            return rows.shared[task]
        layer = set(map(id, self.last_layer(rows.split)))
        pairs = zip(rows.direct.values(), rows.shared[task], strict=True)
        return [gradient for parameter, gradient in pairs if id(parameter) in layer]
