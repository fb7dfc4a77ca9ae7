"""Loggers as an observer: what ``--log`` names, told of runs; one that raises is told no more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from benchbed.basics.errors import BenchbedWarning, MethodError, one_line
from benchbed.contracts.logger import Logger
from benchbed.discovery.loading import make_component
from benchbed.discovery.method import resolve_alone
from benchbed.discovery.registry import Registry
from benchbed.execution.executor import Result
from benchbed.execution.planned import PlannedRun
from benchbed.records.record import Record, values_by_epoch
from benchbed.records.store import Store, write_atomically

FOLDER: Final = "curves"
"""Below the results folder: a folder for each logger."""


class Logging:
    """Tells loggers of runs, a resumed one from its first epoch on.

    Below each logger's folder, a file ``.whole/<run key>`` marks the runs that it was told of to
    their end.

    Args:
        loggers: by the names that they are known by.
    """

    def __init__(self, loggers: Mapping[str, Logger]) -> None:
        self._loggers = dict(loggers)

    @property
    def folders(self) -> list[Path]:
        """Return the folders that loggers have written into."""
        folders = [logger.folder for logger in self._loggers.values()]
        return [folder for folder in folders if folder.exists()]

    def started(self, run: PlannedRun) -> None:
        """A run begins."""
        self._tell(lambda logger: _start(logger, run))

    def resumed(self, run: PlannedRun, earlier: Sequence[Mapping[str, float]]) -> None:
        """It goes on from a checkpoint: tell the epochs that had ended."""
        for number, values in enumerate(earlier, start=1):
            self.epoch(run, number, 0.0, values)

    def epoch(
        self, run: PlannedRun, epoch: int, seconds_left: float, values: Mapping[str, float]
    ) -> None:
        """An epoch has ended."""
        self._tell(lambda logger: logger.epoch(run, epoch, values))

    def finished(self, result: Result) -> None:
        """A run has ended."""
        run = result.run
        record = _record(run) if self._loggers and result.status == "ok" else None
        if record is None:
            self._tell(lambda logger: logger.finished(run, result.status, result.message, {}))
        else:
            self._tell(lambda logger: _finish(logger, run, record))

    def catch_up(self, runs: Iterable[PlannedRun]) -> None:
        """Tell of runs that have a record, from their records, what loggers were not told yet."""
        for run in runs:
            if all(_mark(logger, run).exists() for logger in self._loggers.values()):
                continue
            record = _record(run)
            if record is not None:
                self._tell(lambda logger: _replay(logger, run, record))  # noqa: B023 - called here

    def close(self) -> None:
        """Nothing more comes."""
        self._tell(lambda logger: logger.close())
        self._loggers.clear()

    def _tell(self, what: Callable[[Logger], None]) -> None:
        for name, logger in list(self._loggers.items()):
            try:
                what(logger)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                del self._loggers[name]
                message = f"Logger {name} failed and logs nothing more: {one_line(error)}"
                warnings.warn(message, BenchbedWarning, stacklevel=2)


def _record(run: PlannedRun) -> Record | None:
    """Return the record that a run has left, if there is one that can be trusted."""
    found = Store(run.job.results).find(run.job.place, run.job.key)
    return found if isinstance(found, Record) else None


def _mark(logger: Logger, run: PlannedRun) -> Path:
    return logger.folder / ".whole" / run.key


def _start(logger: Logger, run: PlannedRun) -> None:
    _mark(logger, run).unlink(missing_ok=True)
    logger.started(run)


def _finish(logger: Logger, run: PlannedRun, record: Record) -> None:
    logger.finished(run, "ok", "", _test_scores(record))
    write_atomically(_mark(logger, run), b"")


def _replay(logger: Logger, run: PlannedRun, record: Record) -> None:
    """Tell a logger all of a run, unless it was told before."""
    if _mark(logger, run).exists():
        return
    logger.started(run)
    for number, values in enumerate(values_by_epoch(record.curves), start=1):
        logger.epoch(run, number, values)
    _finish(logger, run, record)


def _test_scores(record: Record) -> dict[str, float]:
    """Return a record's test scores by ``<task>/<metric>``."""
    scores: dict[str, float] = {}
    for task, found in record.test.items():
        for metric, value in found.items():
            scores[f"{task}/{metric}"] = value
    return scores


def make_logging(names: Sequence[str], registry: Registry, results: Path) -> Logging:
    """Return loggers by their names, such as ``csv`` or ``wandb:mode=online``, as one observer.

    Args:
        names: as they were given.
        registry: the installed plugins.
        results: each writes into a folder of its own below it.

    Raises:
        PluginError: there is no such logger, or it breaks its contract.
        MethodError: an option is wrong, or a logger is named twice.
        BenchbedError: what it writes with is not installed.
    """
    loggers: dict[str, Logger] = {}
    for text in names:
        component = resolve_alone("logger", text, registry)
        if component.id in loggers:
            raise MethodError(f"The logger '{component.id}' is named twice.")
        folder = results / FOLDER / component.id
        loggers[component.id] = make_component(component, Logger, folder)
    return Logging(loggers)
