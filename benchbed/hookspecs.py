"""A documented name of :mod:`benchbed.discovery.hookspecs`."""

from benchbed.discovery.hookspecs import *  # noqa: F403
