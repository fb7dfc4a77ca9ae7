"""A documented name of :mod:`benchbed.basics.errors`."""

from benchbed.basics.errors import *  # noqa: F403
