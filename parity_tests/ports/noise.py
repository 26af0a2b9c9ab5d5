"""How much of a difference may be rounding: what each side owes to its own float32."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from parity_tests.compare import Array, Worst
from parity_tests.ports.codecs import layers_of
from parity_tests.ports.compare import Sides, forward
from parity_tests.ports.dumps import Dump, Step, write_tensors
from parity_tests.ports.matching import Matching, match
from parity_tests.ports.recording import Live, Recorders
from shared.errors import UsageError
from shared.randomness import generator

# Two models round apart by as much as each does from its float64 run; the factor is for
# the luck of one draw. A rerun on inputs one step of float32 away shows less of it.
LUCK, STEP = 4.0, 16.0

Ask = Callable[[Sides], Worst | str]


@dataclass(frozen=True)
class Noise:
    """A float32 record and the same model's twin, and what their distance counts."""

    sides: Sides
    factor: float

    def of(self, ask: Ask) -> float:
        """What rounding may make of a check."""
        found = ask(self.sides)
        return 0.0 if isinstance(found, str) else self.factor * found.error


def measured(
    recorders: Recorders,
    live: Live,
    dump: Dump,
    again: Callable[[str], Live],
) -> Noise:
    """Runs a model in float64, or where it cannot, on inputs that rounding may give.

    again: opens the same target in another precision.
    """
    layers = layers_of(dump)
    try:
        twin = again("float64")
        twin.weights = _written(recorders, _wide(dump))
        found, factor = twin.record(), LUCK
        twin.close()
    except UsageError:
        moved = {k: _stepped(a) for k, a in dump.arrays(dump.inputs).items()}
        found = live.record(inputs=_written(recorders, moved))
        live.record(modes=[], inputs=_written(recorders, dump.arrays(dump.inputs)))
        factor = STEP
    return Noise(Sides(found, dump, match(layers_of(found), layers)), factor)


# A step that moves a float64 result in a straight line, and one that is rounded to
# float32 on the way in stairs.
BEND = 1e-8


def bent(recorders: Recorders, live: Live, dump: Dump) -> Noise:
    """What a model owes to parts of it that compute in float32 whatever they are given.

    Its weights are moved by one step and by two; where all is float64 the results lie
    on a straight line, and what they are off is the height of a stair.
    """
    own = {w.name: dump.array(w.tensor) for w in dump.weights}
    signs = {
        name: generator("bent", name).choice([-1.0, 1.0], value.shape)
        for name, value in own.items()
    }
    one, two = (
        live.record(
            weights=_written(
                recorders, {k: v * (1 + n * BEND * signs[k]) for k, v in own.items()}
            )
        )
        for n in (1, 2)
    )
    live.record(modes=[], weights=_written(recorders, own))
    ends, middle = _added(one, (dump, two)), _added(one, (one, one))
    return Noise(Sides(ends, middle, match(layers_of(one), layers_of(one))), STEP)


def _added(like: Dump, dumps: tuple[Dump, Dump]) -> Dump:
    """A record whose results are the sums of two."""
    tensors, runs = dict(like.tensors), {}
    for mode, run in like.runs.items():
        new: dict[str, Any] = {}
        for what in ("outputs", "gradients", "input_gradients"):
            new[what] = {path: f"{mode}/{what}/{path}" for path in getattr(run, what)}
            for path, key in new[what].items():
                a, b = (getattr(d.runs[mode], what)[path] for d in dumps)
                one, two = dumps[0].array(a), dumps[1].array(b)
                tensors[key] = one + two if one.dtype.kind == "f" else one
        runs[mode] = replace(run, **new)
    steps = _added_steps(dumps, tensors)
    return replace(like, tensors=tensors, runs=runs, steps=steps)


def _added_steps(
    dumps: tuple[Dump, Dump], tensors: dict[str, Array]
) -> tuple[Step, ...]:
    """The sums of what updates left."""

    def added(place: str, keys: tuple[Mapping[str, str], ...]) -> dict[str, str]:
        found = {}
        for name in keys[0]:
            found[name] = f"{place}/{name}"
            one, two = (d.array(k[name]) for d, k in zip(dumps, keys, strict=True))
            tensors[found[name]] = one + two
        return found

    made = []
    for i, (one, two) in enumerate(zip(dumps[0].steps, dumps[1].steps, strict=True)):
        place = f"steps/{i}"
        state = {
            slot: added(f"{place}/{slot}", (own, two.state[slot]))
            for slot, own in one.state.items()
        }
        parameters = added(f"{place}/parameters", (one.parameters, two.parameters))
        buffers = added(f"{place}/buffers", (one.buffers, two.buffers))
        made.append(Step(one.loss + two.loss, parameters, buffers, state))
    return tuple(made)


def _wide(dump: Dump) -> dict[str, Array]:
    return {
        weight.name: dump.array(weight.tensor).astype(np.float64)
        for weight in dump.weights
    }


def _stepped(a: Array) -> Array:
    if a.dtype.kind != "f":
        return a
    step = np.where(np.arange(a.size).reshape(a.shape) % 2, np.inf, -np.inf)
    return np.nextafter(a, step.astype(a.dtype))


def _written(recorders: Recorders, values: Mapping[str, Array]) -> str:
    path = recorders.place("noise")
    write_tensors(path, values)
    return str(path)


def bound(noises: list[Noise], ask: Ask, tolerance: float) -> float:
    """The tolerance, or what rounding alone may make of the check on these sides."""
    return max([tolerance, *(noise.of(ask) for noise in noises)])


def restless(live: Live, dump: Dump, mode: str) -> tuple[float, str]:
    """How far a model is from itself when it is run again, and the first layer that
    gives another output for the same input."""
    again = live.record(modes=[mode])
    off = forward(Sides(dump, again, Matching()), mode).error
    calls = zip(dump.runs[mode].calls, again.runs[mode].calls, strict=False)
    drawn = (
        a.path
        for a, b in calls
        if a.path == b.path and a.inputs == b.inputs and a.outputs != b.outputs
    )
    return off, next(drawn, "")
