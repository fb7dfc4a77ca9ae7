"""When the phases of training begin and end, counted in updates."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from benchbed.basics.errors import ContractError
from benchbed.contracts.architecture import Phase, check_phases
from benchbed.engine.data import batches_per_epoch
from benchbed.engine.session import Session


def batches_per_update(session: Session) -> int:
    """Return the number of mini-batches that an update takes."""
    return max(session.job.protocol.accumulate, session.strategy.last.batches)


def updates_per_epoch(session: Session, samples: int) -> int:
    """Return the number of updates in an epoch.

    Args:
        session: the run's parts.
        samples: size of the training split; what an epoch uses of it gives the same number.
    """
    protocol, group = session.job.protocol, batches_per_update(session)
    batches = batches_per_epoch(samples, protocol.batch_size, drop_last=protocol.drop_last)
    if session.strategy.last.batches > 1:
        return batches // group
    return -(-batches // group)  # an accumulated update may be of fewer mini-batches


def timed_phases(session: Session, updates: int) -> list[tuple[int, Phase]]:
    """Return the network's phases with the update before which each one ends.

    Args:
        session: the run's parts.
        updates: in an epoch.

    Raises:
        ContractError: the phases break their contract, or there are too few updates for them.
    """
    protocol, network = session.job.protocol, session.network
    phases = check_phases(network, list(session.tasks))
    total = updates * protocol.epochs
    ends = [max(1, round(phase.until * total)) for phase in phases]
    if ends != sorted(set(ends)):
        raise ContractError(
            f"{protocol.id} has {total} updates, too few for the "
            f"{len(phases)} phases of {type(network).__name__}."
        )
    return list(zip(ends, phases, strict=True))


def epochs_of_weighting(
    phases: Sequence[tuple[int, Phase]], index: int, updates: int, epochs: int
) -> tuple[int, int]:
    """Return between which epochs the weighting of a phase works: the first, and the one after.

    Args:
        phases: with the update before which each one ends.
        index: of the phase.
        updates: in an epoch.
        epochs: of the whole training.
    """
    first, after = 0, epochs
    for number, (_, phase) in enumerate(phases):
        if not number or not phase.fresh_weighting:
            continue
        begins = phases[number - 1][0]
        if number <= index:
            first = begins // updates
        else:
            after = min(after, -(-begins // updates))
    return first, after


def phase_after(phases: Sequence[tuple[int, Phase]], updates: int) -> int:
    """Return the phase of the last of so many updates, one at least."""
    return bisect_right([end for end, _ in phases[:-1]], updates - 1)
