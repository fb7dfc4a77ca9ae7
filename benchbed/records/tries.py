"""The protocols of quick tries, which lie in the results folder beside their records.

::

    protocols/<name>@<version>.toml
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from benchbed.basics.errors import ProtocolError, RecordError
from benchbed.contracts.derived import is_derived, to_toml
from benchbed.contracts.protocol import Protocol, parse_protocol
from benchbed.records.store import read_regular, write_atomically

_FOLDER: Final = "protocols"


def keep_try(protocol: Protocol, results: Path) -> Path:
    """Write a quick try's protocol, so that its name is enough later; return the file.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = path_of_try(protocol.id, results)
    write_atomically(path, to_toml(protocol).encode())
    return path


def path_of_try(name: str, results: Path) -> Path:
    """Return where the file of a try lies, by its ``name@version``."""
    return results / _FOLDER / f"{name}.toml"


def read_tries(results: Path) -> dict[str, Protocol]:
    """Return the protocols of quick tries in a results folder, by ``name@version``.

    A file that is wrong, or is not of the protocol that it is named by, is passed over.
    """
    found: dict[str, Protocol] = {}
    folder = results / _FOLDER
    if folder.is_symlink():  # none is followed inside of a results folder
        return found
    for path in sorted(folder.glob("*.toml")):
        with contextlib.suppress(ProtocolError, RecordError, OSError, UnicodeDecodeError):
            protocol = parse_protocol(read_regular(path).decode(), str(path))
            if is_derived(protocol) and path.stem == protocol.id:
                found[protocol.id] = protocol
    return found
