"""One recorded stream of gradients, and how far a framework's optimizer is from the
definition (shared/definitions/optimizers) after each update of it."""

from dataclasses import replace

import numpy as np

from shared.arrays import Array
from shared.definitions.optimizers import (
    Clip,
    Optimizer,
    SophiaG,
    excluded,
)
from shared.definitions.schedules import OneCycle, Schedule
from shared.messages import Builtin, Steps, Stream
from shared.randomness import generator
from shared.reference.definitions import updates

UPDATES = 100
SHAPES = {
    "embedding.weight": (7, 4),
    "conv.weight": (3, 2, 3, 3),
    "norm.weight": (3,),
    "fc.weight": (5, 6),
    "fc.bias": (5,),
    "tall.weight": (9, 2),
}
# What an update's gradient is multiplied by, in turn: ordinary, none, tiny, huge.
SIZES = (1.0, 1.0, 0.0, 1e-12, 1.0, 1e4, 1.0)


def parameters() -> dict[str, Array]:
    return {
        name: generator("stream", name).standard_normal(shape)
        for name, shape in SHAPES.items()
    }


def gradients(updates: int = UPDATES) -> tuple[dict[str, Array], ...]:
    """Ordinary, zero, tiny and huge in turn; the embedding's are sparse, by rows."""
    return tuple(_gradient(t) for t in range(updates))


def _gradient(t: int, dense: bool = False) -> dict[str, Array]:
    found = {}
    for name, shape in SHAPES.items():
        draw = generator("stream", name, t)
        size = SIZES[t % len(SIZES)]
        g = (min(size, 1.0) if dense else size) * draw.standard_normal(shape)
        if not dense and name.startswith("embedding"):
            g *= draw.random((shape[0], 1)) < 0.3
        found[name] = g
    return found


def stream(
    optimizer: Optimizer | Builtin,
    schedule: Schedule | None = None,
    clip: Clip | None = None,
    updates: int = UPDATES,
) -> Stream:
    left_out = excluded(SHAPES)
    given = gradients(updates)
    due = range(0, updates, optimizer.every) if isinstance(optimizer, SophiaG) else ()
    drawn = tuple(_estimate(t) for t in due)
    return Stream(
        optimizer, parameters(), given, schedule, left_out, clip, estimates=drawn
    )


def _estimate(t: int) -> dict[str, Array]:
    return {
        name: generator("stream", name, t, "estimate").standard_normal(shape)
        for name, shape in SHAPES.items()
    }


def dense(optimizer: Optimizer, updates: int = UPDATES) -> Stream:
    """Every entry's first gradient is not 0, so that eps may be, and none is huge, so
    that it matters where eps is; all of it decays."""
    given = stream(optimizer, updates=updates)
    gradients = tuple(_gradient(t, dense=True) for t in range(updates))
    return replace(given, gradients=gradients, excluded=frozenset())


def nothing(optimizer: Optimizer, start: float) -> Stream:
    """Give one tensor of one number, without decay, at first at a rate of 0 and without
    a gradient; then of one sign, since a number that comes back to 0 has no digits
    left."""
    rising = OneCycle(steps=40, leg=16, start=0.0)
    given = stream(replace(optimizer, weight_decay=0.0), rising, updates=20)
    draws = [-np.abs(generator("number", t).standard_normal((1, 1))) for t in range(20)]
    return replace(
        given,
        parameters={"number.weight": np.full((1, 1), start)},
        gradients=tuple({"number.weight": (t > 2) * g} for t, g in enumerate(draws)),
        estimates=tuple({"number.weight": g} for g in draws[: len(given.estimates)]),
        excluded=frozenset(),
    )


def matrices(given: Stream) -> Stream:
    """Keep of a stream the matrices alone."""
    kept = [name for name, shape in SHAPES.items() if len(shape) == 2]
    return replace(
        given,
        parameters={name: given.parameters[name] for name in kept},
        gradients=tuple({n: gs[n] for n in kept} for gs in given.gradients),
    )


def errors(given: Stream, steps: Steps) -> list[float]:
    """Give at each update the largest |difference| / largest |value| of any tensor."""
    return [
        max(_error(update.xs[name], found[name]) for name in update.xs)
        for update, found in zip(updates(given), steps.parameters, strict=True)
    ]


def average_errors(given: Stream, steps: Steps) -> list[float]:
    """Give the errors of the moving averages."""
    return [
        max(_error(update.averages[name], found[name]) for name in update.averages)
        for update, found in zip(updates(given), steps.averages, strict=True)
    ]


def state_error(given: Stream, steps: Steps) -> float:
    """Give the error of what is kept after the last update, and for the parameters
    to evaluate with; infinite where names differ."""
    *_, last = updates(given)
    pairs = ((last.state, steps.state), (last.evaluated, steps.evaluated))
    if any(wanted.keys() != found.keys() for wanted, found in pairs):
        return float("inf")
    return max(_error(wanted[n], found[n]) for wanted, found in pairs for n in wanted)


def _error(a: Array, b: Array) -> float:
    if a.shape != b.shape or not np.isfinite(b).all():
        return float("inf")
    difference, scale = float(np.abs(a - b).max()), float(np.abs(a).max())
    if not difference:
        return 0.0
    return difference / scale if scale else float("inf")
