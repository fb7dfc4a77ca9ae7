"""The single-task baseline."""

from __future__ import annotations

from benchbed_zoo.architectures.hps import HardParameterSharing


class SingleTask(HardParameterSharing):
    """The net of hard parameter sharing with one task; benchbed makes one run for each task."""
