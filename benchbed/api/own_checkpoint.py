"""Weights of one's own in a method's network, to be scored as records are."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchbed.api.models import Network, same_generators
from benchbed.basics.errors import DataError
from benchbed.contracts.protocol import Protocol
from benchbed.discovery.registry import Registry
from benchbed.engine.seeding import seed_everything
from benchbed.engine.session import build_session
from benchbed.engine.weight_files import read_weights
from benchbed.execution.jobs import method_jobs

_SHOWN = 5


def load_checkpoint_of(
    path: Path, protocol: Protocol, method: str, registry: Registry, data_root: Path | None
) -> Network:
    """Return a method's network with the weights of a safetensors file, all of which must fit.

    Args:
        path: the file.
        protocol: whose tasks and data it is for.
        method: as typed.
        registry: the installed plugins.
        data_root: folder that holds the data sets.

    Raises:
        DataError: the file cannot be read, or is not of this network; the message says what was
            expected.
        BenchbedError: the method or the protocol makes no sense.
    """
    (job,) = method_jobs(protocol, [method], registry)
    job = msgspec.structs.replace(job, data_root=str(data_root or ""))
    weights = read_weights(path)
    with same_generators():
        seed_everything(job.seed)
        session = build_session(job)
    network = session.network
    network.set_phase(len(network.phases()) - 1)
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if expected != given:
        raise DataError(f"{path} is not of the network of {job.method}: {_differ(expected, given)}")
    network.load_state_dict(weights)
    network.eval()
    return Network(session)


def _differ(expected: dict[str, tuple[int, ...]], given: dict[str, tuple[int, ...]]) -> str:
    """Return in what two sets of tensors differ, the first few by name."""
    parts: list[str] = []
    missing = [name for name in expected if name not in given]
    unknown = [name for name in given if name not in expected]
    shapes = [name for name in expected if name in given and expected[name] != given[name]]
    if missing:
        parts.append(f"it lacks {_some(missing)}")
    if unknown:
        parts.append(f"it has {_some(unknown)}, which the network lacks")
    parts += [f"{n} is {given[n]}, and {expected[n]} is expected" for n in shapes[:_SHOWN]]
    return f"{'; '.join(parts)}."


def _some(names: list[str]) -> str:
    listed = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{listed} and {more} more" if more > 0 else listed
