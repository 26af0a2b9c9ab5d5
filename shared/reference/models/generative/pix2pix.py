"""pix2pix in NumPy, BCHW.

Spec, names, paper: shared/specs/generative/pix2pix.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Identity, LeakyReLU, ReLU, Tanh
from shared.reference.layers.convolution import conv, conv_transpose
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.normalization import BatchNorm
from shared.reference.module import Chain, Each, Module, Steps
from shared.specs.generative.pix2pix import DownSpec, Pix2PixSpec, UpSpec


class Down(Steps):
    def __init__(self, s: DownSpec, spec: Pix2PixSpec):
        norm = BatchNorm(s.conv.c_out, spec.bn_eps, spec.bn_decay)
        self.conv = conv(s.conv)
        self.norm = norm if s.normed else None
        self.steps = Chain(
            LeakyReLU(0.2) if s.active else Identity(),
            self.conv,
            self.norm or Identity(),
        )


class Up(Steps):
    def __init__(self, s: UpSpec, spec: Pix2PixSpec):
        self.conv = conv_transpose(s.conv)
        self.norm = BatchNorm(s.conv.c_out, spec.bn_eps, spec.bn_decay)
        self.dropout = Dropout(s.dropout)
        self.steps = Chain(ReLU(), self.conv, self.norm, self.dropout)


class Generator(Module):
    """Figure 3, the U-Net. What is kept has a gradient from beside and from below."""

    def __init__(self, spec: Pix2PixSpec):
        self.downs = [Down(s, spec) for s in spec.downs]
        self.ups = [Up(s, spec) for s in spec.ups]
        self.out = conv_transpose(spec.out)
        self.last = Chain(ReLU(), self.out, Tanh())

    def forward(self, x: Array) -> Array:
        kept = []
        for down in self.downs:
            x = down(x)
            kept.append(x)
        kept.pop()
        for up in self.ups:
            x = np.concatenate([kept.pop(), up(x)], 1)
        found: Array = self.last(x)
        return found

    def backward(self, g: Array) -> Array:
        g, beside = self.last.backward(g), []
        for up in reversed(self.ups):
            of_kept, of_below = np.split(g, 2, 1)
            beside.append(of_kept)
            g = up.backward(of_below)
        g = self.downs[-1].backward(g)
        for down in reversed(self.downs[:-1]):
            g = down.backward(g + beside.pop())
        return g


class Discriminator(Module):
    """Scores each patch of a pair (section 3.2.2)."""

    def __init__(self, spec: Pix2PixSpec):
        self.channels = spec.channels
        self.downs: Any = [Down(s, spec) for s in spec.discriminator]
        self.steps = Chain(*self.downs)

    def forward(self, both: tuple[Array, Array]) -> Array:
        return self.steps(np.concatenate(both, 1))

    def backward(self, g: Array) -> tuple[Array, Array]:
        g = self.steps.backward(g)
        return g[:, : self.channels], g[:, self.channels :]


class Pix2Pix(Module):
    """The critic sees given pictures, then what is made."""

    def __init__(self, spec: Pix2PixSpec):
        self.generator = Generator(spec)
        self.discriminator = Discriminator(spec)
        self.each = Each(self.discriminator)

    def forward(self, image: Array, picture: Array) -> tuple[Array, Array, Array]:
        made = self.generator(image)
        of_picture, of_made = self.each((image, picture), (image, made))
        return of_picture, of_made, made

    def backward(
        self, of_picture: Array, of_made: Array, g: Array
    ) -> tuple[Array, Array]:
        found = self.each.backward(of_picture, of_made)
        (of_image, of_given), (of_again, of_own) = found
        of_generator = self.generator.backward(of_own + g)
        return of_image + of_again + of_generator, of_given

    def translate(self, image: Array) -> Array:
        found: Array = self.generator(image)
        return found

    def translate_backward(self, g: Array) -> Array:
        return self.generator.backward(g)
