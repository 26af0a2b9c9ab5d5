"""The vector-quantised autoencoder in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/generative/vqvae.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array, lax

from jax_impl.layers import Embed, conv, conv_transpose
from jax_impl.precision import exact, full
from shared.specs.generative.vqvae import VQVAESpec


class Block(nnx.Module):
    def __init__(self, spec: VQVAESpec, *, rngs: nnx.Rngs):
        first, second = spec.block
        self.conv1 = conv(first, rngs=rngs)
        self.conv2 = conv(second, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return x + self.conv2(nnx.relu(self.conv1(nnx.relu(x))))


class Encoder(nnx.Module):
    def __init__(self, spec: VQVAESpec, *, rngs: nnx.Rngs):
        self.convs = nnx.List(conv(c, rngs=rngs) for c in spec.encoder)
        self.conv = conv(spec.encoder_conv, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.blocks))
        self.out = conv(spec.encoder_out, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        for layer in self.convs:
            x = nnx.relu(layer(x))  # [B, H/2, W/2, width]
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        return full(self.out(nnx.relu(x)))  # [B, rows, columns, code_width]


class Decoder(nnx.Module):
    def __init__(self, spec: VQVAESpec, *, rngs: nnx.Rngs):
        self.conv = conv(spec.decoder_conv, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rngs=rngs) for _ in range(spec.blocks))
        self.convs = nnx.List(conv_transpose(c, rngs=rngs) for c in spec.decoder)
        self.out = conv_transpose(spec.decoder_out, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv(x)
        for block in self.blocks:
            x = block(x)
        x = nnx.relu(x)
        for layer in self.convs:
            x = nnx.relu(layer(x))  # [B, 2H, 2W, width]
        return self.out(x)  # [B, H, W, channels]


class VQVAE(nnx.Module):
    """Figure 1."""

    def __init__(self, spec: VQVAESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = Encoder(spec, rngs=rngs)
        self.codebook = Embed(spec.codes, spec.code_width, rngs=rngs)
        self.decoder = Decoder(spec, rngs=rngs)

    def __call__(self, image: Array) -> tuple[Array, Array, Array]:
        code = self.encoder(image)
        numbers, _ = self.numbers(code)
        nearest = self.read(numbers)
        passed = code + lax.stop_gradient(nearest - code)  # straight through
        return self.decoder(passed), code, nearest

    def numbers(self, code: Array) -> tuple[Array, Array]:
        """Give the nearest row of each place (equation 1), and by how much it is."""
        rows = lax.stop_gradient(code).reshape(-1, self.spec.code_width)
        rows, table = exact((rows, lax.stop_gradient(self.codebook.embedding[...])))
        near = 2 * rows @ table.T - jnp.square(table).sum(1)  # |code|^2 all share
        best, second = lax.top_k(near, 2)[0].T
        shape = (-1, *self.spec.size)
        numbers = near.argmax(1).reshape(shape)
        return numbers, (best - second).reshape(shape)

    def read(self, numbers: Array) -> Array:
        return full(self.codebook(numbers))

    def encode(self, image: Array) -> tuple[Array, Array]:
        return self.numbers(self.encoder(image))

    def decode(self, numbers: Array) -> Array:
        return self.decoder(self.read(numbers))

    def reconstruct(self, image: Array) -> Array:
        numbers, _ = self.encode(image)
        return self.decode(numbers)
