"""From a record and the weights beside it back to the network."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError

from benchbed.basics.errors import RecordError, one_line
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.registry import Registry
from benchbed.engine.phases import phase_after, timed_phases, updates_per_epoch
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import Session, build_session
from benchbed.execution.inputs import require_data
from benchbed.execution.jobs import record_job
from benchbed.records.record import Record


def rebuild(
    record: Record, protocol: Protocol, registry: Registry, weights: Path, data_root: Path | None
) -> Session:
    """Return a record's data set, tasks and network, on the CPU, with its final weights.

    Seeds the global generators with the run's seed, so that a network which draws its structure
    draws the same one.

    Raises:
        PluginError: the components that made the record are not what is installed.
        DataError: the data is missing, or not what the run was trained on.
        RecordError: the weights are damaged, or those of another network.
    """
    job = record_job(record, protocol, registry, data_root=str(data_root or ""), device="cpu")
    seed_everything(record.seed)
    session = build_session(job)
    require_data(job, session.dataset.digest(data_root))
    network = session.network
    network.set_phase(_selected_phase(record, session))
    try:
        network.load_state_dict(safetensors.torch.load_file(weights))
    except (OSError, SafetensorError) as error:
        raise RecordError(f"The weights {weights} are damaged ({one_line(error)}).") from error
    except RuntimeError as error:
        raise RecordError(
            f"The weights {weights} are not those of the network that the installed "
            f"{record.method} builds ({one_line(error)})."
        ) from error
    network.eval()
    return session


def _selected_phase(record: Record, session: Session) -> int:
    """Return the phase at the end of the selected epoch."""
    samples = record.budget.samples // session.job.protocol.epochs
    updates = updates_per_epoch(session, samples)
    return phase_after(timed_phases(session, updates), record.selected_epoch * updates)
