"""The single-task baseline."""

from __future__ import annotations

from benchbed_zoo.architectures.hps import HardParameterSharing


class SingleTask(HardParameterSharing):
    """The net of hard parameter sharing with one task; benchbed makes one run for each task.

    Δm compares all other methods with it. There is nothing to weigh, so no weighting stands behind
    it.

    Args:
        context: one task, the input and the backbone.
        backbone: its name, which the context has resolved.
        decoder_width: channels of the decoder, if the task predicts a map.

    Raises:
        MethodError: the task predicts a map, and the backbone keeps none.

    Example:
        As a method: ``single-task:decoder_width=64``; as a command:

            benchbed run digits single-task
    """
