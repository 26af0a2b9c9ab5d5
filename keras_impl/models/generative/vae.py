"""The variational autoencoder in Keras 3, [B, features].

Spec, papers: shared/specs/generative/vae.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel
from shared.specs.generative.vae import VAESpec

ACTIVATIONS = {"relu": ops.relu, "tanh": ops.tanh}


class Encoder(keras.Layer):
    """q(z|x), by its parameters (appendix C.2)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = [Dense(*sizes) for sizes in spec.encoder]
        self.mean = Dense(spec.hidden[-1], spec.latent)
        self.log_variance = Dense(spec.hidden[-1], spec.latent)

    def call(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        for layer in self.hidden:
            x = self.activation(layer(x))
        return self.mean(x), self.log_variance(x)  # [B, latent] each


class Decoder(keras.Layer):
    """p(x|z): logits, or means (appendix C.1)."""

    def __init__(self, spec: VAESpec):
        super().__init__()
        self.activation = ACTIVATIONS[spec.activation]
        self.hidden = [Dense(*sizes) for sizes in spec.decoder]
        self.fc = Dense(spec.hidden[0], spec.features)

    def call(self, z: KerasTensor) -> KerasTensor:
        for layer in self.hidden:
            z = self.activation(layer(z))
        return self.fc(z)  # [B, features]


class VAE(SpecModel):
    def __init__(self, spec: VAESpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def call(
        self, image: KerasTensor, noise: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        mean, log_variance = self.encoder(image)
        z = mean + ops.exp(log_variance / 2) * noise  # section 2.4
        return self.decoder(z), mean, log_variance

    def encode(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        return self.encoder(image, training=False)

    def decode(self, z: KerasTensor) -> KerasTensor:
        return self.decoder(z, training=False)

    def sample(self, z: KerasTensor) -> KerasTensor:
        y = self.decoder(z, training=False)
        return ops.sigmoid(y) if self.spec.likelihood == "bernoulli" else y
