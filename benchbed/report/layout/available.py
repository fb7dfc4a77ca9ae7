"""Whether figures can be drawn here: matplotlib is an extra of the package."""

from __future__ import annotations

from benchbed.basics.errors import BenchbedError


def require_matplotlib() -> None:
    """Refuse where figures cannot be drawn.

    Raises:
        BenchbedError: with the remedy.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise BenchbedError(
            "Drawing needs matplotlib, which is not installed: pip install 'benchbed[plots]'."
        ) from error
