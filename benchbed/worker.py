"""``python -m benchbed.worker JOB.json``: carry one job out by hand, events on standard output.

Files of code that is in no installed package follow, as an executor wrote them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchbed.basics.errors import BenchbedError
from benchbed.execution.worker import execute
from benchbed.records.job import read_job


def _print(event: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run the job named on the command line; return the exit status."""
    if not arguments:
        sys.stderr.write("Usage: python -m benchbed.worker JOB.json [SHIPPED.json...]\n")
        return 2
    try:
        job = read_job(Path(arguments[0]))
    except BenchbedError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_code
    return execute(job, _print, [Path(path) for path in arguments[1:]])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
