"""Convolutions along time in JAX (Flax NNX), [B, L, C].

Spec: shared/specs/sequence/cnn1d.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import Linear, conv1d, max_pool1d, norm1d
from shared.specs.base import Conv1dSpec
from shared.specs.sequence.cnn1d import CNN1DSpec


class Block(nnx.Module):
    def __init__(self, c: Conv1dSpec, spec: CNN1DSpec, *, rngs: nnx.Rngs):
        self.conv = conv1d(c, rngs=rngs)
        self.norm = norm1d(c.c_out, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return nnx.relu(self.norm(self.conv(x)))  # [B, L/s, c_out]


class CNN1D(nnx.Module):
    def __init__(self, spec: CNN1DSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.stages = nnx.List(
            nnx.List(Block(c, spec, rngs=rngs) for c in stage) for stage in spec.convs
        )
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for i, stage in enumerate(self.stages):
            for block in stage:
                x = block(x)
            if i < self.spec.pools:
                x = max_pool1d(x, self.spec.pool)  # [B, L/pool, width]
        return self.fc(x.mean(1))  # [B, num_classes]
