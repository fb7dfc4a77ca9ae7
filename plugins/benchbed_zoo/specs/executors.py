"""What the manifest says of executors; the local one lives in benchbed itself."""

from __future__ import annotations

from typing import Final

from benchbed.discovery.spec import Spec

SPECS: Final = [
    Spec(
        id="local",
        version="1.0",
        target="benchbed.execution.local:LocalExecutor",
        summary="this machine, several runs side by side, one process each",
    ),
]
