"""A small CNN in JAX (Flax NNX), BHWC.

Spec, names: shared/specs/vision/simple_cnn.py.
"""

from collections.abc import Callable

from flax import nnx
from jax import Array

from jax_impl.layers import Dropout, Linear, conv, flatten, max_pool
from shared.specs.vision.simple_cnn import SimpleCNNSpec

POOLINGS: dict[str, Callable[[Array], Array]] = {
    "flatten": flatten,
    "mean": lambda x: x.mean((1, 2)),
    "max": lambda x: x.max((1, 2)),
}


class SimpleCNN(nnx.Module):
    def __init__(self, spec: SimpleCNNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.convs = nnx.List(conv(c, rngs=rngs) for c in spec.convs)
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in spec.sizes)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.convs:
            x = max_pool(nnx.relu(layer(x)), self.spec.pool)  # [B, H/2, W/2, width]
        x = POOLINGS[self.spec.pooling](x)  # [B, features]
        for layer in self.hidden:
            x = nnx.relu(layer(x))
        return self.fc(self.dropout(x))  # [B, num_classes]
