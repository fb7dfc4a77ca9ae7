"""What is planned: runs, their states, and how they are carried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchbed.contracts.protocol import Protocol
from benchbed.discovery.method import Method
from benchbed.discovery.shipped import Shipped
from benchbed.records.job import Job
from benchbed.records.store import Refused

State = Literal["cached", "new", "stale", "failed before", "damaged"]


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a plan.

    Attributes:
        state: ``cached`` runs are not repeated; ``stale`` ones are, because a plugin's source
            changed at the same version; so are those that failed or whose record is damaged.
        stale: the components whose source changed.
        unlogged: gradients are to be logged, and the cached record has none.
        linked: another source made the cached record, and was seen to give the same bits.
        shipped: code that the run needs and that is in no installed package; an executor brings it
            to the run's process (:func:`benchbed.discovery.shipped.install`).
    """

    job: Job
    state: State
    stale: tuple[str, ...] = ()
    unlogged: bool = False
    linked: bool = False
    shipped: tuple[Shipped, ...] = ()

    @property
    def key(self) -> str:
        """The run key."""
        return self.job.key

    @property
    def protocol_id(self) -> str:
        """The protocol, as ``name@version``."""
        return self.job.protocol.id

    @property
    def method(self) -> str:
        """The method's canonical name."""
        return self.job.method

    @property
    def tasks(self) -> list[str]:
        """The tasks that it trains."""
        return self.job.tasks

    @property
    def seed(self) -> int:
        """The seed."""
        return self.job.seed

    @property
    def epochs(self) -> int:
        """How many epochs it has."""
        return self.job.protocol.epochs

    @property
    def label(self) -> str:
        """The run as shown to people."""
        task = f"/{self.job.tasks[0]}" if self.job.one_run_per_task else ""
        return f"{self.job.method}{task} seed {self.job.seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be run, and what is there already."""

    protocol: Protocol
    methods: tuple[Method, ...]
    seeds: tuple[int, ...]
    runs: tuple[PlannedRun, ...]
    measurements: tuple[Job, ...]
    measured: int = 0
    damaged: tuple[Refused, ...] = ()
    shipped: tuple[Shipped, ...] = ()

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        """The runs that would be trained."""
        return tuple(run for run in self.runs if run.state != "cached")


@dataclass(frozen=True, slots=True)
class Settings:
    """How runs are carried out; none of it enters a run key."""

    results: Path = Path("results")
    data_root: Path | None = None
    threads: int = 1
    device: str = "auto"
    accept_stale: bool = False
    pretrained: Path | None = None
    log_gradients: bool = False
    commit: str = ""
    dirty: bool = False
