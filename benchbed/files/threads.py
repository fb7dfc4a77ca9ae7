"""Work on many files in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    pool = ThreadPoolExecutor(count)
    coming = iter(items)
    waiting: deque[tuple[T, Future[R]]] = deque()
    try:
        for item in islice(coming, AHEAD * count):
            waiting.append((item, pool.submit(work, item)))
        while waiting:
            item, future = waiting.popleft()
            yield item, future.result()
            # one done, one more begun: so outcomes that nobody takes yet stay few
            for following in islice(coming, 1):
                waiting.append((following, pool.submit(work, following)))
    finally:
        pool.shutdown(cancel_futures=True)
