"""Silero VAD in JAX (Flax NNX), [B, frames, samples].

Spec, names: shared/specs/sequence/silero_vad.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, Recurrent, State, conv1d
from shared.specs.sequence.silero_vad import SileroVADSpec


class SileroVAD(nnx.Module):
    def __init__(self, spec: SileroVADSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.stft = conv1d(spec.stft, rngs=rngs)
        self.convs = nnx.List(conv1d(c, rngs=rngs) for c in spec.convs)
        self.lstm = Recurrent(spec.stack, rngs=rngs)
        self.out = Linear(spec.hidden, 1, rngs=rngs)

    def __call__(self, wave: Array) -> Array:
        return self.read(wave)[0]  # [B, frames]

    def speech(
        self, wave: Array, hidden: Array, cell: Array
    ) -> tuple[Array, Array, Array]:
        """The probability that there is speech in each frame, and the state after."""
        logits, (h, c) = self.read(wave, (hidden[None], cell[None]))
        return nnx.sigmoid(logits), h[0], c[0]

    def read(self, wave: Array, state: State | None = None) -> tuple[Array, State]:
        rows, frames, samples = wave.shape
        x = wave.reshape(rows * frames, samples, 1)
        x = self.stft(jnp.pad(x, ((0, 0), (0, self.spec.reflected), (0, 0)), "reflect"))
        real, imaginary = jnp.split(x, 2, -1)  # [B * frames, T, frequencies]
        x = jnp.sqrt(real**2 + imaginary**2)
        for conv in self.convs:
            x = nnx.relu(conv(x))  # [B * frames, T / stride, width]
        x = x.reshape(rows, frames, self.spec.stack.features)
        x, state = self.lstm(x, state)
        return self.out(nnx.relu(x))[..., 0], state
