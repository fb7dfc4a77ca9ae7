"""What a run reads: the data set and pretrained weights, and whether they are still the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

from benchbed.basics.errors import DataError
from benchbed.contracts.dataset import Dataset
from benchbed.records.job import Job


def file_digest(path: Path | None) -> str:
    """Return the SHA-256 of a file, or nothing without one.

    Raises:
        DataError: it cannot be read.
    """
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"Cannot read --pretrained {path}: {error.strerror}.") from error


def require_data(job: Job, digest: str) -> None:
    """Refuse a data set that is not the one that a record was made on.

    Raises:
        DataError: with the remedy.
    """
    if digest != job.data_digest:
        raise DataError(
            f"Data set '{job.dataset.id}' is not the one that the record was made on (its digest "
            "differs); give that one's folder with --data-root."
        )


def require_unchanged(job: Job, dataset: Dataset) -> None:
    """Refuse to go on with data that is no longer what the run was planned for.

    Raises:
        DataError: with the remedy.
    """
    root = Path(job.data_root) if job.data_root else None
    if dataset.digest(root) != job.data_digest:
        raise DataError(
            f"The files of data set '{job.dataset.id}' have changed since this run was planned; "
            "give the command again."
        )
