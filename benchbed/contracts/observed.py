"""What an observing hook may ask of a run."""

from __future__ import annotations

from typing import Protocol


class ObservedRun(Protocol):
    """One run of a plan, as observers see it; the plan's own object has more."""

    @property
    def key(self) -> str:
        """The run key."""
        ...

    @property
    def label(self) -> str:
        """The run as shown to people: method, task of a single-task net, seed."""
        ...

    @property
    def protocol_id(self) -> str:
        """The protocol, as ``name@version``."""
        ...

    @property
    def method(self) -> str:
        """The method's canonical name."""
        ...

    @property
    def tasks(self) -> list[str]:
        """The tasks that the run trains: one for single-task nets, else all of the protocol."""
        ...

    @property
    def seed(self) -> int:
        """The seed."""
        ...

    @property
    def epochs(self) -> int:
        """How many epochs the run has."""
        ...
