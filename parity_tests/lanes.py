"""Parity of many models over several lanes at once, each with workers of its own."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from queue import SimpleQueue

from parity_tests.engine import Check, Workers
from parity_tests.run import Job, free_memory, in_turns, run
from parity_tests.training import OPTIMIZERS
from shared.catalog import VARIANTS
from shared.running.forks import Forks

# What a lane's workers may hold together, and one of them between two models.
LANE, WORKER = 6 * 2**30, 1500  # bytes; MiB


def fitting(cores: int = len(os.sched_getaffinity(0))) -> int:
    """One for each core, as far as the free memory goes."""
    return max(1, min(cores, free_memory() // LANE))


def run_in_lanes(
    jobs: Sequence[Job],
    lanes: int,
    dtype: str,
    full: bool = False,
    timeout: float = 600.0,
    say: Callable[[str], None] = lambda model: None,
    turns: bool = False,
) -> Iterator[Check]:
    """The checks of `run` in its order, whichever lane ends first. What takes longest
    begins first, so that no lane is left with it at the end.

    say: is told each model that is done, and whether it holds. turns: each is trained
    with one optimizer, in turns.
    """
    models = [list(mine) for _, mine in groupby(jobs, key=lambda job: job.model)]
    idle: SimpleQueue[Workers] = SimpleQueue()

    def work(mine: list[Job]) -> list[Check]:
        workers = idle.get()
        try:
            optimizers = in_turns(mine[0].model) if turns else tuple(OPTIMIZERS)
            checks = list(run(mine, workers, dtype, full, optimizers))
            workers.trim(WORKER)
            say(told(mine[0].model, checks))
            return checks
        finally:
            idle.put(workers)

    with ExitStack() as stack:
        stack.enter_context(Forks())
        for _ in range(lanes):
            idle.put(stack.enter_context(Workers(timeout)))
        pool = stack.enter_context(ThreadPoolExecutor(lanes))
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        longest = sorted(
            range(len(models)), key=lambda i: _work(models[i]), reverse=True
        )
        running = {i: pool.submit(work, models[i]) for i in longest}
        for i in range(len(models)):
            yield from running[i].result()


def told(model: str, checks: Sequence[Check]) -> str:
    """The verdict of one model, as it comes."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return f"{model}: {len(checks)} of {len(checks)} checks hold"
    first = f"{failed[0].tier}: {failed[0].reason}"
    return f"{model}: FAIL, {len(failed)} of {len(checks)} checks, {first}"


def _work(mine: Sequence[Job]) -> tuple[int, int]:
    """Rank jobs by tiers first, then by size: a tiny model is asked more than a
    full-size one."""
    tiers = sum(len(job.tiers) for job in mine)
    return tiers, VARIANTS[mine[0].model].parameters
