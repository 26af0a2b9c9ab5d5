"""The reference's weights on their way to a port."""

from collections.abc import Mapping

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports.codecs import Layer, Part
from parity_tests.ports.dumps import Dump
from parity_tests.ports.matching import Matching
from shared.randomness import generator


def taken(
    tree: Dump, matching: Matching, values: Mapping[str, Array], back: bool = False
) -> dict[str, Array]:
    """A model's own tensors with another's written in; `back`: the reference's own."""
    own = {w.name: np.array(tree.array(w.tensor)) for w in tree.weights}
    for pair in matching.pairs:
        for one, two in pair.parts.values():
            source, target = (two, one) if back else (one, two)
            target.write(own, source.read(values))
    return own


# A matrix whose outputs are below this share of its inputs in size is raised to 1.
GAIN = 0.5


# A scale below this lets too little of its branch through for a mistake in it to show.
LEAST = 0.05


def shaken(
    layers: Mapping[str, Layer], values: Mapping[str, Array]
) -> dict[str, Array]:
    """Weights in which no whole tensor stands at one value, such as 0 or 1.

    A bias of zeros hides that it is not applied, a norm of ones that it is missing. A
    model that is so new has its small matrices raised, too: where all is near 0, every
    function is a straight line, and one in the place of another does not show.
    """
    own = {name: np.array(value) for name, value in values.items()}
    parts = [
        (f"{layer.path}/{role}", part)
        for layer in layers.values()
        for role, part in layer.parts.items()
        if part.trainable or part.kind in ("mean", "variance")
    ]
    vectors = [p.view(own) for _, p in parts if len(p.shape) < 2 and p.trainable]
    fresh = sum(map(_is_constant, vectors)) > len(vectors) / 2
    for place, part in parts:
        value = part.view(own)
        if _is_constant(value):
            value[...] = _drawn(part, value, place)
        elif fresh and part.trainable and value.ndim >= 2:
            gain = float(value.std()) * np.sqrt(np.prod(part.shape[1:]))
            value[...] = value / gain if gain < GAIN else value
    return own


def _is_constant(value: Array) -> bool:
    return bool(value.size) and bool((value == value.flat[0]).all())


def _drawn(part: Part, value: Array, place: str) -> Array:
    draw = generator("shaken", place)
    if part.kind == "variance":
        return draw.uniform(0.5, 1.5, value.shape)
    size = float(abs(value.flat[0])) or 1.0
    if size < LEAST:
        value, size = value / size, 1.0
    return value + 0.1 * size * draw.standard_normal(value.shape)
