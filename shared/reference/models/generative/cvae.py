"""The conditional variational autoencoder in NumPy, [B, features].

Spec, papers: shared/specs/generative/cvae.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Identity, Sigmoid
from shared.reference.models.generative.vae import Decoder, Encoder
from shared.reference.module import Module, Operation
from shared.specs.generative.cvae import ConditionalVAESpec


class ConditionalVAE(Module):
    """As the autoencoder of vae; of what is told with the class, the numbers in front
    of it have a gradient, and the class, a whole number, has none."""

    said: Operation  # of what is decoded, in a sample

    def __init__(self, spec: ConditionalVAESpec):
        self.spec = spec
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        self.said = Sigmoid() if spec.likelihood == "bernoulli" else Identity()

    def forward(
        self, image: Array, label: Array, noise: Array
    ) -> tuple[Array, Array, Array]:
        mean, log_variance = self.encode(image, label)
        self.noise, self.deviation = noise, np.exp(log_variance / 2)
        return self.decode(mean + self.deviation * noise, label), mean, log_variance

    def backward(
        self, g: Array, of_mean: Array, of_log_variance: Array
    ) -> tuple[Array, None, Array]:
        of_z, _ = self.decode_backward(g)
        of_log_variance = of_log_variance + of_z * self.noise * self.deviation / 2
        of_image, _ = self.encode_backward(of_mean + of_z, of_log_variance)
        return of_image, None, of_z * self.deviation

    def encode(self, image: Array, label: Array) -> tuple[Array, Array]:
        found: tuple[Array, Array] = self.encoder(self.told(image, label))
        return found

    def encode_backward(self, *gradients: Array) -> tuple[Array, None]:
        return self.encoder.backward(*gradients)[:, : self.spec.features], None

    def decode(self, z: Array, label: Array) -> Array:
        found: Array = self.decoder(self.told(z, label))
        return found

    def decode_backward(self, g: Array) -> tuple[Array, None]:
        return self.decoder.backward(g)[:, : self.spec.latent], None

    def sample(self, label: Array, z: Array) -> Array:
        found: Array = self.said(self.decode(z, label))
        return found

    def sample_backward(self, g: Array) -> tuple[None, Array]:
        of_z, _ = self.decode_backward(self.said.backward(g))
        return None, of_z

    def told(self, x: Array, label: Array) -> Array:
        """Put the class behind it, as ones and zeros."""
        own = label[:, None] == np.arange(self.spec.classes)
        return np.concatenate([x, own.astype(x.dtype)], -1)
