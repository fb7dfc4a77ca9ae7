"""Work on many files in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

from benchbed.basics.environment import cores

T = TypeVar("T")
R = TypeVar("R")
AHEAD: Final = 4
"""Items a thread whose outcome may be waiting to be taken."""


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
    """Yield each item with its outcome, in order; several threads work, a few items ahead."""
    count = cores()
    pool, coming = ThreadPoolExecutor(count), iter(items)
    try:
        waiting = deque((item, pool.submit(work, item)) for item in islice(coming, AHEAD * count))
        while waiting:
            item, future = waiting.popleft()
            yield item, future.result()
            waiting.extend((item, pool.submit(work, item)) for item in islice(coming, 1))
    finally:
        pool.shutdown(cancel_futures=True)
