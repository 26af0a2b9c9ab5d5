"""The reference's weights on their way to a port."""

from collections.abc import Mapping

import numpy as np

from parity_tests.compare import Array
from parity_tests.ports.codecs import Layer
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


def shaken(
    layers: Mapping[str, Layer], values: Mapping[str, Array]
) -> dict[str, Array]:
    """Weights in which no whole tensor stands at one value, such as 0 or 1.

    A bias of zeros hides that it is not applied, a norm of ones that it is missing.
    """
    own = {name: np.array(value) for name, value in values.items()}
    for layer in layers.values():
        for role, part in layer.parts.items():
            value = part.view(own)
            fixed = not part.trainable and part.kind not in ("mean", "variance")
            if fixed or not value.size or not (value == value.flat[0]).all():
                continue
            draw = generator("shaken", layer.path, role)
            if part.kind == "variance":
                part.view(own)[...] = draw.uniform(0.5, 1.5, value.shape)
                continue
            size = float(abs(value.flat[0])) or 1.0
            value[...] = value + 0.1 * size * draw.standard_normal(value.shape)
    return own
