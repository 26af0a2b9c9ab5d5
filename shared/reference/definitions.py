"""Streams of gradients through the shared definitions, which are NumPy already."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.arrays import Array
from shared.definitions.losses import Loss
from shared.definitions.optimizers import SophiaG, accumulated
from shared.definitions.schedules import ReduceOnPlateau, Schedule
from shared.errors import UsageError
from shared.messages import Builtin, Steps, Stream


@dataclass(frozen=True)
class Update:
    """What stands after one set of gradients."""

    xs: dict[str, Array]
    state: dict[str, Array]
    evaluated: dict[str, Array]
    averages: dict[str, Array]


def updates(stream: Stream) -> Iterator[Update]:
    """What the definition makes of each set of gradients."""
    optimizer = stream.optimizer
    if isinstance(optimizer, Builtin):
        raise UsageError("numpy has no optimizers but the definitions")
    xs, state = dict(stream.parameters), dict[str, Array]()
    averages, part = xs, stream.accumulate
    estimates = iter(stream.estimates)
    for i in range(1, len(stream.gradients) + 1):
        if i % part == 0:
            t = i // part - 1
            pair = t // optimizer.passes
            factor = stream.schedule.factor(pair) if stream.schedule else 1.0
            gs = accumulated(stream.gradients[i - part : i])
            gs = stream.clip(gs) if stream.clip else gs
            if isinstance(optimizer, SophiaG) and t % optimizer.every == 0:
                state = optimizer.estimate(next(estimates), state)
            lr = optimizer.lr * factor
            xs, state = optimizer.update(xs, gs, state, lr, stream.excluded)
            averages = stream.ema.update(averages, xs) if stream.ema else averages
        yield Update(xs, state, optimizer.evaluated(xs, state), averages)


def optimize(stream: Stream) -> Steps:
    found = list(updates(stream))
    averages = tuple(one.averages for one in found) if stream.ema else ()
    path, last = tuple(one.xs for one in found), found[-1]
    return Steps(path, last.state, last.evaluated, averages)


def factors(schedule: Schedule, number: int) -> list[float]:
    return [schedule.factor(t) for t in range(number)]


def observe(schedule: ReduceOnPlateau, values: list[float]) -> list[float]:
    state, found = schedule.start(), []
    for value in values:
        state = schedule.observe(state, value)
        found.append(state.factor)
    return found


def evaluate(
    loss: Loss, outputs: tuple[Array, ...], targets: tuple[Array, ...]
) -> tuple[Array, tuple[Array, ...]]:
    return loss.value(outputs, targets), loss.gradient(outputs, targets)
