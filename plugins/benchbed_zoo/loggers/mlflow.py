"""MLflow: an experiment a protocol, a run of theirs for each of ours."""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from benchbed.contracts.logger import Logger, described
from benchbed.contracts.observed import ObservedRun
from benchbed_zoo.loggers.extras import missing

KEY: Final = "benchbed.run_key"
"""The tag by which a run is found again."""


class MLflow(Logger):
    """Logs curves by epoch, test scores as ``test/<task>/<metric>``, what the run is as parameters.

    It writes ``mlflow.db`` in the logger's folder, which ``mlflow ui --backend-store-uri
    sqlite:///results/curves/mlflow/mlflow.db`` shows, unless ``MLFLOW_TRACKING_URI`` names another
    place. An earlier try at a run that never ended there is deleted as MLflow deletes, which can be
    undone.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        try:
            # its data base's library warns of its own use of it
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import mlflow.entities
                import mlflow.store.tracking.sqlalchemy_store
        except ImportError as error:
            raise missing("mlflow", "mlflow", error) from error
        self._mlflow: Any = mlflow
        self._made: Any = None
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}

    def started(self, run: ObservedRun) -> None:
        """Begin a run."""
        experiment = self._experiment(run.protocol_id)
        unended = f"tags.`{KEY}` = '{run.key}' and attributes.status = 'RUNNING'"
        for earlier in self._client.search_runs([experiment], unended):
            self._client.delete_run(earlier.info.run_id)
        begun = self._client.create_run(experiment, run_name=run.label, tags={KEY: run.key})
        self._runs[run.key] = begun.info.run_id
        for name, value in described(run).items():
            self._client.log_param(begun.info.run_id, name, value)

    def epoch(self, run: ObservedRun, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._log(run, epoch, values)

    def finished(
        self,
        run: ObservedRun,
        status: Literal["ok", "failed"],
        message: str,
        test: Mapping[str, float],
    ) -> None:
        """Add the test scores, and end the run."""
        if run.key not in self._runs:
            return
        self._log(run, run.epochs, {f"test/{name}": value for name, value in test.items()})
        ended = "FINISHED" if status == "ok" else "FAILED"
        self._client.set_terminated(self._runs.pop(run.key), ended)

    def close(self) -> None:
        """End what an interrupt left open."""
        while self._runs:
            self._client.set_terminated(self._runs.popitem()[1], "KILLED")

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = self._connect()
        return self._made

    def _connect(self) -> Any:
        elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
        if elsewhere:
            return self._mlflow.MlflowClient(elsewhere)
        self.folder.mkdir(parents=True, exist_ok=True)
        # that it makes its tables is nobody's news
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        return self._mlflow.MlflowClient(f"sqlite:///{self.folder.absolute() / 'mlflow.db'}")

    def _experiment(self, name: str) -> str:
        """Return the id of an experiment, made where there is none."""
        if name not in self._experiments:
            found = self._client.get_experiment_by_name(name)
            made = found.experiment_id if found else self._client.create_experiment(name)
            self._experiments[name] = made
        return self._experiments[name]

    def _log(self, run: ObservedRun, step: int, values: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metrics = [
            self._mlflow.entities.Metric(_allowed(name), value, now, step)
            for name, value in values.items()
        ]
        self._client.log_batch(self._runs[run.key], metrics=metrics)


def _allowed(name: str) -> str:
    """Return a name with what MLflow does not take in one replaced."""
    return re.sub(r"[^A-Za-z0-9_./: -]", "_", name)
