"""Activations by the names that specs give them."""

from collections.abc import Callable
from functools import partial

import jax.numpy as jnp
from flax import nnx
from jax import Array


def leaky_relu(x: Array, slope: float) -> Array:
    # DIFF(leaky-relu): the gradient of JAX's own is 1 at 0, torch's is the slope.
    return jnp.where(x > 0, x, slope * x)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "relu": nnx.relu,
    "relu6": nnx.relu6,
    "silu": nnx.silu,
    "hard_swish": nnx.hard_swish,
    "hard_sigmoid": nnx.hard_sigmoid,
    "sigmoid": nnx.sigmoid,
    "tanh": nnx.tanh,
    "gelu": partial(nnx.gelu, approximate=False),
    "gelu_tanh": partial(nnx.gelu, approximate=True),
}


class Activation(nnx.Module):
    """An activation as a layer, for lists of layers whose published names count it."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, x: Array) -> Array:
        return ACTIVATIONS[self.name](x)
