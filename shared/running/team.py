"""One framework in several processes that train one model together."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, Self, TypeVar

from shared.distributed import Place, places
from shared.running.client import Worker, WorkerCrashed, WorkerFailure

T = TypeVar("T")
GRACE = 1.0  # seconds for the others to tell why one of them failed


class Team:
    """Holds `size` workers that train together; use it as a context manager, like a
    Worker.

    cores: divided among them, in equal parts.
    here: the place of its only worker, among those that a launcher started.
    """

    def __init__(
        self,
        framework: str,
        dtype: str,
        size: int,
        cores: tuple[int, ...] = (),
        here: Place | None = None,
        **options: Any,
    ):
        self.framework = framework
        self.workers: list[Worker] = []
        part = len(cores) // size
        try:
            for number, place in enumerate([here] if here else places(size)):
                own = cores[number * part : (number + 1) * part]
                options = {**options, "place": place if size > 1 or here else None}
                self.workers.append(Worker(framework, dtype, cores=own, **options))
        except BaseException:
            self.close()
            raise

    def each(self, work: Callable[[Worker], T]) -> list[T]:
        """Give what each made of it, by rank. When one fails and others do not answer,
        or one has died, all end: they would wait for it."""
        if len(self.workers) == 1:
            return [work(self.workers[0])]
        with ThreadPoolExecutor(max_workers=len(self.workers)) as pool:
            ended: list[Future[T]] = []  # the first first
            futures = [pool.submit(work, worker) for worker in self.workers]
            for future in futures:
                future.add_done_callback(ended.append)
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                failure = self._failure(futures, ended)
            except BaseException:
                self.end()
                raise
            if failure is not None:
                _, waiting = wait(futures, timeout=GRACE)
                if waiting or not self.alive:
                    self.end()
        if failure is not None:
            raise failure
        return [future.result() for future in futures]

    def _failure(
        self, futures: list[Future[T]], ended: list[Future[T]]
    ) -> BaseException | None:
        """The cause, not what it did to the others: a process that died before one
        that lost its neighbour."""
        until = time.monotonic() + GRACE
        while True:
            found = [future.exception() for future in list(ended)]
            told = [error for error in found if error is not None]
            if not told:
                return None
            plain = [e for e in told if not isinstance(e, WorkerFailure)]
            killed = [e for e in told if isinstance(e, WorkerCrashed)]
            if plain or killed or time.monotonic() > until:
                return [*plain, *killed, *told][0]
            wait([f for f in futures if not f.done()], timeout=0.05)

    @property
    def alive(self) -> bool:
        return all(worker.alive for worker in self.workers)

    def end(self) -> None:
        for worker in self.workers:
            worker.end()

    def close(self) -> None:
        for worker in self.workers:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
