"""RealNVP and rectified flow in NumPy, [B, features].

Spec, papers: shared/specs/generative/flow.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU, SiLU, Tanh
from shared.reference.layers.linear import Linear
from shared.reference.module import Chain, Module
from shared.specs.generative.flow import CouplingSpec, RealNVPSpec, RectifiedFlowSpec


class Coupling(Module):
    """Scales and shifts one half of the numbers by what it makes of the other.

    With y = x exp(s) + t and s in the determinant: of s come g x exp(s) and the
    determinant's own gradient, of t comes g. Back, with x = (y - t) exp(-s), of s comes
    -g x, of t -g exp(-s).
    """

    def __init__(self, s: CouplingSpec, spec: RealNVPSpec):
        self.s, self.bound = s, spec.bound
        self.hidden: Any = [Linear(*sizes) for sizes in s.sizes]
        self.fc = Linear(*s.out)
        hidden = (Chain(layer, ReLU()) for layer in self.hidden)
        self.steps, self.tanh = Chain(*hidden, self.fc), Tanh()

    def forward(self, kept: Array) -> tuple[Array, Array]:
        """Give the logarithm of the scale, and the shift."""
        raw, shift = np.split(self.steps(kept), 2, -1)
        return self.bound * self.tanh(raw / self.bound), shift

    def backward(self, of_scale: Array, of_shift: Array) -> Array:
        both = np.concatenate([self.tanh.backward(of_scale), of_shift], -1)
        return self.steps.backward(both)

    def joined(self, kept: Array, moved: Array) -> Array:
        return np.concatenate([kept, moved] if self.s.first else [moved, kept], -1)

    def towards_noise(self, x: Array) -> tuple[Array, Array]:
        kept, self.moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        self.scaled = np.exp(scale)
        return self.joined(kept, self.moved * self.scaled + shift), scale.sum(-1)

    def towards_noise_backward(self, g: Array, of_determinant: Array) -> Array:
        of_kept, of_moved = g[:, self.s.kept], g[:, self.s.moved]
        of_scale = of_moved * self.moved * self.scaled + of_determinant[:, None]
        of_kept = of_kept + self.backward(of_scale, of_moved)
        return self.joined(of_kept, of_moved * self.scaled)

    def towards_data(self, x: Array) -> Array:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        self.scaled = np.exp(-scale)
        self.moved = (moved - shift) * self.scaled
        return self.joined(kept, self.moved)

    def towards_data_backward(self, g: Array) -> Array:
        of_kept, of_moved = g[:, self.s.kept], g[:, self.s.moved]
        of_shift = -of_moved * self.scaled
        of_kept = of_kept + self.backward(-of_moved * self.moved, of_shift)
        return self.joined(of_kept, -of_shift)


class RealNVP(Module):
    def __init__(self, spec: RealNVPSpec):
        self.spec = spec
        self.couplings = [Coupling(s, spec) for s in spec.couplings]

    def forward(self, image: Array) -> tuple[Array, Array]:
        """Give the noise, [B, features], and the logarithm of the determinant, [B]."""
        z, log_determinant = image, np.zeros_like(image[:, 0])
        for coupling in self.couplings:
            z, more = coupling.towards_noise(z)
            log_determinant = log_determinant + more
        return z, log_determinant

    def backward(self, g: Array, of_determinant: Array) -> Array:
        for coupling in reversed(self.couplings):
            g = coupling.towards_noise_backward(g, of_determinant)
        return g

    def sample(self, z: Array) -> Array:
        x = z
        for coupling in reversed(self.couplings):
            x = coupling.towards_data(x)
        return x

    def sample_backward(self, g: Array) -> Array:
        for coupling in self.couplings:
            g = coupling.towards_data_backward(g)
        return g

    def score(self, image: Array) -> Array:
        """Give log p of each image (equation 3)."""
        self.z, log_determinant = self(image)
        found: Array = (
            self.spec.log_scale - np.square(self.z).sum(-1) / 2 + log_determinant
        )
        return found

    def score_backward(self, g: Array) -> Array:
        return self.backward(-self.z * g[:, None], g)


class RectifiedFlow(Module):
    """The time enters by sin(f t) and cos(f t), so its gradient is the sum of g f cos(f
    t) and of -g f sin(f t)."""

    def __init__(self, spec: RectifiedFlowSpec):
        self.spec = spec
        self.hidden: Any = [Linear(*sizes) for sizes in spec.sizes]
        self.fc = Linear(spec.hidden[-1], spec.features)
        self.steps = Chain(*(Chain(layer, SiLU()) for layer in self.hidden), self.fc)

    def forward(self, image: Array, time: Array) -> Array:
        angles = time[:, None] * np.array(self.spec.frequencies, time.dtype)
        self.waves = np.sin(angles), np.cos(angles)
        found: Array = self.steps(np.concatenate([image, *self.waves], -1))
        return found  # [B, features]

    def backward(self, g: Array) -> tuple[Array, Array]:
        g, n = self.steps.backward(g), self.spec.features
        of_sin, of_cos = np.split(g[:, n:], 2, -1)
        sin, cos = self.waves
        turned = (of_sin * cos - of_cos * sin) * np.array(self.spec.frequencies)
        return g[:, :n], turned.sum(-1)

    def sample(self, noise: Array) -> Array:
        """Follow the velocity from noise to data (Euler)."""
        x, steps = noise, self.spec.steps
        for i in range(steps):
            time = np.full(len(x), i / steps, x.dtype)
            x = x + self(x, time) / steps
        return x

    def sample_heun(self, noise: Array) -> Array:
        """The same, each step by the mean of the velocities at both its ends."""
        x, steps = noise, self.spec.steps
        for i in range(steps):
            time = np.full(len(x), i / steps, x.dtype)
            v = self(x, time)
            ahead = self(x + v / steps, time + 1 / steps)
            x = x + (v + ahead) / 2 / steps
        return x
