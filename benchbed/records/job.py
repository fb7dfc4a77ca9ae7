"""``Job``: all that a worker needs to carry out one run, as plain data in one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.component import Component
from benchbed.records.family import family_digest
from benchbed.records.store import Place


class Job(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run, one measurement, or one trial of a method before it is trained.

    Attributes:
        key: the run key (or the measurement's).
        tasks: the protocol's tasks that this run trains.
        task_components, dataset: their plugins.
        results: the results folder.
        data_root: the folder of data sets, or empty.
        threads: of the run's process.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        traits: of the architecture's Spec.
        transforms, evaluation_transforms: of training, and of validation and test batches.
        pretrained, pretrained_digest: a safetensors file to start from, and its digest.
        log_gradients: log norms and cosines of the tasks' gradients once an epoch.
        limit_s: seconds that a trial may take; 0: any.
    """

    key: str
    kind: Literal["train", "measure", "preflight"]
    protocol: Protocol
    method: str
    architecture: Component
    backbone: Component | None
    weighting: list[Component]
    task_components: dict[str, Component]
    dataset: Component
    tasks: list[str]
    seed: int
    data_digest: str
    results: str
    data_root: str = ""
    threads: int = 1
    device: str = "auto"
    commit: str = ""
    dirty: bool = False
    one_run_per_task: bool = False
    traits: list[str] = []
    transforms: list[Component] = []
    evaluation_transforms: list[Component] = []
    pretrained: str = ""
    pretrained_digest: str = ""
    log_gradients: bool = False
    limit_s: float = 0.0

    @property
    def components(self) -> list[Component]:
        """All components whose ids, versions and options enter the run key."""
        backbone = [self.backbone] if self.backbone else []
        tasks = [self.task_components[name] for name in self.tasks]
        transforms = [*self.transforms, *self.evaluation_transforms]
        return [self.architecture, *backbone, *self.weighting, *tasks, self.dataset, *transforms]

    @property
    def networks(self) -> list[list[str]]:
        """The tasks of each of its networks: one for all, or one a task."""
        if self.one_run_per_task:
            return [[name] for name in self.tasks]
        return [self.tasks]

    @property
    def family(self) -> str:
        """What the run shares with the other seeds of its method."""
        return family_digest(
            self.protocol.digest,
            self.components,
            self.data_digest,
            self.tasks,
            pretrained=self.pretrained_digest,
        )

    @property
    def place(self) -> Place:
        """Where its files lie in the results folder."""
        weighting = ".".join(component.id for component in self.weighting)
        folder = weighting or "+".join(self.tasks)  # single-task nets have no weighting
        return Place(self.protocol.name, self.protocol.version, self.architecture.id, folder)


def read_job(path: Path) -> Job:
    """Read a job file.

    Raises:
        BenchbedError: it cannot be read or is no job.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Job)
    except OSError as error:
        raise BenchbedError(f"Cannot read job file {path}: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BenchbedError(f"{path} is not a job file of this benchbed: {error}.") from error
