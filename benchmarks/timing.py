"""A first look at inference throughput: interleaved rounds, ratios within a round."""

import os
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from shared.randomness import sample
from shared.specs.base import Spec
from shared.worker import RemoteModel, Worker

SEED = 0
# A block of calls lasts about this long, so that a clock tick does not count.
BLOCK_SECONDS = 0.1


@dataclass(frozen=True)
class Timing:
    """One framework on one model; the ratios are to the first framework's speed."""

    model: str
    framework: str
    batch: int
    first_call_s: float
    median_ms: float
    samples_per_s: float
    ratio: float
    ratio_low: float
    ratio_high: float
    rounds: int


def time_models(
    names: Sequence[tuple[str, Spec, int]],
    frameworks: Sequence[str],
    rounds: int,
    say: Callable[[str], None],
) -> list[Timing]:
    """One live worker a framework, one thread, all pinned to the same core."""
    core = max(os.sched_getaffinity(0))
    found = []
    with ExitStack() as stack:
        workers = {
            f: stack.enter_context(Worker(f, "float32", cores=(core,)))
            for f in frameworks
        }
        for name, spec, batch in names:
            say(f"timing {name}")
            found += _time(name, spec, batch, workers, rounds)
    return found


def _time(
    name: str, spec: Spec, batch: int, workers: dict[str, Worker], rounds: int
) -> list[Timing]:
    inputs = tuple(sample(tensor, batch, SEED) for tensor in spec.inputs())
    models: dict[str, RemoteModel] = {}
    first: dict[str, float] = {}
    calls: dict[str, int] = {}
    for framework, worker in workers.items():
        models[framework] = worker.build(spec, name)
        models[framework].fill(SEED)
        first[framework] = models[framework].prepare(inputs)
        once = statistics.median(models[framework].time(3))
        calls[framework] = max(1, round(BLOCK_SECONDS / once))
    blocks: dict[str, list[float]] = {framework: [] for framework in models}
    for i in range(rounds):
        order = list(models) if i % 2 == 0 else list(models)[::-1]
        for framework in order:
            models[framework].time(1)
            seconds = models[framework].time(calls[framework])
            blocks[framework].append(statistics.median(seconds))
    for model in models.values():
        model.drop()
    return [_timing(name, f, batch, first[f], blocks) for f in models]


def _timing(
    name: str, framework: str, batch: int, first: float, blocks: dict[str, list[float]]
) -> Timing:
    reference, own = next(iter(blocks.values())), blocks[framework]
    ratios = [a / b for a, b in zip(reference, own, strict=True)]
    median = statistics.median(own)
    return Timing(
        model=name,
        framework=framework,
        batch=batch,
        first_call_s=round(first, 3),
        median_ms=round(median * 1e3, 4),
        samples_per_s=round(batch / median, 1),
        ratio=round(statistics.median(ratios), 3),
        ratio_low=round(min(ratios), 3),
        ratio_high=round(max(ratios), 3),
        rounds=len(own),
    )
