"""A documented name of :mod:`benchbed.discovery.spec`."""

from benchbed.discovery.spec import *  # noqa: F403
