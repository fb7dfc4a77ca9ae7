"""Where a table's numbers are from: what every format states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchbed.contracts.delta import Definition
from benchbed.records.cost_sum import MAC_CONVENTION
from benchbed.report.leaderboard import Leaderboard
from benchbed.report.records.of_split import Split


@dataclass(frozen=True, slots=True)
class Source:
    """What a table was made of.

    Attributes:
        title: the protocol's, for people.
        protocol: the protocol's id.
        digest: the protocol's.
        selection: the rule of model selection.
        on_test: whether models were selected on the very split whose scores are shown.
        epochs: of a run.
        definition: of Δm.
        baseline: the method that Δm refers to, with each row's backbone.
        reference: the method that was chosen instead of the protocol's baseline, if one was.
        records: the results folder of the records, seen from where the table is written.
        macs: what a multiply-add is.
        split: whose scores are shown.
    """

    title: str
    protocol: str
    digest: str
    selection: str
    on_test: bool
    epochs: int
    definition: Definition
    baseline: str
    reference: str | None
    records: str
    macs: str = MAC_CONVENTION
    split: Split = "test"

    def stated(self) -> dict[str, Any]:
        """Return it in words and numbers, by the names that they have in CSV."""
        told = {
            "protocol": self.protocol,
            "digest": self.digest,
            "selection": self.selection,
            "delta_m definition": self.definition,
            "delta_m reference": self.baseline,
            "epochs": self.epochs,
            "macs are": self.macs,
        }
        return told if self.split == "test" else {**told, "split": self.split}


def source_of(board: Leaderboard) -> Source:
    """Return what a leaderboard was made of."""
    protocol = board.protocol
    return Source(
        title=protocol.title or protocol.id,
        protocol=protocol.id,
        digest=protocol.digest,
        selection=str(protocol.selection),
        on_test=protocol.selection.rule == "paper-selection",
        epochs=protocol.epochs,
        definition=board.definition,
        baseline=board.baseline,
        reference=board.reference,
        records=board.records,
        split=board.split,
    )


def stated(board: Leaderboard) -> dict[str, Any]:
    """Return what every form of a table states: what its numbers are and where they are from."""
    return source_of(board).stated()
