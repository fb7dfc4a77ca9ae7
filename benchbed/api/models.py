"""``benchbed.load``: a record's network back in Python, to predict with and to score."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchbed.basics.config import default_data_root
from benchbed.basics.errors import BenchbedWarning, DataError, StoreError, suggest
from benchbed.contracts.architecture import Architecture
from benchbed.contracts.protocol import Protocol
from benchbed.contracts.task import Task
from benchbed.contracts.transform import Transform
from benchbed.discovery.loading import make_component
from benchbed.discovery.own_code import add_file
from benchbed.discovery.registry import Registry, discover
from benchbed.engine.data import Split
from benchbed.engine.evaluation import Evaluator
from benchbed.engine.seeding import restore_rng, rng_state
from benchbed.engine.session import Session
from benchbed.execution.results import finite_scores
from benchbed.records.record import Record, Scores
from benchbed.report.inspect.lost_weights import command_for_weights
from benchbed.report.inspect.predictions.rebuild import rebuild
from benchbed.report.inspect.records import find_record, protocol_of, read_record
from benchbed.report.inspect.request import Request


@dataclass(frozen=True)
class Network:
    """A network with its tasks.

    Attributes:
        session: the parts of a run.
    """

    session: Session

    @property
    def network(self) -> Architecture:
        """The network, in evaluation mode: a ``torch.nn.Module``."""
        return self.session.network

    @property
    def tasks(self) -> Mapping[str, Task]:
        """The tasks that it was trained for, by name."""
        return self.session.tasks

    @torch.no_grad()
    def predict(self, inputs: Tensor | np.ndarray | Sequence[Any]) -> dict[str, Tensor]:
        """Return each task's predictions, in the task's own units.

        Inputs go through the protocol's evaluation transforms, as the test split's do.

        Args:
            inputs: one input of the data set's shape, or a batch of them, in the data set's range.

        Returns:
            By task what its ``predict`` gives, of one input without the batch's dimension.

        Raises:
            DataError: the inputs have another shape.
        """
        described = self.session.dataset.input
        given = torch.as_tensor(np.asarray(inputs), dtype=torch.float32)
        single = tuple(given.shape) == described.shape
        batch = given.unsqueeze(0) if single else given
        if tuple(batch.shape[1:]) != described.shape:
            raise DataError(
                f"predict wants inputs of shape {described.shape}, or a batch of them, and got "
                f"{tuple(given.shape)}."
            )
        names = list(self.session.tasks)
        outputs = self._evaluator().outputs(self.network, self._transformed(batch), names)
        found: dict[str, Tensor] = {}
        for name, task in self.session.tasks.items():
            prediction = task.predict(outputs[name])
            found[name] = prediction[0] if single else prediction
        return found

    def _transformed(self, batch: Tensor) -> Tensor:
        """Return inputs as evaluation gives them to the network."""
        session = self.session
        transforms = [make_component(c, Transform) for c in session.job.evaluation_transforms]
        columns = {"input": batch.numpy()}
        split = Split(
            columns, {}, session.device, transforms, input_described=session.dataset.input
        )
        return split.batch(np.arange(len(batch))).input

    def evaluate(self, split: str = "test") -> Scores:
        """Return the scores on a split, ``{task: {metric: value}}``.

        Args:
            split: ``test``, ``validation`` or ``train`` of the protocol, or a split of the data
                set.

        Raises:
            DataError: there is no such split, or the data is missing.
        """
        protocol = self.session.job.protocol
        name = _split_name(split, protocol, self.session)
        columns = self.session.split(name, self.session.job.evaluation_transforms)
        # metrics that are too slow for every epoch are those of the record alone
        final = name == protocol.data.test
        return finite_scores(self._evaluator()(self.network, columns, final=final).scores)

    def _evaluator(self) -> Evaluator:
        protocol = self.session.job.protocol
        return Evaluator(self.session.tasks, protocol.batch_size, self.session.device)


@dataclass(frozen=True)
class LoadedModel(Network):
    """The network that a record's run trained.

    ::

        model = benchbed.load("380257")
        model.predict(images)["digit"]      # in the task's own units
        model.evaluate("test")["digit"]     # {"accuracy": 0.985, …}, as in the record

    Attributes:
        record: of the run.
    """

    record: Record

    def evaluate(self, split: str = "test") -> Scores:
        """Return the scores on a split, as :meth:`Network.evaluate`.

        On the machine and software that trained, those of the test split are the record's to the
        bit, and elsewhere to about 1e-5. Of a run whose record averages several epochs only the
        last one was kept; then a warning says that its scores are not the record's.
        """
        protocol = self.session.job.protocol
        name = _split_name(split, protocol, self.session)
        if name == protocol.data.test and protocol.selection.rule == "mean-of-last-k":
            warnings.warn(
                f"The record's scores are means over the last {protocol.selection.k} epochs; these "
                "are of the last one, whose weights were kept.",
                BenchbedWarning,
                stacklevel=2,
            )
        with _threads(self.record):
            return super().evaluate(split)


def load(
    record: str | Path,
    *,
    results: str | Path = "results",
    protocol: str | None = None,
    data_root: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> LoadedModel:
    """Return a record's network with its final weights, on the CPU.

    All classes come from the installed plugins (and the files named here); what a record says of
    where its classes lie is not followed.

    Args:
        record: a record's JSON file, or the first 6 or more characters of its run key.
        results: the results folder.
        protocol: the file of the record's protocol, where no plugin brings it.
        data_root: folder that holds the data sets; by default that of ``BENCHBED_DATA`` or of the
            configuration file.
        plugins: Python files with methods of one's own that the record's run was made with.

    Raises:
        StoreError: there is no such record, or its weights are not there; the message holds the
            command that makes them.
        RecordError: the record or the weights cannot be trusted.
        BenchbedError: a plugin, the protocol or the data is not what it was.
    """
    registry = discover()
    for path in plugins:
        add_file(registry, Path(path))
    root = Path(data_root) if data_root else default_data_root()
    path = find_record(str(record), Path(results))
    request = Request(path, Path(results), protocol=protocol, data_root=root)
    return load_record(read_record(path), request, registry)


def load_record(record: Record, request: Request, registry: Registry) -> LoadedModel:
    """Return a record's network; see :func:`load`.

    Raises:
        BenchbedError: as :func:`load`.
    """
    under = protocol_of(record, registry, request.protocol, request.results)
    if not request.has_weights:
        command, place = command_for_weights(record, registry, request)
        raise StoreError(
            f"The weights {request.weights} are not there. This trains the run again, to {place}:"
            f"\n  {command}"
        )
    with same_generators():
        session = rebuild(record, under, registry, request.weights, request.data_root)
    return LoadedModel(session, record)


@contextlib.contextmanager
def same_generators() -> Iterator[None]:
    """Put generators and switches back that building a network sets: they are the caller's."""
    state = rng_state()
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    try:
        yield
    finally:
        restore_rng(state)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
        torch.backends.cudnn.benchmark = benchmark


@contextlib.contextmanager
def _threads(record: Record) -> Iterator[None]:
    """Compute with as many threads as the run did: sums depend on it in their last bits."""
    text = record.environment.get("threads", "")
    before = torch.get_num_threads()
    if text.isdecimal() and 0 < int(text) <= 1024:
        torch.set_num_threads(int(text))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _split_name(split: str, protocol: Protocol, session: Session) -> str:
    roles = {
        "test": protocol.data.test,
        "validation": protocol.data.validation,
        "train": protocol.data.train,
    }
    name = roles.get(split, split)
    if name not in session.dataset.splits:
        known = [*roles, *session.dataset.splits]
        raise DataError(f"There is no split '{split}'.{suggest(split, known)}")
    return name
