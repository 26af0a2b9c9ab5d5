"""Generative adversarial networks in JAX (Flax NNX): [B, features], and the DCGAN BHWC.

Spec, papers: shared/specs/generative/gan.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import (
    ACTIVATIONS,
    Dropout,
    Linear,
    conv,
    conv_transpose,
    leaky_relu,
    norm,
)
from shared.specs.base import ConvSpec, ConvTransposeSpec
from shared.specs.generative.gan import DCGANSpec, GANSpec


class Generator(nnx.Module):
    def __init__(self, spec: GANSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(Linear(*s, rngs=rngs) for s in spec.generator_sizes)
        self.fc = Linear(spec.generator[-1], spec.features, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        for layer in self.hidden:
            z = nnx.relu(layer(z))
        return ACTIVATIONS[self.spec.output](self.fc(z))  # [B, features]


class Discriminator(nnx.Module):
    def __init__(self, spec: GANSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.hidden = nnx.List(Linear(*s, rngs=rngs) for s in spec.discriminator_sizes)
        self.dropout = Dropout(spec.dropout, rngs=rngs)
        self.fc = Linear(spec.discriminator[-1], 1, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.hidden:
            x = self.dropout(leaky_relu(layer(x), self.spec.slope))
        return self.fc(x).reshape(-1)  # [B]


class GAN(nnx.Module):
    def __init__(self, spec: GANSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.generator = Generator(spec, rngs=rngs)
        self.discriminator = Discriminator(spec, rngs=rngs)

    def __call__(self, image: Array, z: Array) -> tuple[Array, Array, Array]:
        sample = self.generator(z)
        return self.discriminator(image), self.discriminator(sample), sample

    def sample(self, z: Array) -> Array:
        return self.generator(z)


class Up(nnx.Module):
    def __init__(self, c: ConvTransposeSpec, spec: DCGANSpec, *, rngs: nnx.Rngs):
        self.conv = conv_transpose(c, rngs=rngs)
        self.norm = norm(c.c_out, spec, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return nnx.relu(self.norm(self.conv(x)))


class Down(nnx.Module):
    def __init__(self, c: ConvSpec, normed: bool, spec: DCGANSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.conv = conv(c, rngs=rngs)
        self.norm = norm(c.c_out, spec, rngs=rngs) if normed else None

    def __call__(self, x: Array) -> Array:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return leaky_relu(x, self.spec.slope)


class ConvGenerator(nnx.Module):
    """Radford et al. 2015, figure 1."""

    def __init__(self, spec: DCGANSpec, *, rngs: nnx.Rngs):
        self.stem = Up(spec.stem, spec, rngs=rngs)
        self.ups = nnx.List(Up(c, spec, rngs=rngs) for c in spec.ups)
        self.out = conv_transpose(spec.generator_out, rngs=rngs)

    def __call__(self, z: Array) -> Array:
        x = self.stem(z[:, None, None, :])  # [B, 4, 4, widths[-1]]
        for up in self.ups:
            x = up(x)
        return nnx.tanh(self.out(x))  # [B, image_size, image_size, channels]


class ConvDiscriminator(nnx.Module):
    def __init__(self, spec: DCGANSpec, *, rngs: nnx.Rngs):
        pairs = zip(spec.downs, spec.normed, strict=True)
        self.downs = nnx.List(Down(c, normed, spec, rngs=rngs) for c, normed in pairs)
        self.out = conv(spec.discriminator_out, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for down in self.downs:
            x = down(x)
        return self.out(x).reshape(-1)  # [B]


class DCGAN(nnx.Module):
    def __init__(self, spec: DCGANSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.generator = ConvGenerator(spec, rngs=rngs)
        self.discriminator = ConvDiscriminator(spec, rngs=rngs)

    def __call__(self, image: Array, z: Array) -> tuple[Array, Array, Array]:
        sample = self.generator(z)
        return self.discriminator(image), self.discriminator(sample), sample

    def sample(self, z: Array) -> Array:
        return self.generator(z)
