"""The variational autoencoder in NumPy: [B, features], and of pictures BCHW.

Spec, papers: shared/specs/generative/vae.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Identity, ReLU, Sigmoid, Tanh
from shared.reference.layers.convolution import conv, conv_transpose
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import Flatten, Unflatten
from shared.reference.module import Chain, Module, Operation, Steps
from shared.specs.generative.vae import ConvVAESpec, VAESpec

ACTIVATIONS: dict[str, type[Operation]] = {"relu": ReLU, "tanh": Tanh}


class Encoder(Module):
    """Gives q(z|x) by its parameters (appendix C.2). Both are read of what the body
    leaves, so its gradient has a term of each."""

    def __init__(self, spec: VAESpec):
        activation = ACTIVATIONS[spec.activation]
        self.hidden: Any = [Linear(*sizes) for sizes in spec.encoder]
        self.mean = Linear(spec.hidden[-1], spec.latent)
        self.log_variance = Linear(spec.hidden[-1], spec.latent)
        self.body = Chain(*(Chain(layer, activation()) for layer in self.hidden))

    def forward(self, x: Array) -> tuple[Array, Array]:
        x = self.body(x)
        return self.mean(x), self.log_variance(x)  # [B, latent] each

    def backward(self, of_mean: Array, of_log_variance: Array) -> Array:
        g = self.mean.backward(of_mean)
        return self.body.backward(g + self.log_variance.backward(of_log_variance))


class Decoder(Steps):
    """Gives p(x|z) by logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec):
        activation = ACTIVATIONS[spec.activation]
        self.hidden = [Linear(*sizes) for sizes in spec.decoder]
        self.fc = Linear(spec.hidden[0], spec.features)
        hidden = (Chain(layer, activation()) for layer in self.hidden)
        self.steps = Chain(*hidden, self.fc)  # [B, features]


class ConvEncoder(Encoder):
    def __init__(self, spec: ConvVAESpec):
        self.convs = [conv(c) for c in spec.encoder]
        self.hidden = Linear(spec.features, spec.hidden)
        self.mean = Linear(spec.hidden, spec.latent)
        self.log_variance = Linear(spec.hidden, spec.latent)
        self.body = Chain(
            *(Chain(layer, ReLU()) for layer in self.convs),  # [B, width, H/2, W/2]
            Flatten(),
            Chain(self.hidden, ReLU()),
        )


class ConvDecoder(Steps):
    def __init__(self, spec: ConvVAESpec):
        self.hidden = Linear(spec.latent, spec.hidden)
        self.fc = Linear(spec.hidden, spec.features)
        self.convs = [conv_transpose(c) for c in spec.decoder]
        self.out = conv_transpose(spec.decoder_out)
        self.steps = Chain(
            Chain(self.hidden, ReLU(), self.fc, ReLU()),
            Unflatten(spec.maps),
            *(Chain(layer, ReLU()) for layer in self.convs),  # [B, width, 2H, 2W]
            self.out,  # [B, channels, rows, columns]
        )


class Autoencoder(Module):
    """Any encoder and decoder.

    With d = exp(log_variance / 2) and z = mean + d noise (section 2.4) z's gradient g
    is the mean's, g d the noise's, and g noise d / 2 the log-variance's.
    """

    encoder: Encoder
    decoder: Steps
    said: Operation  # of what is decoded, in a sample

    def forward(self, image: Array, noise: Array) -> tuple[Array, Array, Array]:
        mean, log_variance = self.encoder(image)
        self.noise, self.deviation = noise, np.exp(log_variance / 2)
        return self.decoder(mean + self.deviation * noise), mean, log_variance

    def backward(
        self, g: Array, of_mean: Array, of_log_variance: Array
    ) -> tuple[Array, Array]:
        of_z = self.decoder.backward(g)
        of_log_variance = of_log_variance + of_z * self.noise * self.deviation / 2
        of_image = self.encoder.backward(of_mean + of_z, of_log_variance)
        return of_image, of_z * self.deviation

    def encode(self, image: Array) -> tuple[Array, Array]:
        found: tuple[Array, Array] = self.encoder(image)
        return found

    def encode_backward(self, *gradients: Array) -> Array:
        return self.encoder.backward(*gradients)

    def decode(self, z: Array) -> Array:
        found: Array = self.decoder(z)
        return found

    def decode_backward(self, g: Array) -> Array:
        return self.decoder.backward(g)

    def sample(self, z: Array) -> Array:
        found: Array = self.said(self.decoder(z))
        return found

    def sample_backward(self, g: Array) -> Array:
        return self.decoder.backward(self.said.backward(g))


class VAE(Autoencoder):
    def __init__(self, spec: VAESpec):
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)
        self.said = Sigmoid() if spec.likelihood == "bernoulli" else Identity()


class ConvVAE(Autoencoder):
    def __init__(self, spec: ConvVAESpec):
        self.encoder = ConvEncoder(spec)
        self.decoder = ConvDecoder(spec)
        self.said = Sigmoid() if spec.likelihood == "bernoulli" else Identity()
