"""The text of a cell in its parts, which each format puts together in its own way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """What a cell shows; a part that there is not is "".

    Attributes:
        main: the value itself, such as ``26.5``, ``+6.08``, ``4.7M`` or a name.
        std: the standard deviation.
        half: half the width of the 95 % interval.
        low: the interval's lower end.
        high: its upper end.
        mark: words beside the value, or in its place, such as ``1 failed`` and ``reference``.
        interval: whether plain text gives the interval rather than the deviation.
    """

    main: str = ""
    std: str = ""
    half: str = ""
    low: str = ""
    high: str = ""
    mark: str = ""
    interval: bool = False

    def __str__(self) -> str:
        """Return plain text: ``26.5±1.4``, ``+6.08 [-2.62, +14.78]``, ``2, 1 failed``."""
        value = self.main + self._spread()
        if value and self.mark:
            return f"{value}, {self.mark}"
        return value or self.mark

    def brief(self, *, spread: bool) -> str:
        """Return plain text with half an interval's width, ``+6.08±8.70``.

        Args:
            spread: whether a deviation is shown too.
        """
        size = self.half if self.interval else self.std
        has_size = bool(size) and (self.interval or spread)
        value = f"{self.main}±{size}" if has_size else self.main
        if value and self.mark:
            return f"{value}, {self.mark}"
        return value or self.mark

    def _spread(self) -> str:
        if self.interval:
            return f" [{self.low}, {self.high}]" if self.low else ""
        return f"±{self.std}" if self.std else ""
