"""Events: how a run's process tells the one that waits for it what happens.

Plain data, one JSON object a line: ``started`` with the number of epochs; ``resumed``, where it
goes on from a checkpoint, with the values of the ``earlier`` epochs; ``epoch`` with its number, the
seconds ``left`` and the ``values`` of the epoch; in the end ``done``, with ``notes`` if there are
any, or ``failed`` with the error, its traceback and whether it was wrong use. Whoever started the
process adds the run's ``id``, and ``exit`` with the process's status ``code``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Event = dict[str, Any]
Emit = Callable[[Event], None]
