"""Stacked LSTM in JAX (Flax NNX), [B, T, features].

Spec: shared/specs/sequence/lstm.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, Recurrent
from shared.specs.sequence.lstm import LSTMSpec


class LSTM(nnx.Module):
    def __init__(self, spec: LSTMSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.lstm = Recurrent(spec.stack, rngs=rngs)
        self.fc = Linear(spec.c_out, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        _, (h, _) = self.lstm(x)
        ends = h[-self.spec.ends :]  # [directions, B, hidden]
        return self.fc(jnp.concatenate([*ends], 1))  # [B, num_classes]
