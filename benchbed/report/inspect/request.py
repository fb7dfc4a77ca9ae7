"""What to draw of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Choice = Literal["spread", "typical", "worst"]


@dataclass(frozen=True, slots=True)
class Request:
    """What to draw, and out of what.

    Attributes:
        path: the record's file.
        output: where figures are written; ``inspect/<run key>`` of the results folder if ``None``.
        samples: how many samples of the test split, or their positions.
        choice: which, if it is a number: spread evenly, or by their losses.
        protocol: the file of a protocol that no plugin brings.
    """

    path: Path
    results: Path = Path("results")
    output: Path | None = None
    samples: int | Sequence[int] = 6
    choice: Choice = "spread"
    protocol: str | None = None
    data_root: Path | None = None

    @property
    def samples_option(self) -> list[str]:
        """Return the options of the samples, as the command line takes them."""
        if isinstance(self.samples, int):
            by_loss = [] if self.choice == "spread" else [f"--{self.choice}"]
            return ["--samples", str(self.samples), *by_loss]
        listed = ",".join(map(str, self.samples))
        return ["--samples", listed if len(self.samples) > 1 else f"{listed},"]

    @property
    def weights(self) -> Path:
        """Return where the record's weights lie, if they do."""
        return self.path.with_suffix(".safetensors")

    @property
    def has_weights(self) -> bool:
        """Tell whether the record's weights lie there."""
        return self.weights.exists()

    @property
    def data_option(self) -> list[str]:
        """Return the option of the data's folder, if one was given."""
        if self.data_root is None:
            return []
        return ["--data-root", str(self.data_root)]

    def folder(self, key: str) -> Path:
        """Return where figures are written.

        Args:
            key: of the figures' own folder, if none is given.
        """
        return self.output or self.results / "inspect" / key
