"""Batches made ready in the background, so that a slow source starves no step."""

from collections.abc import Generator, Iterable, Iterator
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Generic, TypeVar

from shared.data.batches import Samples, Source

T = TypeVar("T")
Batches = Generator[Samples, None, None]
# Batches that wait: one to go on with, and one for when the next takes longer.
DEPTH = 2


def in_turn(source: Source, epochs: range, first: int) -> Batches:
    """Give the batches of these epochs, of the first from its batch `first` on."""
    for epoch in epochs:
        yield from source.epoch(epoch, first)
        first = 0


class ReadAhead(Generic[T]):
    """An iterator over the same items in the same order, of which a thread makes the
    next while the last is worked on, at most `depth` before they are asked for.

    What the items raise is raised where they are asked for. `close` ends the thread;
    what it had made is dropped.
    """

    def __init__(self, items: Iterable[T], depth: int = DEPTH):
        self._items, self._over = iter(items), False
        self._ready: SimpleQueue[tuple[list[T], BaseException | None]] = SimpleQueue()
        self._free = Semaphore(depth)
        self._thread = Thread(target=self._read, name="read-ahead", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while True:
                self._free.acquire()
                if self._over:
                    raise StopIteration  # for whoever still waits, in another thread
                self._ready.put(([next(self._items)], None))
        except BaseException as error:  # the end of the items among them
            self._ready.put(([], error))

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        found, error = self._ready.get()
        if error is None:
            self._free.release()
            return found[0]
        self._over = True
        raise error

    def close(self) -> None:
        """Wait for the item that is being made, if it does not take for ever."""
        self._over = True
        self._free.release()
        self._thread.join(timeout=10)


Reader = ReadAhead[Samples] | Batches


def reader(source: Source, epochs: range, first: int, depth: int) -> Reader:
    """The batches of these epochs, read ahead unless `depth` is 0; the background goes
    on over the end of an epoch."""
    batches = in_turn(source, epochs, first)
    return ReadAhead(batches, depth) if depth else batches
