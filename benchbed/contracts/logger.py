"""The logger contract: curves of runs under way, written to where people look at them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from benchbed.contracts.observed import ObservedRun

_LONGEST: Final = 120


class Logger(ABC):
    """Writes the curves of runs, epoch by epoch, in the process that planned them.

    Several runs may be under way at once. A run that goes on from a checkpoint is told from its
    beginning: :meth:`started`, then :meth:`epoch` for each epoch that had ended, so that its log is
    whole, whoever began it, and so is a run that has a record already and is not trained again. A
    log of an earlier try at the same run is to be replaced. A logger that raises is named once in a
    warning and told nothing more; training goes on.

    A plugin's options arrive as keyword arguments of ``__init__``::

        class PrintLogger(benchbed.Logger):
            def epoch(self, run, epoch, values):
                print(run.label, epoch, values["lr"])

    Args:
        folder: the logger's own, below the results folder; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def started(self, run: ObservedRun) -> None:  # noqa: B027 - some loggers have nothing to begin
        """A run begins."""

    @abstractmethod
    def epoch(self, run: ObservedRun, epoch: int, values: Mapping[str, float]) -> None:
        """An epoch has ended.

        Args:
            run: the run.
            epoch: its number, from 1.
            values: by curve: ``train/<task>/loss``, ``validation/<task>/loss``,
                ``validation/<task>/<metric>``, ``lr``, and where there are such
                ``weight/<task>``, ``auxiliary/<task>``, ``auxiliary`` (of no task),
                ``norm/<task>``, ``cosine/<task>/<task>`` and ``phase``.
        """

    def finished(  # noqa: B027 - some loggers have nothing to end
        self,
        run: ObservedRun,
        status: Literal["ok", "failed"],
        message: str,
        test: Mapping[str, float],
    ) -> None:
        """A run has ended.

        Args:
            run: the run.
            status: how.
            message: why it failed.
            test: its test scores by ``<task>/<metric>``; none of a run that failed.
        """

    def close(self) -> None:  # noqa: B027 - some loggers have nothing open
        """No run is under way any more, or training was interrupted; called once."""


def log_name(run: ObservedRun) -> str:
    """Return a name for a run's own log that no other run has, and that any file system takes.

    ::

        hps+dwa_T=2-seed-0-380257b3
    """
    plain = re.sub(r"[^A-Za-z0-9.+=,-]+", "_", run.label.replace(" ", "-"))
    return f"{plain[:_LONGEST]}-{run.key[:8]}"


def described(run: ObservedRun) -> dict[str, str | int]:
    """Return what a run is, as the settings that logs keep beside their curves."""
    return {
        "protocol": run.protocol_id,
        "method": run.method,
        "tasks": ", ".join(run.tasks),
        "seed": run.seed,
        "epochs": run.epochs,
        "key": run.key,
    }
