"""Gradients beside a kink: where a ReLU's input is 0 its gradient jumps, so that two
right runs of one model, a rounding apart, can have gradients that are far apart.

A float32 run is beside a kink where a float64 run whose weights differ by less than
float32 tells apart (tolerances.NEIGHBOUR) has its gradient within the bound, and units
of named layers changed side between that run and the one at the weights themselves.
The bound stays what it is: what else is wrong with a gradient, no such neighbour has.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from parity_tests.compare import Array, Named
from parity_tests.evidence import SEED, gradients_of
from parity_tests.tolerances import NEIGHBOUR
from shared.messages import Layer, Request
from shared.running.client import RemoteModel, Worker
from shared.specs.base import Spec

# Directions that are tried, and steps along each until it is left.
TRIES, STEPS = 24, 8


@dataclass(frozen=True)
class Kink:
    """A neighbour's gradients were found beside a kink.

    gradients: those of the neighbour. units: how many changed side, by layer.
    """

    gradients: Named
    units: Mapping[str, int]

    @property
    def said(self) -> str:
        """The layer where it begins, since those behind it change with it."""
        path, number = next(iter(self.units.items()))
        return f"beside a kink: {number} unit{'s' * (number > 1)} of {path}"


def beside(
    worker: Worker,
    name: str,
    spec: Spec,
    question: Request,
    holds: Callable[[Named], bool],
) -> Kink | None:
    """The nearest neighbour whose gradients hold, if units changed side on the way."""
    model = worker.build(spec, name)
    model.fill(SEED)
    model.move(worker.device)
    weights, question = model.dump(), replace(question, trace=True)
    try:
        here = model.run(question).layers
        for way in _ways(weights):
            found = _along(way, model, weights, question, here, holds)
            if found:
                return found
        return None
    finally:
        model.drop()


def _ways(weights: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
    """Yield random directions, each weight's a share of its own size."""
    draw = np.random.default_rng(SEED)
    for _ in range(TRIES):
        yield {n: w * draw.uniform(-1, 1, w.shape) for n, w in weights.items()}


def _along(
    way: Mapping[str, Array],
    model: RemoteModel,
    weights: Mapping[str, Array],
    question: Request,
    here: Mapping[str, Layer],
    holds: Callable[[Named], bool],
) -> Kink | None:
    """Follow a way whose end tells whether it crosses a kink; the first step behind
    one is nearest."""

    def at(step: int) -> tuple[dict[str, int], Named]:
        far = NEIGHBOUR * step / STEPS
        model.load({n: w + far * way[n] for n, w in weights.items()})
        result = model.run(question)
        return changed(here, result.layers), gradients_of(result)

    if not at(STEPS)[0]:
        return None
    for step in range(1, STEPS + 1):
        units, gradients = at(step)
        if units and holds(gradients):
            return Kink(gradients, units)
    return None


def changed(one: Mapping[str, Layer], two: Mapping[str, Layer]) -> dict[str, int]:
    """How many units of each named layer are above 0 in one run alone."""
    found = {
        path: int(np.count_nonzero((layer.left > 0) != (two[path].left > 0)))
        for path, layer in one.items()
    }
    return {path: number for path, number in found.items() if number}
