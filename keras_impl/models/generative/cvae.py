"""The conditional variational autoencoder in Keras 3, [B, features].

Spec, papers: shared/specs/generative/cvae.py.
"""

from keras import KerasTensor, ops

from keras_impl.layers import SpecModel
from keras_impl.models.generative.vae import Decoder, Encoder
from keras_impl.precision import full
from shared.specs.generative.cvae import ConditionalVAESpec


class ConditionalVAE(SpecModel):
    def __init__(self, spec: ConditionalVAESpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.decoder = Decoder(spec)

    def call(
        self, image: KerasTensor, label: KerasTensor, noise: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        mean, log_variance = self.encode(image, label)
        z = mean + ops.exp(log_variance / 2) * full(noise)
        return self.decode(z, label), mean, log_variance

    def encode(
        self, image: KerasTensor, label: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        return self.encoder(self.told(image, label))

    def decode(self, z: KerasTensor, label: KerasTensor) -> KerasTensor:
        return self.decoder(self.told(z, label))

    def sample(self, label: KerasTensor, z: KerasTensor) -> KerasTensor:
        y = self.decode(z, label)
        return ops.sigmoid(y) if self.spec.likelihood == "bernoulli" else y

    def told(self, x: KerasTensor, label: KerasTensor) -> KerasTensor:
        """Put the class behind it, as ones and zeros."""
        label = ops.cast(label, "int32")
        own = ops.one_hot(label, self.spec.classes, dtype=x.dtype)
        return ops.concatenate([x, own], -1)
