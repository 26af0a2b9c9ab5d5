"""The variational autoencoder in JAX (Flax NNX), [B, features].

Spec, papers: shared/specs/generative/vae.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear
from shared.specs.generative.vae import VAESpec

ACTIVATIONS = {"relu": nnx.relu, "tanh": nnx.tanh}


class Encoder(nnx.Module):
    """q(z|x), by its parameters (appendix C.2)."""

    def __init__(self, spec: VAESpec, *, rngs: nnx.Rngs):
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in spec.encoder)
        self.mean = Linear(spec.hidden[-1], spec.latent, rngs=rngs)
        self.log_variance = Linear(spec.hidden[-1], spec.latent, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array]:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.mean(x), self.log_variance(x)  # [B, latent] each


class Decoder(nnx.Module):
    """p(x|z): logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec, *, rngs: nnx.Rngs):
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in spec.decoder)
        self.fc = Linear(spec.hidden[0], spec.features, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        for layer in self.hidden:
            z = self.activation(layer(z))
        return self.fc(z)  # [B, features]


class VAE(nnx.Module):
    def __init__(self, spec: VAESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)

    def __call__(self, image: Array, noise: Array) -> tuple[Array, Array, Array]:
        mean, log_variance = self.encoder(image)
        z = mean + jnp.exp(log_variance / 2) * noise  # section 2.4
        return self.decoder(z), mean, log_variance

    def encode(self, image: Array) -> tuple[Array, Array]:
        return self.encoder(image)

    def decode(self, z: Array) -> Array:
        return self.decoder(z)

    def sample(self, z: Array) -> Array:
        y = self.decoder(z)
        return nnx.sigmoid(y) if self.spec.likelihood == "bernoulli" else y
