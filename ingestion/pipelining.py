"""Let one thread make what another one uses, a bounded number of things ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Failed:
    """What stopped the producer."""

    error: BaseException


_END = object()


def ahead(things: Iterable[T], most: int = 1) -> Iterator[T]:
    """The things, made in a thread of their own while the caller uses those before them.

    Args:
        most: how many are made ahead, the one in the making included.

    Raises:
        BaseException: what making them raises, in its place.
    """
    line: queue.SimpleQueue[object] = queue.SimpleQueue()
    # room is waited for before a thing is made: none waits for room while it takes memory
    room = threading.Semaphore(most)
    is_unwanted = threading.Event()

    def produce() -> None:
        try:
            made = iter(things)
            while room.acquire() and not is_unwanted.is_set():
                thing = next(made, _END)
                line.put(thing)
                if thing is _END:
                    return
                # it is the user's now: the next one is made without it
                del thing
        except BaseException as error:
            line.put(_Failed(error))

    producer = threading.Thread(target=produce, name="lakou-ahead", daemon=True)
    producer.start()
    try:
        while True:
            thing = line.get()
            if thing is _END:
                return
            if isinstance(thing, _Failed):
                raise thing.error
            room.release()
            yield thing  # type: ignore[misc]
            del thing
    finally:
        # the file that it reads is closed when the caller goes on
        is_unwanted.set()
        room.release()
        producer.join()
