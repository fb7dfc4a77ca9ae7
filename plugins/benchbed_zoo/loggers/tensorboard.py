"""TensorBoard's event files: a folder a run, without torch or TensorFlow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from benchbed.contracts.logger import Logger, described, log_name
from benchbed.contracts.observed import ObservedRun
from benchbed_zoo.loggers.extras import missing

if TYPE_CHECKING:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData


class TensorBoard(Logger):
    """Writes ``<protocol>/<run>/`` with the curves as scalars by epoch.

    The run's method, protocol and seed are its hyperparameters, and its test scores the scalars
    ``test/<task>/<metric>``, so that the tab HPARAMS compares methods. Look at it with
    ``tensorboard --logdir results/curves/tensorboard``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        try:
            import tensorboard.plugins.hparams.metadata
            import tensorboard.summary.writer.event_file_writer  # noqa: F401
        except ImportError as error:
            raise missing("tensorboard", "tensorboard", error) from error
        self._writers: dict[str, Any] = {}

    def started(self, run: ObservedRun) -> None:
        """Begin the run's folder anew."""
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder = self.folder / run.protocol_id / log_name(run)
        shutil.rmtree(folder, ignore_errors=True)
        self._writers[run.key] = EventFileWriter(str(folder))
        self._add_session_start(run)

    def epoch(self, run: ObservedRun, epoch: int, values: Mapping[str, float]) -> None:
        """Add a point to each curve."""
        self._add_scalars(run, values, epoch)
        self._writers[run.key].flush()

    def finished(
        self,
        run: ObservedRun,
        status: Literal["ok", "failed"],
        message: str,
        test: Mapping[str, float],
    ) -> None:
        """Add the test scores, and close the run's file."""
        if run.key not in self._writers:
            return
        scores = {f"test/{name}": value for name, value in test.items()}
        self._add_scalars(run, scores, run.epochs)
        self._add_session_end(run, ok=status == "ok")
        self._writers.pop(run.key).close()

    def close(self) -> None:
        """Close what an interrupt left open."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _add_scalars(self, run: ObservedRun, values: Mapping[str, float], step: int) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary

        found = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(run, Summary(value=found), step)

    def _add_session_start(self, run: ObservedRun) -> None:
        """Add what the run is as hyperparameters."""
        from tensorboard.plugins.hparams import metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import (
            HParamsPluginData,
            SessionStartInfo,
        )

        info = SessionStartInfo(group_name=run.key, start_time_secs=time.time())
        for name, value in described(run).items():
            if isinstance(value, str):
                info.hparams[name].string_value = value
            else:
                info.hparams[name].number_value = value
        content = HParamsPluginData(session_start_info=info)
        self._add_session(run, metadata.SESSION_START_INFO_TAG, content)

    def _add_session_end(self, run: ObservedRun, *, ok: bool) -> None:
        from tensorboard.plugins.hparams import api_pb2, metadata
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo

        status = api_pb2.STATUS_SUCCESS if ok else api_pb2.STATUS_FAILURE
        info = SessionEndInfo(status=status, end_time_secs=time.time())
        content = HParamsPluginData(session_end_info=info)
        self._add_session(run, metadata.SESSION_END_INFO_TAG, content)

    def _add_session(self, run: ObservedRun, tag: str, content: HParamsPluginData) -> None:
        """Add what the tab HPARAMS reads: a value without data that carries it."""
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams import metadata

        about = metadata.create_summary_metadata(content)
        value = Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
        self._add(run, Summary(value=[value]), 0)

    def _add(self, run: ObservedRun, summary: Any, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        event = Event(wall_time=time.time(), step=step, summary=summary)
        self._writers[run.key].add_event(event)
