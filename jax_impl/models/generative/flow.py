"""RealNVP and rectified flow in JAX (Flax NNX), [B, features].

Spec, papers: shared/specs/generative/flow.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import Linear
from jax_impl.precision import full
from shared.specs.generative.flow import CouplingSpec, RealNVPSpec, RectifiedFlowSpec


class Coupling(nnx.Module):
    """Scales and shifts one half of the numbers by what it makes of the other."""

    def __init__(self, s: CouplingSpec, spec: RealNVPSpec, *, rngs: nnx.Rngs):
        self.s, self.bound = s, spec.bound
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in s.sizes)
        self.fc = Linear(*s.out, rngs=rngs)

    def __call__(self, kept: Array) -> tuple[Array, Array]:
        """Give the logarithm of the scale, and the shift."""
        for layer in self.hidden:
            kept = nnx.relu(layer(kept))
        raw, shift = jnp.split(full(self.fc(kept)), 2, -1)
        return self.bound * jnp.tanh(raw / self.bound), shift

    def joined(self, kept: Array, moved: Array) -> Array:
        return jnp.concatenate([kept, moved] if self.s.first else [moved, kept], -1)

    def towards_noise(self, x: Array) -> tuple[Array, Array]:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        moved = moved * jnp.exp(scale) + shift  # equation 7
        return self.joined(kept, moved), scale.sum(-1)

    def towards_data(self, x: Array) -> Array:
        kept, moved = x[:, self.s.kept], x[:, self.s.moved]
        scale, shift = self(kept)
        moved = (moved - shift) * jnp.exp(-scale)  # equation 8
        return self.joined(kept, moved)


class RealNVP(nnx.Module):
    def __init__(self, spec: RealNVPSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.couplings = nnx.List(Coupling(s, spec, rngs=rngs) for s in spec.couplings)

    def __call__(self, image: Array) -> tuple[Array, Array]:
        """Give the noise, [B, features], and the logarithm of the determinant, [B]."""
        z, log_determinant = full(image), jnp.zeros_like(full(image)[:, 0])
        for coupling in self.couplings:
            z, more = coupling.towards_noise(z)
            log_determinant = log_determinant + more
        return z, log_determinant

    def sample(self, z: Array) -> Array:
        x = full(z)
        for coupling in reversed(self.couplings):
            x = coupling.towards_data(x)
        return x

    def score(self, image: Array) -> Array:
        """Give log p of each image (equation 3)."""
        z, log_determinant = self(image)
        return self.spec.log_scale - jnp.square(z).sum(-1) / 2 + log_determinant


class RectifiedFlow(nnx.Module):
    def __init__(self, spec: RectifiedFlowSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in spec.sizes)
        self.fc = Linear(spec.hidden[-1], spec.features, rngs=rngs)

    def __call__(self, image: Array, time: Array) -> Array:
        frequencies = jnp.array(self.spec.frequencies, time.dtype)
        angles = time[:, None] * frequencies
        x = jnp.concatenate([full(image), jnp.sin(angles), jnp.cos(angles)], -1)
        for layer in self.hidden:
            x = nnx.silu(layer(x))
        return self.fc(x)  # [B, features]

    def sample(self, noise: Array) -> Array:
        """Follow the velocity from noise to data (Euler)."""
        steps = self.spec.steps

        def follow(i: Array, x: Array) -> Array:
            time = jnp.full(len(x), i / steps, x.dtype)
            return x + full(self(x, time)) / steps

        return lax.fori_loop(0, steps, follow, full(noise))

    def sample_heun(self, noise: Array) -> Array:
        """The same, each step by the mean of the velocities at both its ends."""
        steps = self.spec.steps

        def follow(i: Array, x: Array) -> Array:
            time = jnp.full(len(x), i / steps, x.dtype)
            v = full(self(x, time))
            ahead = full(self(x + v / steps, time + 1 / steps))
            return x + (v + ahead) / 2 / steps

        return lax.fori_loop(0, steps, follow, full(noise))
