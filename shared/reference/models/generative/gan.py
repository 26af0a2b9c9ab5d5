"""Generative adversarial networks in NumPy: [B, features], and the DCGAN BCHW.

Spec, papers: shared/specs/generative/gan.py.
"""

from shared.arrays import Array
from shared.reference.layers.activation import (
    ACTIVATIONS,
    Identity,
    LeakyReLU,
    ReLU,
    Tanh,
)
from shared.reference.layers.convolution import conv, conv_transpose
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import BatchNorm
from shared.reference.layers.pooling import Scalar, Unflatten
from shared.reference.module import Chain, Each, Module, Once, Steps
from shared.specs.base import ConvSpec, ConvTransposeSpec
from shared.specs.generative.gan import DCGANSpec, GANSpec


class Generator(Steps):
    def __init__(self, spec: GANSpec):
        self.hidden = [Linear(*sizes) for sizes in spec.generator_sizes]
        self.fc = Linear(spec.generator[-1], spec.features)
        hidden = (Chain(layer, ReLU()) for layer in self.hidden)
        self.steps = Chain(
            *hidden, self.fc, ACTIVATIONS[spec.output]()
        )  # [B, features]


class Discriminator(Steps):
    def __init__(self, spec: GANSpec):
        self.hidden = [Linear(*sizes) for sizes in spec.discriminator_sizes]
        self.dropout = Dropout(spec.dropout)
        self.fc = Linear(spec.discriminator[-1], 1)
        hidden = (
            Chain(layer, LeakyReLU(spec.slope), Once(self.dropout))
            for layer in self.hidden
        )
        self.steps = Chain(*hidden, self.fc, Scalar())  # [B]


class GAN(Module):
    """The discriminator sees images, then samples: what a sample is asked for comes
    from its score and from itself."""

    def __init__(self, spec: GANSpec):
        self.generator: Steps = Generator(spec)
        self.discriminator: Steps = Discriminator(spec)
        self.each = Each(self.discriminator)

    def forward(self, image: Array, z: Array) -> tuple[Array, Array, Array]:
        sample = self.generator(z)
        of_image, of_sample = self.each(image, sample)
        return of_image, of_sample, sample

    def backward(self, *gradients: Array) -> tuple[Array, Array]:
        of_image, of_sample, g = gradients
        image, sample = self.each.backward(of_image, of_sample)
        return image, self.generator.backward(sample + g)

    def sample(self, z: Array) -> Array:
        found: Array = self.generator(z)
        return found

    def sample_backward(self, g: Array) -> Array:
        return self.generator.backward(g)


class Up(Steps):
    def __init__(self, c: ConvTransposeSpec, spec: DCGANSpec):
        self.conv = conv_transpose(c)
        self.norm = BatchNorm(c.c_out, spec.bn_eps, spec.bn_decay)
        self.steps = Chain(self.conv, self.norm, ReLU())


class Down(Steps):
    def __init__(self, c: ConvSpec, normed: bool, spec: DCGANSpec):
        self.conv = conv(c)
        self.norm = BatchNorm(c.c_out, spec.bn_eps, spec.bn_decay) if normed else None
        normalize = Identity() if self.norm is None else self.norm
        self.steps = Chain(self.conv, normalize, LeakyReLU(spec.slope))


class ConvGenerator(Steps):
    """Radford et al. 2015, figure 1."""

    def __init__(self, spec: DCGANSpec):
        self.stem = Up(spec.stem, spec)
        self.ups = [Up(c, spec) for c in spec.ups]
        self.out = conv_transpose(spec.generator_out)
        self.steps = Chain(
            Unflatten((spec.latent, 1, 1)),
            self.stem,  # [B, widths[-1], 4, 4]
            *self.ups,
            self.out,
            Tanh(),  # [B, channels, image_size, image_size]
        )


class ConvDiscriminator(Steps):
    def __init__(self, spec: DCGANSpec):
        pairs = zip(spec.downs, spec.normed, strict=True)
        self.downs = [Down(c, normed, spec) for c, normed in pairs]
        self.out = conv(spec.discriminator_out)
        self.steps = Chain(*self.downs, self.out, Scalar())  # [B]


class DCGAN(GAN):
    def __init__(self, spec: DCGANSpec):
        self.generator = ConvGenerator(spec)
        self.discriminator = ConvDiscriminator(spec)
        self.each = Each(self.discriminator)
