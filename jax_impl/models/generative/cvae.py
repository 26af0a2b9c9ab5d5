"""The conditional variational autoencoder in JAX (Flax NNX), [B, features].

Spec, papers: shared/specs/generative/cvae.py.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.models.generative.vae import Decoder, Encoder
from shared.specs.generative.cvae import ConditionalVAESpec


class ConditionalVAE(nnx.Module):
    def __init__(self, spec: ConditionalVAESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)

    def __call__(
        self, image: Array, label: Array, noise: Array
    ) -> tuple[Array, Array, Array]:
        mean, log_variance = self.encode(image, label)
        z = mean + jnp.exp(log_variance / 2) * noise
        return self.decode(z, label), mean, log_variance

    def encode(self, image: Array, label: Array) -> tuple[Array, Array]:
        return self.encoder(self.told(image, label))

    def decode(self, z: Array, label: Array) -> Array:
        return self.decoder(self.told(z, label))

    def sample(self, label: Array, z: Array) -> Array:
        y = self.decode(z, label)
        return nnx.sigmoid(y) if self.spec.likelihood == "bernoulli" else y

    def told(self, x: Array, label: Array) -> Array:
        """Put the class behind it, as ones and zeros."""
        own = jax.nn.one_hot(label, self.spec.classes, dtype=x.dtype)
        return jnp.concatenate([x, own], -1)
