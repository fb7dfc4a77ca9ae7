"""A documented name of :mod:`benchbed.basics.cache`."""

from benchbed.basics.cache import *  # noqa: F403
