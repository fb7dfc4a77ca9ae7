"""What a run leaves: the record's schema, its run key, and strict reading."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from benchbed.canonical import digest
from benchbed.errors import RecordError
from benchbed.method import Component

ENGINE: Final = 2
"""Version of how benchbed itself trains and scores; part of every run key."""

Scores = dict[str, dict[str, float]]
"""``{task: {metric: value}}``"""


FailureStatus = Literal["failed", "non-finite-loss", "killed"]


class MetricInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reader must know of a metric."""

    higher_is_better: bool
    primary: bool = False
    percent: bool = False
    detail: bool = False


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Trainable and frozen parameters at inference, by the tasks that reach them."""

    total: int
    shared: int
    per_task: dict[str, int]
    training_only: int = 0
    unused: int = 0


class Macs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Multiply-adds of convolutions, linear layers and matrix products for one sample."""

    all_tasks: int
    per_task: dict[str, int]


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs that do not depend on the machine."""

    parameters: Parameters
    macs: Macs
    other_ops: dict[str, int]
    uncounted: list[str]
    size_kb: dict[str, float]


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What training took, every phase included.

    ``macs``: multiply-adds of all forward and backward passes, a backward pass counted as two
    forward passes for the tasks that it is for.
    """

    epochs: int
    optimizer_steps: int
    samples: int
    seconds: float
    macs: int = 0


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run: one method, one seed, under one protocol (for single-task methods: one task)."""

    schema: Literal["benchbed.record/1"]
    key: str
    protocol: str
    protocol_digest: str
    method: str
    tasks: list[str]
    seed: int
    engine: int
    components: list[Component]
    data_digest: str
    metrics: dict[str, dict[str, MetricInfo]]
    test: Scores
    validation: Scores
    selection: str
    selected_epoch: int
    curves: dict[str, list[float | None]]
    costs: Costs
    budget: Budget
    environment: dict[str, str]
    commit: str
    dirty: bool
    started: str
    finished: str
    tier: Literal["claimed", "reproduced", "verified"] = "reproduced"
    pretrained: str = ""
    notes: list[str] = []
    lr_factors: dict[str, float] = {}
    gradients: list[str] = []


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run that ended without a record."""

    schema: Literal["benchbed.failure/1"]
    key: str
    protocol: str
    protocol_digest: str
    method: str
    tasks: list[str]
    seed: int
    status: FailureStatus
    error: str
    traceback: str
    usage: bool
    finished: str


class Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs that depend on the machine, measured once a method with nothing running beside it.

    ``step_ms``: median time of a training step; ``latency_ms``: of a forward pass of one sample;
    ``peak_memory_mb``: highest memory above what was in use before the net was built. For methods
    of one run a task: the sum, the sum and the largest over the tasks.
    """

    schema: Literal["benchbed.measurement/1"]
    key: str
    protocol: str
    protocol_digest: str
    method: str
    step_ms: float
    latency_ms: float
    peak_memory_mb: float
    threads: int
    environment: dict[str, str]
    finished: str


def run_key(
    protocol_digest: str,
    components: Iterable[Component],
    data_digest: str,
    seed: int,
    tasks: Sequence[str],
    engine: int = ENGINE,
    pretrained: str = "",
) -> str:
    """Return the digest that names a run; nothing of paths, host, order or executor goes in."""
    identity: dict[str, Any] = {
        "protocol": protocol_digest,
        "components": [component.identity() for component in components],
        "data": data_digest,
        "seed": seed,
        "tasks": list(tasks),
        "engine": engine,
    }
    if pretrained:
        identity["pretrained"] = pretrained
    return digest(identity)[:32]


_record_decoder = msgspec.json.Decoder(Record)
_decoders: Final[Mapping[type[Any], msgspec.json.Decoder[Any]]] = {
    Record: _record_decoder,
    Failure: msgspec.json.Decoder(Failure),
    Measurement: msgspec.json.Decoder(Measurement),
}


def decode(content: bytes, kind: type[Any]) -> Any:
    """Read a record, failure or measurement, strictly.

    Raises:
        RecordError: damaged, of another schema, or with numbers that are not finite.
    """
    try:
        return _decoders[kind].decode(content)
    except msgspec.ValidationError as error:
        raise RecordError(f"of another schema or altered ({error})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"damaged ({error})") from error
    except RecursionError as error:
        raise RecordError("damaged (nested too deeply)") from error


def decode_record(content: bytes, stem: str) -> Record:
    """Read a record and check it against itself and its file's name.

    Raises:
        RecordError: damaged, of another schema, or its content does not give its run key.
    """
    record: Record = decode(content, Record)
    expected = run_key(
        record.protocol_digest,
        record.components,
        record.data_digest,
        record.seed,
        record.tasks,
        record.engine,
        record.pretrained,
    )
    if record.key != expected:
        raise RecordError("altered (its content does not give its run key)")
    if record.key != stem:
        raise RecordError("misnamed (its file is not named by its run key)")
    if set(record.test) != set(record.tasks) or set(record.metrics) != set(record.tasks):
        raise RecordError("incomplete (a task has no test metrics)")
    for task, scores in record.test.items():
        if set(scores) != set(record.metrics[task]):
            raise RecordError(f"incomplete (metrics of task '{task}')")
    return record


def finite(value: float) -> float | None:
    """Return the value, or ``None`` for NaN and infinities, which JSON cannot hold."""
    return value if math.isfinite(value) else None
