"""The executor contract: where and how a plan's runs are carried out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from benchbed.execution.planned import PlannedRun

Status = Literal["ok", "failed"]


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Attributes:
        message: why it failed, in one sentence; if it did not, what is to be known, if anything.
        traceback: the plugin's own, where there is one.
        usage: it failed because of a wrong name or option rather than in training.
    """

    run: PlannedRun
    status: Status
    message: str = ""
    traceback: str = ""
    usage: bool = False


class Observer(Protocol):
    """Is told what happens while runs are carried out."""

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
        ...

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """It goes on from a checkpoint; ``earlier`` are the values of the epochs before."""
        ...

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """An epoch has ended."""
        ...

    def finished(self, result: Result) -> None:
        """A run has ended."""
        ...


class Executor(ABC):
    """Carries runs out, each in a process of its own, and leaves their records in the store.

    It is entered as a context around several calls of ``execute``, between which it may keep what
    takes time to start; most executors keep nothing.

    Attributes:
        jobs: how many runs side by side; it may change between calls.
    """

    def __init__(self, jobs: int = 1) -> None:
        self.jobs = jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        return None

    @abstractmethod
    def execute(self, runs: Sequence[PlannedRun], observer: Observer) -> list[Result]:
        """Carry out all runs; one that fails leaves the others alone.

        Raises:
            KeyboardInterrupt: after every process was stopped and nothing is half-written.
        """
