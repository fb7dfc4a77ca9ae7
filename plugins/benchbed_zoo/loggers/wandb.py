"""Weights & Biases: a run of theirs for each of ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from benchbed.contracts.logger import Logger, described
from benchbed.contracts.observed import ObservedRun
from benchbed_zoo.loggers.extras import missing


class WeightsAndBiases(Logger):
    """Logs curves by epoch and, as the run's summary, ``test/<task>/<metric>``.

    A run's id is its run key; runs are grouped by protocol. Offline, which is the default, they lie
    in the logger's folder, and ``wandb sync`` uploads them.

    Args:
        folder: the logger's own.
        mode: ``offline`` or ``online``; the latter needs ``wandb login`` first.
        project: of Weights & Biases.
    """

    def __init__(self, folder: Path, *, mode: str = "offline", project: str = "benchbed") -> None:
        super().__init__(folder)
        try:
            import wandb
        except ImportError as error:
            raise missing("wandb", "wandb", error) from error
        self._wandb: Any = wandb
        self._mode = mode
        self._project = project
        self._runs: dict[str, Any] = {}

    def started(self, run: ObservedRun) -> None:
        """Begin a run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        quiet = self._wandb.Settings(silent=True, console="off", disable_git=True)
        self._runs[run.key] = self._wandb.init(
            dir=str(self.folder),
            project=self._project,
            id=run.key,
            name=run.label,
            group=run.protocol_id,
            config=described(run),
            mode=self._mode,
            reinit="create_new",  # several are under way at once
            settings=quiet,
        )

    def epoch(self, run: ObservedRun, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._runs[run.key].log(dict(values), step=epoch)

    def finished(
        self,
        run: ObservedRun,
        status: Literal["ok", "failed"],
        message: str,
        test: Mapping[str, float],
    ) -> None:
        """Add the test scores, and end the run."""
        begun = self._runs.pop(run.key, None)
        if begun is None:
            return
        for name, value in test.items():
            begun.summary[f"test/{name}"] = value
        begun.finish(exit_code=0 if status == "ok" else 1)

    def close(self) -> None:
        """End what an interrupt left open."""
        while self._runs:
            self._runs.popitem()[1].finish(exit_code=1)
