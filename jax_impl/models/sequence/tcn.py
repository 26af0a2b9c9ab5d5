"""Temporal convolutional networks in JAX (Flax NNX), [B, T, C].

Spec, names, paper: shared/specs/sequence/tcn.py.
"""

import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax import Array, lax

from jax_impl.layers import Linear, MapDropout
from shared.specs.sequence.tcn import CausalSpec, Level, TCNSpec


class CausalConv(nnx.Module):
    """w = g v / |v| (Salimans, Kingma 2016, equation 2)."""

    def __init__(self, c: CausalSpec):
        self.c, self.dtype = c, None
        self.weight_g = nnx.Param(jnp.zeros((c.c_out, 1, 1)))
        self.weight_v = nnx.Param(jnp.zeros((c.c_out, c.c_in, c.k)))
        self.bias = nnx.Param(jnp.zeros(c.c_out))

    def __call__(self, x: Array) -> Array:
        v = self.weight_v[...]
        norm = jnp.sqrt(jnp.square(v).sum((1, 2), keepdims=True))
        weight = self.weight_g[...] * v / norm
        x, weight, bias = promote_dtype((x, weight, self.bias[...]), dtype=self.dtype)
        y = lax.conv_general_dilated(
            x,
            weight,
            window_strides=(1,),
            padding=((self.c.before, 0),),
            rhs_dilation=(self.c.dilation,),
            dimension_numbers=("NWC", "OIW", "NWC"),
        )
        return y + bias


class Block(nnx.Module):
    """Figure 1(b)."""

    def __init__(self, level: Level, spec: TCNSpec, *, rngs: nnx.Rngs):
        self.conv1 = CausalConv(level.conv1)
        self.drop1 = MapDropout(spec.dropout, rngs=rngs)
        self.conv2 = CausalConv(level.conv2)
        self.drop2 = MapDropout(spec.dropout, rngs=rngs)
        self.downsample = (
            Linear(level.conv1.c_in, level.conv2.c_out, rngs=rngs)
            if level.projects
            else None
        )

    def __call__(self, x: Array) -> Array:
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(x)
        x = self.drop1(nnx.relu(self.conv1(x)))
        x = self.drop2(nnx.relu(self.conv2(x)))
        return nnx.relu(x + shortcut)  # [B, T, c_out]


class TCN(nnx.Module):
    def __init__(self, spec: TCNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.levels = nnx.List(Block(level, spec, rngs=rngs) for level in spec.levels)
        self.fc = Linear(spec.widths[-1], spec.num_outputs, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for block in self.levels:
            x = block(x)
        return self.fc(x[:, -1])  # [B, num_outputs]
