"""Calls timed against each other in one process: interleaved rounds, in turn forward
and backward, so that what drifts reaches all of them."""

import time
from collections.abc import Callable, Mapping

# A block of calls lasts about this long, so that a clock tick does not count.
BLOCK_SECONDS = 0.05


def interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Seconds a call, of each round; a call returns when its result is there."""
    numbers = {name: _number(call) for name, call in calls.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds):
        for name in list(calls)[:: 1 if i % 2 == 0 else -1]:
            calls[name]()
            start = time.perf_counter()
            for _ in range(numbers[name]):
                calls[name]()
            found[name].append((time.perf_counter() - start) / numbers[name])
    return found


def _number(call: Callable[[], object]) -> int:
    """How many make a block; the first calls compile."""
    for _ in range(3):
        start = time.perf_counter()
        call()
        once = time.perf_counter() - start
    return max(1, round(BLOCK_SECONDS / once))
