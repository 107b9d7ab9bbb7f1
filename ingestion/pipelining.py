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
# how long a producer waits for room before it looks whether anybody still wants what it makes
_PATIENCE = 0.2


def ahead(things: Iterable[T], most: int = 1) -> Iterator[T]:
    """The things, made in a thread of their own while the caller uses those before them.

    Args:
        most: how many are made ahead.

    Raises:
        BaseException: what making them raises, in its place.
    """
    line: queue.Queue[object] = queue.Queue(most)
    is_unwanted = threading.Event()

    def put(thing: object) -> bool:
        while not is_unwanted.is_set():
            try:
                line.put(thing, timeout=_PATIENCE)
            except queue.Full:
                continue
            return True
        return False

    def produce() -> None:
        try:
            for thing in things:
                if not put(thing):
                    return
                # it is the user's now: the next one is made without it
                del thing
            put(_END)
        except BaseException as error:
            put(_Failed(error))

    producer = threading.Thread(target=produce, name="lakou-ahead", daemon=True)
    producer.start()
    try:
        while True:
            thing = line.get()
            if thing is _END:
                return
            if isinstance(thing, _Failed):
                raise thing.error
            yield thing  # type: ignore[misc]
            del thing
    finally:
        # the file that it reads is closed when the caller goes on
        is_unwanted.set()
        producer.join()
