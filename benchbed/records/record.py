"""What a run leaves: the record's schema, its run key, and strict reading."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from benchbed.basics.canonical import digest
from benchbed.basics.errors import RecordError
from benchbed.basics.texts import LONGEST, is_plain, visible
from benchbed.discovery.component import Component
from benchbed.records.content import content_digest

ENGINE: Final = 2
"""Version of how benchbed itself trains and scores; part of every run key."""

LARGEST: Final = 1e100
"""Numbers beyond it count as not finite, so that no sum and no square of them overflows."""

MOST_OPERATIONS: Final = 10**30

Number = Annotated[float, Meta(ge=-LARGEST, le=LARGEST)]
Amount = Annotated[float, Meta(ge=0, le=LARGEST)]
Count = Annotated[int, Meta(ge=0, le=10**18)]
Operations = Annotated[int, Meta(ge=0)]
Text = Annotated[str, Meta(max_length=LONGEST)]

Tasks = Annotated[list[Text], Meta(max_length=100)]
Texts = Annotated[list[Text], Meta(max_length=1000)]
MOST_NOTES: Final = 100_000
"""Characters of a record's notes."""

Scores = Annotated[
    dict[Text, Annotated[dict[Text, Number], Meta(max_length=10_000)]], Meta(max_length=100)
]
"""``{task: {metric: value}}``"""

Tier = Literal["claimed", "reproduced", "verified"]
"""How far a record can be believed; see :func:`benchbed.records.verification.tier_of`."""


AUXILIARY: Final = "auxiliary"
"""The curve of the auxiliary loss that no task owns, and before a slash and a task of a task's."""

PHASE: Final = "phase"
"""The curve of the phase at each epoch's end, from 1, of networks with more than one."""

FailureStatus = Literal["failed", "non-finite-loss", "killed"]


class MetricInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a reader must know of a metric."""

    higher_is_better: bool
    primary: bool = False
    percent: bool = False
    detail: bool = False


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Trainable and frozen parameters at inference, by the tasks that reach them."""

    total: Count
    shared: Count
    per_task: Annotated[dict[Text, Count], Meta(max_length=100)]
    training_only: Count = 0
    unused: Count = 0


class Macs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Multiply-adds of convolutions, linear layers and matrix products for one sample."""

    all_tasks: Operations
    per_task: Annotated[dict[Text, Operations], Meta(max_length=100)]


class Costs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs that do not depend on the machine."""

    parameters: Parameters
    macs: Macs
    other_ops: Annotated[dict[Text, Operations], Meta(max_length=1000)]
    uncounted: Texts
    size_kb: Annotated[dict[Text, Amount], Meta(max_length=100)]


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What training took, every phase included.

    ``macs``: multiply-adds of all forward and backward passes, a backward pass counted as two
    forward passes for the tasks that it is for.
    """

    epochs: Count
    optimizer_steps: Count
    samples: Count
    seconds: Amount
    macs: Operations = 0


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run: one method, one seed, under one protocol (for single-task methods: one task).

    ``content`` is the digest of all the rest (:func:`content_digest`); older records have
    none.
    """

    schema: Literal["benchbed.record/1"]
    key: Text
    protocol: Text
    protocol_digest: Text
    method: Text
    tasks: Tasks
    seed: Count
    engine: Count
    components: Annotated[list[Component], Meta(max_length=1000)]
    data_digest: Text
    metrics: Annotated[
        dict[Text, Annotated[dict[Text, MetricInfo], Meta(max_length=10_000)]], Meta(max_length=100)
    ]
    test: Scores
    validation: Scores
    selection: Text
    selected_epoch: Count
    curves: Annotated[
        dict[Text, Annotated[list[Number | None], Meta(max_length=100_000)]],
        Meta(max_length=10_000),
    ]
    costs: Costs
    budget: Budget
    environment: Annotated[dict[Text, Text], Meta(max_length=100)]
    commit: Text
    dirty: bool
    started: Text
    finished: Text
    tier: Tier = "reproduced"
    pretrained: Text = ""
    notes: Annotated[list[Text], Meta(max_length=100)] = []
    lr_factors: Annotated[dict[Text, Number], Meta(max_length=10_000)] = {}
    gradients: Texts = []
    content: Text = ""


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A run that ended without a record.

    ``pretrained``: the digest of the file that it began with, as of a record.
    """

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
    pretrained: str = ""


class Measurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Costs that depend on the machine, measured once a method with nothing running beside it.

    ``step_ms``: median time of a training step, in the phase where it takes longest;
    ``latency_ms``: of a forward pass of one sample, in the last phase; ``peak_memory_mb``: highest
    memory above what was in use before the net was built, over all phases. For methods of one run
    a task: the sum, the sum and the largest over the tasks.
    """

    schema: Literal["benchbed.measurement/1"]
    key: str
    protocol: str
    protocol_digest: str
    method: str
    step_ms: Amount
    latency_ms: Amount
    peak_memory_mb: Amount
    threads: Count
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


def seal(record: Record) -> Record:
    """Return a record with the digest of its content."""
    return msgspec.structs.replace(record, content=content_digest(msgspec.to_builtins(record)))


def content_of(record: Record) -> str:
    """Return the digest of a record's content, also of one that came without."""
    return record.content or content_digest(msgspec.to_builtins(record))


def decode(content: bytes, kind: type[Any]) -> Any:
    """Read a record, failure or measurement, strictly.

    Raises:
        RecordError: damaged, of another schema, with numbers that are not finite, or with texts
            that no terminal should be given.
    """
    return _typed(_plain(content), content, kind)


def _plain(content: bytes) -> Any:
    """Return what a file's JSON says, not yet checked against any schema."""
    try:
        return _json.decode(content)
    except RecursionError as error:
        raise RecordError("damaged (nested too deeply)") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"damaged ({visible(str(error))})") from error


_json: Final = msgspec.json.Decoder()


def _typed(plain: Any, content: bytes, kind: type[Any]) -> Any:
    """Return plain data as a Struct, its texts looked through."""
    try:
        value = msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise RecordError(f"of another schema or altered ({visible(str(error))})") from error
    texts: Iterable[str] = _texts(plain, content)
    if kind is Failure:
        texts = [value.method]  # its traceback has lines, which count as control characters
    if not all(map(is_plain, texts)):
        raise RecordError("altered (control or invisible characters in a text)")
    return value


def _texts(plain: Any, content: bytes) -> Iterator[str]:
    """Yield the texts that may hold other than plain characters: mostly, there are none."""
    # a look at the bytes spares the walk through curves and scores of nearly all records
    if content.isascii() and b"\\" not in content and b"\x7f" not in content:
        return
    waiting = [plain]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value


def decode_record(content: bytes, stem: str | None = None) -> Record:
    """Read a record and check it against itself and, if given, its file's name.

    Raises:
        RecordError: damaged, of another schema, or its content does not give its digest or its run
            key.
    """
    plain = _plain(content)
    record: Record = _typed(plain, content, Record)
    if record.content and record.content != content_digest(plain):
        raise RecordError("altered (its content does not give its digest)")
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
    if stem is not None and record.key != stem:
        raise RecordError("misnamed (its file is not named by its run key)")
    problem = _problem(record)
    if problem:
        raise RecordError(problem)
    return record


def _problem(record: Record) -> str:
    """Return what of a record does not fit together; nothing if all does."""
    tasks = set(record.tasks)
    if not tasks or len(tasks) < len(record.tasks):
        return "altered (no tasks, or one twice)"
    if set(record.test) != tasks or set(record.metrics) != tasks:
        return "incomplete (a task has no test metrics)"
    for task, infos in record.metrics.items():
        if set(record.test[task]) != set(infos):
            return f"incomplete (metrics of task '{task}')"
        if not any(info.primary for info in infos.values()):
            return f"incomplete (task '{task}' has no primary metric)"
    if not _PROTOCOL.match(record.protocol):
        return "altered (its protocol must be name@version)"
    if sum(map(len, record.notes)) > MOST_NOTES:
        return f"altered (more than {MOST_NOTES} characters of notes)"
    names = list(record.tasks)
    for component in record.components:
        names += (component.kind, component.id)
    if not all(map(_is_name, names)):
        return "altered (a task or component has a name that none can have)"
    if _method_ids(record.method) != names_of(record):
        return "altered (its method is not that of its components)"
    if not _TIME.match(record.started) or not _TIME.match(record.finished):
        return "altered (a time must look like 2026-01-31T12:00:00Z)"
    costs = record.costs
    operations = [*costs.macs.per_task.values(), *costs.other_ops.values()]
    if max([record.budget.macs, costs.macs.all_tasks, *operations]) > MOST_OPERATIONS:
        return "altered (a count of operations beyond all measure)"
    return ""


_PROTOCOL: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}@[1-9][0-9]{0,8}\Z")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}\Z")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z", re.ASCII)


@lru_cache(maxsize=4096)
def _is_name(text: str) -> bool:
    return _NAME.match(text) is not None


@lru_cache(maxsize=4096)
def _method_ids(method: str) -> tuple[str, str]:
    """Return the ids of the architecture and, joined by dots, of the weightings in a name."""
    architecture, _, weighting = method.partition("+")
    return architecture.partition(":")[0], weighting.partition(":")[0]


def names_of(record: Record) -> tuple[str, str]:
    """Return the ids of a record's architecture and, joined by dots, of its weightings."""
    architecture = ""
    weightings: list[str] = []
    for component in record.components:
        if component.kind == "architecture":
            architecture += component.id
        elif component.kind == "weighting":
            weightings.append(component.id)
    return architecture, ".".join(weightings)


def has_gradients(record: Record) -> bool:
    """Tell whether norms and cosines of the tasks' gradients were logged."""
    return any(name.startswith("cosine/") for name in record.curves)


def values_by_epoch(curves: Mapping[str, Sequence[float | None]]) -> list[dict[str, float]]:
    """Return what curves got in each epoch; what an epoch lacks is left out."""
    epochs: list[dict[str, float]] = [{} for _ in max(curves.values(), key=len, default=())]
    for name, curve in curves.items():
        for values, value in zip(epochs, curve, strict=True):
            if value is not None:
                values[name] = value
    return epochs


def finite(value: float) -> float | None:
    """Return the value, or ``None`` for what no record holds: NaN, infinities, numbers beyond."""
    return value if abs(value) <= LARGEST else None
