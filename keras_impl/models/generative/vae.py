"""The variational autoencoder in Keras 3: [B, features], and of pictures BHWC.

Spec, papers: shared/specs/generative/vae.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    SpecModel,
    conv,
    conv_transpose,
    flatten,
    unflatten,
)
from keras_impl.precision import full
from shared.specs.generative.vae import ConvVAESpec, VAESpec

ACTIVATIONS = {"relu": ops.relu, "tanh": ops.tanh}


class Encoder(keras.Layer):
    """Gives q(z|x) by its parameters (appendix C.2)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = [Dense(*sizes) for sizes in spec.encoder]
        self.mean = Dense(spec.hidden[-1], spec.latent)
        self.log_variance = Dense(spec.hidden[-1], spec.latent)

    def call(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return full(self.mean(x)), full(self.log_variance(x))  # [B, latent] each


class Decoder(keras.Layer):
    """Gives p(x|z) by logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = [Dense(*sizes) for sizes in spec.decoder]
        self.fc = Dense(spec.hidden[0], spec.features)

    def call(self, z: KerasTensor) -> KerasTensor:
        for layer in self.hidden:
            z = self.activation(layer(z))
        return self.fc(z)  # [B, features]


class ConvEncoder(keras.Layer):
    def __init__(self, spec: ConvVAESpec):
        super().__init__()
        self.convs = [conv(c) for c in spec.encoder]
        self.hidden = Dense(spec.features, spec.hidden)
        self.mean = Dense(spec.hidden, spec.latent)
        self.log_variance = Dense(spec.hidden, spec.latent)

    def call(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        for layer in self.convs:
            x = ops.relu(layer(x))  # [B, H/2, W/2, width]
        x = ops.relu(self.hidden(flatten(x)))
        return full(self.mean(x)), full(self.log_variance(x))  # [B, latent] each


class ConvDecoder(keras.Layer):
    def __init__(self, spec: ConvVAESpec):
        super().__init__()
        self.spec = spec
        self.hidden = Dense(spec.latent, spec.hidden)
        self.fc = Dense(spec.hidden, spec.features)
        self.convs = [conv_transpose(c) for c in spec.decoder]
        self.out = conv_transpose(spec.decoder_out)

    def call(self, z: KerasTensor) -> KerasTensor:
        x = ops.relu(self.fc(ops.relu(self.hidden(z))))
        x = unflatten(x, self.spec.maps)
        for layer in self.convs:
            x = ops.relu(layer(x))  # [B, 2H, 2W, width]
        return self.out(x)  # [B, rows, columns, channels]


class Autoencoder(SpecModel):
    """Any encoder and decoder."""

    def call(
        self, image: KerasTensor, noise: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        mean, log_variance = self.encoder(image)
        z = mean + ops.exp(log_variance / 2) * full(noise)  # section 2.4
        return self.decoder(z), mean, log_variance

    def encode(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        return self.encoder(image)

    def decode(self, z: KerasTensor) -> KerasTensor:
        return self.decoder(z)

    def sample(self, z: KerasTensor) -> KerasTensor:
        y = self.decoder(z)
        return ops.sigmoid(y) if self.spec.likelihood == "bernoulli" else y


class VAE(Autoencoder):
    def __init__(self, spec: VAESpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)


class ConvVAE(Autoencoder):
    def __init__(self, spec: ConvVAESpec):
        super().__init__(spec)
        self.encoder = ConvEncoder(spec)
        self.decoder = ConvDecoder(spec)
