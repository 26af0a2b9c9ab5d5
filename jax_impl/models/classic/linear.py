"""Linear models in JAX (Flax NNX), [B, features].

Spec: shared/specs/classic/linear.py.
"""

from collections.abc import Callable

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear
from jax_impl.precision import full
from shared.specs.classic.linear import LinearModelSpec


def identity(scores: Array) -> Array:
    return scores


def softmax(scores: Array) -> Array:
    return nnx.softmax(full(scores), axis=-1)


def step(scores: Array) -> Array:
    """Give 1 above 0, by way of sign, whose gradient is 0; a comparison has none."""
    return nnx.relu(jnp.sign(scores))


LINKS: dict[str, Callable[[Array], Array]] = {
    "identity": identity,
    "sigmoid": nnx.sigmoid,
    "softmax": softmax,
    "step": step,
}


class LinearModel(nnx.Module):
    def __init__(self, spec: LinearModelSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.linear = Linear(spec.features, spec.targets, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array]:
        scores = self.linear(x)  # [B, targets]
        return scores, LINKS[self.spec.link](scores)
