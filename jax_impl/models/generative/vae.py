"""The variational autoencoder in JAX (Flax NNX): [B, features], and of pictures
BHWC.

Spec, papers: shared/specs/generative/vae.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Linear, conv, conv_transpose, flatten, unflatten
from jax_impl.precision import full
from shared.specs.generative.vae import ConvVAESpec, VAESpec

ACTIVATIONS = {"relu": nnx.relu, "tanh": nnx.tanh}


class Encoder(nnx.Module):
    """Gives q(z|x) by its parameters (appendix C.2)."""

    def __init__(self, spec: VAESpec, *, rngs: nnx.Rngs):
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in spec.encoder)
        self.mean = Linear(spec.hidden[-1], spec.latent, rngs=rngs)
        self.log_variance = Linear(spec.hidden[-1], spec.latent, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array]:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return full(self.mean(x)), full(self.log_variance(x))  # [B, latent] each


class Decoder(nnx.Module):
    """Gives p(x|z) by logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec, *, rngs: nnx.Rngs):
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = nnx.List(Linear(*sizes, rngs=rngs) for sizes in spec.decoder)
        self.fc = Linear(spec.hidden[0], spec.features, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        for layer in self.hidden:
            z = self.activation(layer(z))
        return self.fc(z)  # [B, features]


class ConvEncoder(nnx.Module):
    def __init__(self, spec: ConvVAESpec, *, rngs: nnx.Rngs):
        self.convs = nnx.List(conv(c, rngs=rngs) for c in spec.encoder)
        self.hidden = Linear(spec.features, spec.hidden, rngs=rngs)
        self.mean = Linear(spec.hidden, spec.latent, rngs=rngs)
        self.log_variance = Linear(spec.hidden, spec.latent, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, Array]:
        for layer in self.convs:
            x = nnx.relu(layer(x))  # [B, H/2, W/2, width]
        x = nnx.relu(self.hidden(flatten(x)))
        return full(self.mean(x)), full(self.log_variance(x))  # [B, latent] each


class ConvDecoder(nnx.Module):
    def __init__(self, spec: ConvVAESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = Linear(spec.latent, spec.hidden, rngs=rngs)
        self.fc = Linear(spec.hidden, spec.features, rngs=rngs)
        self.convs = nnx.List(conv_transpose(c, rngs=rngs) for c in spec.decoder)
        self.out = conv_transpose(spec.decoder_out, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        x = nnx.relu(self.fc(nnx.relu(self.hidden(z))))
        x = unflatten(x, self.spec.maps)
        for layer in self.convs:
            x = nnx.relu(layer(x))  # [B, 2H, 2W, width]
        return self.out(x)  # [B, rows, columns, channels]


class Autoencoder(nnx.Module):
    """Any encoder and decoder."""

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


class VAE(Autoencoder):
    def __init__(self, spec: VAESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)


class ConvVAE(Autoencoder):
    def __init__(self, spec: ConvVAESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = ConvEncoder(spec, rngs=rngs)
        self.decoder = ConvDecoder(spec, rngs=rngs)
