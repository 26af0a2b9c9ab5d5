"""How a worker is told to stop, and what it does about it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ASK = signal.SIGUSR1


class Wish:
    """Says whether this process was asked to stop; who trains looks at it after every
    batch, and otherwise it ends at once."""

    def __init__(self) -> None:
        self.heard = False
        self.minded = False

    def listen(self) -> None:
        """Leave SIGINT, which a terminal sends to all, to the process that asks."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (ASK, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, *_: Any) -> None:
        if not self.minded:
            os._exit(1)
        self.heard = True

    @contextmanager
    def in_mind(self) -> Iterator[None]:
        self.heard, self.minded = False, True
        try:
            yield
        finally:
            self.minded = False


wish = Wish()
