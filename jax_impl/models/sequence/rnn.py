"""Recurrent networks in JAX (Flax NNX), [B, T, features].

Spec and papers: shared/specs/sequence/rnn.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, Recurrent
from shared.specs.sequence.rnn import RNNPredictorSpec, RNNSpec


class RNN(nnx.Module):
    def __init__(self, spec: RNNSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.rnn = Recurrent(spec.stack, rngs=rngs)

    def __call__(self, x: Array, lengths: Array | None = None) -> tuple[Array, ...]:
        """What every step puts out, and the last states."""
        y, state = self.rnn(x, lengths=lengths)
        return y, *(part.swapaxes(0, 1) for part in state)

    def resume(
        self, x: Array, lengths: Array | None, *state: Array
    ) -> tuple[Array, ...]:
        """The same from a state, [B, layers * directions, width]."""
        start = tuple(part.swapaxes(0, 1) for part in state)
        y, end = self.rnn(x, start, lengths)
        return y, *(part.swapaxes(0, 1) for part in end)

    def step(self, x: Array, *state: Array) -> tuple[Array, ...]:
        """One step more: [B, features]."""
        y, *end = self.resume(x[:, None], None, *state)
        return y[:, 0], *end


class RNNPredictor(nnx.Module):
    def __init__(self, spec: RNNPredictorSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.rnn = Recurrent(spec.stack, rngs=rngs)
        self.fc = Linear(spec.stack.c_out, spec.num_outputs, rngs=rngs)

    def __call__(self, x: Array, lengths: Array | None = None) -> Array:
        _, (h, *_) = self.rnn(x, lengths=lengths)
        ends = h[-self.spec.ends :]  # [directions, B, width]
        return self.fc(jnp.concatenate([*ends], 1))  # [B, num_outputs]
