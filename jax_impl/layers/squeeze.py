"""Squeeze and excitation (Hu et al. 2017, arXiv:1709.01507)."""

from flax import nnx
from jax import Array

from jax_impl.layers.activation import ACTIVATIONS
from jax_impl.layers.convolution import conv
from shared.specs.base import SqueezeSpec


class SqueezeExcitation(nnx.Module):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec, *, rngs: nnx.Rngs):
        self.s = s
        self.fc1, self.fc2 = (conv(c, rngs=rngs) for c in s.convs)

    def __call__(self, x: Array) -> Array:
        y = self.fc1(x.mean((1, 2), keepdims=True))  # [B, 1, 1, squeezed]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)
