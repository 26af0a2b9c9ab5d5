"""The vector-quantised autoencoder in NumPy, BCHW.

Spec, names, paper: shared/specs/generative/vqvae.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU
from shared.reference.layers.convolution import conv, conv_transpose
from shared.reference.layers.embedding import Embedding
from shared.reference.module import Chain, Module, Steps
from shared.specs.generative.vqvae import VQVAESpec


class Block(Module):
    def __init__(self, spec: VQVAESpec):
        first, second = spec.block
        self.conv1 = conv(first)
        self.conv2 = conv(second)
        self.steps = Chain(ReLU(), self.conv1, ReLU(), self.conv2)

    def forward(self, x: Array) -> Array:
        return x + self.steps(x)

    def backward(self, g: Array) -> Array:
        return g + self.steps.backward(g)


class Encoder(Steps):
    def __init__(self, spec: VQVAESpec):
        self.convs: Any = [conv(c) for c in spec.encoder]
        self.conv = conv(spec.encoder_conv)
        self.blocks: Any = [Block(spec) for _ in range(spec.blocks)]
        self.out = conv(spec.encoder_out)
        halved = (Chain(layer, ReLU()) for layer in self.convs)
        self.steps = Chain(*halved, self.conv, *self.blocks, ReLU(), self.out)


class Decoder(Steps):
    def __init__(self, spec: VQVAESpec):
        self.conv = conv(spec.decoder_conv)
        self.blocks: Any = [Block(spec) for _ in range(spec.blocks)]
        self.convs: Any = [conv_transpose(c) for c in spec.decoder]
        self.out = conv_transpose(spec.decoder_out)
        doubled = (Chain(layer, ReLU()) for layer in self.convs)
        self.steps = Chain(self.conv, *self.blocks, ReLU(), *doubled, self.out)


class VQVAE(Module):
    """Figure 1. What is decoded is code + (nearest - code), the second term being held
    for a constant: its gradient is the code's (section 3.2), and the table's is that of
    `nearest` alone."""

    def __init__(self, spec: VQVAESpec):
        self.spec = spec
        self.encoder = Encoder(spec)
        self.codebook = Embedding(spec.codes, spec.code_width)
        self.decoder = Decoder(spec)

    def forward(self, image: Array) -> tuple[Array, Array, Array]:
        code = self.encoder(image)
        numbers, _ = self.numbers(code)
        nearest = self.read(numbers)
        passed = code + self.constant(nearest - code)
        return self.decoder(passed), code, nearest

    def backward(self, g: Array, of_code: Array, of_nearest: Array) -> Array:
        self.codebook.backward(of_nearest.transpose(0, 2, 3, 1))
        return self.encoder.backward(of_code + self.decoder.backward(g))

    def constant(self, step: Array) -> Array:
        return step

    def numbers(self, code: Array) -> tuple[Array, Array]:
        """Give the nearest row of each place (equation 1), and by how much it is."""
        apart = code.transpose(0, 2, 3, 1)[..., None, :] - self.codebook.weight.value
        far = np.square(apart).sum(-1)  # [B, rows, columns, codes]
        best, second = np.moveaxis(np.sort(far)[..., :2], -1, 0)
        return far.argmin(-1), second - best

    def read(self, numbers: Array) -> Array:
        found: Array = self.codebook(numbers).transpose(0, 3, 1, 2)
        return found

    def encode(self, image: Array) -> tuple[Array, Array]:
        return self.numbers(self.encoder(image))

    def decode(self, numbers: Array) -> Array:
        found: Array = self.decoder(self.read(numbers))
        return found

    def decode_backward(self, g: Array) -> None:
        self.codebook.backward(self.decoder.backward(g).transpose(0, 2, 3, 1))

    def reconstruct(self, image: Array) -> Array:
        numbers, _ = self.encode(image)
        return self.decode(numbers)
