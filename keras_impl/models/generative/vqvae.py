"""The vector-quantised autoencoder in Keras 3, BHWC.

Spec, names, paper: shared/specs/generative/vqvae.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Embedding, SpecModel, conv, conv_transpose
from keras_impl.precision import exact, full
from shared.specs.generative.vqvae import VQVAESpec


class Block(keras.Layer):
    def __init__(self, spec: VQVAESpec):
        super().__init__()
        first, second = spec.block
        self.conv1 = conv(first)
        self.conv2 = conv(second)

    def call(self, x: KerasTensor) -> KerasTensor:
        return x + self.conv2(ops.relu(self.conv1(ops.relu(x))))


class Encoder(keras.Layer):
    def __init__(self, spec: VQVAESpec):
        super().__init__()
        self.convs = [conv(c) for c in spec.encoder]
        self.conv = conv(spec.encoder_conv)
        self.blocks = [Block(spec) for _ in range(spec.blocks)]
        self.out = conv(spec.encoder_out)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.convs:
            x = ops.relu(layer(x))  # [B, H/2, W/2, width]
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        return full(self.out(ops.relu(x)))  # [B, rows, columns, code_width]


class Decoder(keras.Layer):
    def __init__(self, spec: VQVAESpec):
        super().__init__()
        self.conv = conv(spec.decoder_conv)
        self.blocks = [Block(spec) for _ in range(spec.blocks)]
        self.convs = [conv_transpose(c) for c in spec.decoder]
        self.out = conv_transpose(spec.decoder_out)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        x = ops.relu(x)
        for layer in self.convs:
            x = ops.relu(layer(x))  # [B, 2H, 2W, width]
        return self.out(x)  # [B, H, W, channels]


class VQVAE(SpecModel):
    """Figure 1."""

    def __init__(self, spec: VQVAESpec):
        super().__init__(spec)
        self.encoder = Encoder(spec)
        self.codebook = Embedding(spec.codes, spec.code_width)
        self.decoder = Decoder(spec)

    def call(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        code = self.encoder(image)
        numbers, _ = self.numbers(code)
        nearest = self.read(numbers)
        passed = code + ops.stop_gradient(nearest - code)  # straight through
        return self.decoder(passed), code, nearest

    def numbers(self, code: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Give the nearest row of each place (equation 1), and by how much it is."""
        rows = ops.reshape(ops.stop_gradient(code), (-1, self.spec.code_width))
        rows, table = exact((rows, ops.stop_gradient(self.codebook.embeddings)))
        products = 2 * rows @ ops.transpose(table)
        near = products - ops.sum(ops.square(table), 1)  # |code|^2 all share
        best, second = ops.unstack(ops.top_k(near, 2)[0], axis=1)
        shape = (-1, *self.spec.size)
        numbers = ops.reshape(ops.argmax(near, 1), shape)
        return numbers, ops.reshape(best - second, shape)

    def read(self, numbers: KerasTensor) -> KerasTensor:
        return full(self.codebook(numbers))

    def encode(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        return self.numbers(self.encoder(image))

    def decode(self, numbers: KerasTensor) -> KerasTensor:
        return self.decoder(self.read(numbers))

    def reconstruct(self, image: KerasTensor) -> KerasTensor:
        numbers, _ = self.encode(image)
        return self.decode(numbers)
