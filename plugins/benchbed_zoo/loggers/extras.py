"""What is said where a logger's library is not installed."""

from __future__ import annotations

from benchbed.basics.errors import BenchbedError, one_line


def missing(library: str, extra: str, error: ImportError) -> BenchbedError:
    """Return the error of a logger whose library cannot be imported.

    Args:
        library: as it is imported.
        extra: of benchbed, which brings it.
        error: what importing it raised.
    """
    return BenchbedError(
        f"Logging to {library} needs a package that cannot be imported ({one_line(error)}): "
        f"pip install 'benchbed[{extra}]'."
    )
