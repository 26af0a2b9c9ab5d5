"""RealNVP and rectified flow in Keras 3, [B, features].

Spec, papers: shared/specs/generative/flow.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel
from keras_impl.precision import full
from shared.specs.generative.flow import CouplingSpec, RealNVPSpec, RectifiedFlowSpec


class Coupling(keras.Layer):
    """Scales and shifts one half of the numbers by what it makes of the other."""

    def __init__(self, s: CouplingSpec, spec: RealNVPSpec):
        super().__init__()
        self.s, self.bound = s, spec.bound
        self.hidden = [Dense(*sizes) for sizes in s.sizes]
        self.fc = Dense(*s.out)

    def call(self, kept: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Give the logarithm of the scale, and the shift."""
        for layer in self.hidden:
            kept = ops.relu(layer(kept))
        raw, shift = ops.split(full(self.fc(kept)), 2, -1)
        return self.bound * ops.tanh(raw / self.bound), shift

    def joined(self, kept: KerasTensor, moved: KerasTensor) -> KerasTensor:
        return ops.concatenate([kept, moved] if self.s.first else [moved, kept], -1)

    def towards_noise(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        moved = moved * ops.exp(scale) + shift  # equation 7
        return self.joined(kept, moved), ops.sum(scale, -1)

    def towards_data(self, x: KerasTensor) -> KerasTensor:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        moved = (moved - shift) * ops.exp(-scale)  # equation 8
        return self.joined(kept, moved)


class RealNVP(SpecModel):
    def __init__(self, spec: RealNVPSpec):
        super().__init__(spec)
        self.couplings = [Coupling(s, spec) for s in spec.couplings]

    def call(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Give the noise, [B, features], and the logarithm of the determinant, [B]."""
        z, log_determinant = full(image), ops.zeros_like(full(image)[:, 0])
        for coupling in self.couplings:
            z, more = coupling.towards_noise(z)
            log_determinant = log_determinant + more
        return z, log_determinant

    def sample(self, z: KerasTensor) -> KerasTensor:
        x = full(z)
        for coupling in reversed(self.couplings):
            x = coupling.towards_data(x)
        return x

    def score(self, image: KerasTensor) -> KerasTensor:
        """Give log p of each image (equation 3)."""
        z, log_determinant = self(image, training=False)
        return self.spec.log_scale - ops.sum(ops.square(z), -1) / 2 + log_determinant


class RectifiedFlow(SpecModel):
    def __init__(self, spec: RectifiedFlowSpec):
        super().__init__(spec)
        self.hidden = [Dense(*sizes) for sizes in spec.sizes]
        self.fc = Dense(spec.hidden[-1], spec.features)

    def call(self, image: KerasTensor, time: KerasTensor) -> KerasTensor:
        frequencies = ops.convert_to_tensor(self.spec.frequencies, time.dtype)
        angles = time[:, None] * frequencies
        x = ops.concatenate([full(image), ops.sin(angles), ops.cos(angles)], -1)
        for layer in self.hidden:
            x = ops.silu(layer(x))
        return self.fc(x)  # [B, features]

    def sample(self, noise: KerasTensor) -> KerasTensor:
        """Follow the velocity from noise to data (Euler)."""
        steps = self.spec.steps

        def follow(i: KerasTensor, x: KerasTensor) -> KerasTensor:
            time = ops.full(ops.shape(x)[:1], ops.cast(i, x.dtype) / steps, x.dtype)
            return x + full(self(x, time, training=False)) / steps

        return ops.fori_loop(0, steps, follow, full(noise))

    def sample_heun(self, noise: KerasTensor) -> KerasTensor:
        """The same, each step by the mean of the velocities at both its ends."""
        steps = self.spec.steps

        def follow(i: KerasTensor, x: KerasTensor) -> KerasTensor:
            time = ops.full(ops.shape(x)[:1], ops.cast(i, x.dtype) / steps, x.dtype)
            v = full(self(x, time, training=False))
            ahead = full(self(x + v / steps, time + 1 / steps, training=False))
            return x + (v + ahead) / 2 / steps

        return ops.fori_loop(0, steps, follow, full(noise))
