"""Records by the scores of another split than the one that leaderboards are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import structs

from benchbed.basics.errors import BenchbedError
from benchbed.contracts.protocol import Protocol
from benchbed.records.index import Summary
from benchbed.records.record import MetricInfo, Scores

Split = Literal["test", "validation"]


def of_split(records: Iterable[Summary], split: Split, protocol: Protocol) -> list[Summary]:
    """Return records whose scores are those of a split, with the metrics that it has.

    Metrics that are too slow for every epoch have no validation score.

    Raises:
        BenchbedError: the validation split is the one that is scored in the end.
    """
    if split == "test":
        return list(records)
    if protocol.data.validation == protocol.data.test:
        raise BenchbedError(
            f"{protocol.id} selects on the test split itself, so that validation scores tell "
            "nothing else; leave out --split."
        )
    return [_validated(record) for record in records]


def _validated(record: Summary) -> Summary:
    metrics = {
        task: _with_scores(infos, record.validation, task) for task, infos in record.metrics.items()
    }
    return structs.replace(record, test=record.validation, metrics=metrics)


def _with_scores(
    infos: Mapping[str, MetricInfo], scores: Scores, task: str
) -> dict[str, MetricInfo]:
    there = scores.get(task, {})
    return {name: info for name, info in infos.items() if name in there}
