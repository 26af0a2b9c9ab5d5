"""A run of updates: losses, parameters, what optimizers keep, and statistics.

Running variances are left to the pass in training: PyTorch keeps unbiased ones, and no
update depends on them.
"""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from parity_tests import tolerances
from parity_tests.compare import NONE, Array, Worst, error, floors_of
from parity_tests.ports.blame import Guilty
from parity_tests.ports.causes import Cause
from parity_tests.ports.compare import Sides, zero_of
from parity_tests.ports.dumps import Dump, Step
from shared.errors import UsageError

STEP = "step"
Ask = Callable[[Sides], Worst | str]
Named = dict[str, Array]


def tiers(dumps: Iterable[Dump]) -> Iterator[tuple[str, Ask]]:
    """What is asked of the updates, if all models have made some."""
    every = list(dumps)
    number = min(len(dump.steps) for dump in every)
    ways = {dump.optimizer for dump in every if dump.steps}
    if not number:
        return
    if len(ways) > 1:
        raise UsageError(f"updates by different optimizers: {'; '.join(sorted(ways))}")
    for what in KINDS:
        if any(dump.steps[0].state for dump in every) or what != "state":
            yield f"steps/{what}", functools.partial(worst, what=what, number=number)


def worst(sides: Sides, what: str, number: int) -> Worst:
    """The worst of so many updates, with the first that has it."""
    found = NONE
    for i in range(number):
        for name, off in errors(sides, what, i).items():
            found |= Worst(off, f"{sides.said}: update {i + 1}: {name}")
    return found


def errors(sides: Sides, what: str, i: int) -> dict[str, float]:
    """How far off the i-th update is, by the reference's names."""
    one, two = sides.reference.steps[i], sides.other.steps[i]
    if what == "losses":
        return {"the loss": _of_losses(one.loss, two.loss)}
    if what == "state":
        if one.state.keys() != two.state.keys():
            return {"what the optimizer keeps": math.inf}
        return {
            f"{name} ({SLOTS[slot]})": off
            for slot in one.state
            for name, off in _of_moments(sides, one.state[slot], two.state[slot])
        }
    trained = what == "parameters"
    ours, theirs = _both(sides, _kept(one, trained), _kept(two, trained))
    return {name: error(ours[name], theirs[name]) for name in ours}


KINDS = ("losses", "parameters", "state", "statistics")
SLOTS = {"first": "first moment", "second": "second moment"}


def _of_losses(one: float, two: float) -> float:
    if not math.isfinite(one) or not math.isfinite(two):
        return math.inf
    return abs(one - two) / max(abs(one), abs(two), 1e-300)


def _kept(step: Step, trained: bool) -> Mapping[str, str]:
    return step.parameters if trained else step.buffers


def _of_moments(
    sides: Sides, ones: Mapping[str, str], twos: Mapping[str, str]
) -> Iterator[tuple[str, float]]:
    """A moment of a gradient that is 0 in truth is measured against the largest."""
    ours, theirs = _both(sides, ones, twos, moments=True)
    floors = floors_of(ours, tolerances.GRADIENT_FLOOR, zero_of(sides))
    for name in ours:
        yield name, error(ours[name], theirs[name], floors[name])


def _both(
    sides: Sides,
    ones: Mapping[str, str],
    twos: Mapping[str, str],
    moments: bool = False,
) -> tuple[Named, Named]:
    """The tensors of both sides by the reference's names, in its layout."""
    one, two = sides.reference.arrays(ones), sides.other.arrays(twos)
    ours: Named = {}
    theirs: Named = {}
    for pair in sides.matching.pairs:
        for role, (a, b) in pair.parts.items():
            if not {*a.stored} <= one.keys() or not {*b.stored} <= two.keys():
                continue
            if role == "running_var":
                continue
            name = f"{pair.reference.path}.{role}" if pair.reference.path else role
            ours[name] = a.gradient(one) if moments else a.read(one)
            other = b.gradient(two) if moments else b.read(two)
            theirs[name] = other.reshape(ours[name].shape)
    return ours, theirs


def guilty(sides: Sides, bounds: Mapping[str, float]) -> list[Guilty]:
    """The first update that differs, and in what; the loss comes first."""
    number = min(len(sides.reference.steps), len(sides.other.steps))
    for i in range(number):
        for what in KINDS:
            bound = bounds.get(f"steps/{what}", math.inf)
            off = errors(sides, what, i)
            bad = [name for name, own in off.items() if not own <= bound]
            if bad:
                return [_first(sides, i, number, bad, off)]
    return []


def _first(
    sides: Sides, i: int, number: int, bad: list[str], off: Mapping[str, float]
) -> Guilty:
    name = max(bad, key=lambda one: off[one])
    said = (
        f"{sides.other.label} computes the same once; of {number} updates by "
        f"{sides.reference.optimizer} number {i + 1} is the first that differs, in "
        f"{name}, by {off[name]:.2g}"
    )
    twins = [n for n in bad if n in _twins(sides)]
    why = Cause("two biases that are added, and both trained, against one", 1.0)
    layer = name.rpartition(".")[0]
    return Guilty(STEP, layer, "", off[name], said, "training", (why,) if twins else ())


def _twins(sides: Sides) -> set[str]:
    """The tensors that are the sum of two in one model alone."""
    return {
        f"{pair.reference.path}.{role}" if pair.reference.path else role
        for pair in sides.matching.pairs
        for role, (a, b) in pair.parts.items()
        if (a.twin is None) != (b.twin is None)
    }
