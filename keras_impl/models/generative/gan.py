"""Generative adversarial networks in Keras 3: [B, features], and the DCGAN BHWC.

Spec, papers: shared/specs/generative/gan.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    ACTIVATIONS,
    Dense,
    Dropout,
    SpecModel,
    conv,
    conv_transpose,
    leaky_relu,
    norm,
)
from shared.specs.base import ConvSpec, ConvTransposeSpec
from shared.specs.generative.gan import DCGANSpec, GANSpec


class Generator(keras.Layer):
    def __init__(self, spec: GANSpec):
        super().__init__()
        self.spec = spec
        self.hidden = [Dense(*sizes) for sizes in spec.generator_sizes]
        self.fc = Dense(spec.generator[-1], spec.features)

    def call(self, z: KerasTensor) -> KerasTensor:
        for layer in self.hidden:
            z = ops.relu(layer(z))
        return ACTIVATIONS[self.spec.output](self.fc(z))  # [B, features]


class Discriminator(keras.Layer):
    def __init__(self, spec: GANSpec):
        super().__init__()
        self.spec = spec
        self.hidden = [Dense(*sizes) for sizes in spec.discriminator_sizes]
        self.dropout = Dropout(spec.dropout)
        self.fc = Dense(spec.discriminator[-1], 1)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.hidden:
            x = self.dropout(leaky_relu(layer(x), self.spec.slope))
        return ops.reshape(self.fc(x), (-1,))  # [B]


class GAN(SpecModel):
    def __init__(self, spec: GANSpec):
        super().__init__(spec)
        self.generator = Generator(spec)
        self.discriminator = Discriminator(spec)

    def call(
        self, image: KerasTensor, z: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        sample = self.generator(z)
        return self.discriminator(image), self.discriminator(sample), sample

    def sample(self, z: KerasTensor) -> KerasTensor:
        return self.generator(z)


class Up(keras.Layer):
    def __init__(self, c: ConvTransposeSpec, spec: DCGANSpec):
        super().__init__()
        self.conv = conv_transpose(c)
        self.norm = norm(c.c_out, spec)

    def call(self, x: KerasTensor) -> KerasTensor:
        return ops.relu(self.norm(self.conv(x)))


class Down(keras.Layer):
    def __init__(self, c: ConvSpec, normed: bool, spec: DCGANSpec):
        super().__init__()
        self.spec = spec
        self.conv = conv(c)
        self.norm = norm(c.c_out, spec) if normed else None

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return leaky_relu(x, self.spec.slope)


class ConvGenerator(keras.Layer):
    """Radford et al. 2015, figure 1."""

    def __init__(self, spec: DCGANSpec):
        super().__init__()
        self.stem = Up(spec.stem, spec)
        self.ups = [Up(c, spec) for c in spec.ups]
        self.out = conv_transpose(spec.generator_out)

    def call(self, z: KerasTensor) -> KerasTensor:
        x = self.stem(z[:, None, None, :])  # [B, 4, 4, widths[-1]]
        for up in self.ups:
            x = up(x)
        return ops.tanh(self.out(x))  # [B, image_size, image_size, channels]


class ConvDiscriminator(keras.Layer):
    def __init__(self, spec: DCGANSpec):
        super().__init__()
        pairs = zip(spec.downs, spec.normed, strict=True)
        self.downs = [Down(c, normed, spec) for c, normed in pairs]
        self.out = conv(spec.discriminator_out)

    def call(self, x: KerasTensor) -> KerasTensor:
        for down in self.downs:
            x = down(x)
        return ops.reshape(self.out(x), (-1,))  # [B]


class DCGAN(SpecModel):
    def __init__(self, spec: DCGANSpec):
        super().__init__(spec)
        self.generator = ConvGenerator(spec)
        self.discriminator = ConvDiscriminator(spec)

    def call(
        self, image: KerasTensor, z: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        sample = self.generator(z)
        return self.discriminator(image), self.discriminator(sample), sample

    def sample(self, z: KerasTensor) -> KerasTensor:
        return self.generator(z, training=False)
