"""pix2pix in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/generative/pix2pix.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import MapDropout, conv, conv_transpose, leaky_relu, norm
from shared.specs.generative.pix2pix import DownSpec, Pix2PixSpec, UpSpec


class Down(nnx.Module):
    def __init__(self, s: DownSpec, spec: Pix2PixSpec, *, rngs: nnx.Rngs):
        self.active = s.active
        self.conv = conv(s.conv, rngs=rngs)
        self.norm = norm(s.conv.c_out, spec, rngs=rngs) if s.normed else None

    def __call__(self, x: Array) -> Array:
        if self.active:
            x = leaky_relu(x, 0.2)
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)


class Up(nnx.Module):
    def __init__(self, s: UpSpec, spec: Pix2PixSpec, *, rngs: nnx.Rngs):
        self.conv = conv_transpose(s.conv, rngs=rngs)
        self.norm = norm(s.conv.c_out, spec, rngs=rngs)
        self.dropout = MapDropout(s.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return self.dropout(self.norm(self.conv(nnx.relu(x))))


class Generator(nnx.Module):
    """Figure 3, the U-Net."""

    def __init__(self, spec: Pix2PixSpec, *, rngs: nnx.Rngs):
        self.downs = nnx.List(Down(s, spec, rngs=rngs) for s in spec.downs)
        self.ups = nnx.List(Up(s, spec, rngs=rngs) for s in spec.ups)
        self.out = conv_transpose(spec.out, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        kept = []
        for down in self.downs:
            x = down(x)  # [B, H/2, W/2, width]
            kept.append(x)
        kept.pop()
        for up in self.ups:
            x = jnp.concatenate([kept.pop(), up(x)], -1)  # [B, 2H, 2W, 2 * width]
        return nnx.tanh(self.out(nnx.relu(x)))  # [B, H, W, c_out]


class Discriminator(nnx.Module):
    """Scores each patch of a pair (section 3.2.2)."""

    def __init__(self, spec: Pix2PixSpec, *, rngs: nnx.Rngs):
        self.downs = nnx.List(Down(s, spec, rngs=rngs) for s in spec.discriminator)

    def __call__(self, image: Array, picture: Array) -> Array:
        x = jnp.concatenate([image, picture], -1)
        for down in self.downs:
            x = down(x)
        return x  # [B, rows, columns, 1]


class Pix2Pix(nnx.Module):
    def __init__(self, spec: Pix2PixSpec, *, rngs: nnx.Rngs):
        self.generator = Generator(spec, rngs=rngs)
        self.discriminator = Discriminator(spec, rngs=rngs)

    def __call__(self, image: Array, picture: Array) -> tuple[Array, Array, Array]:
        made = self.generator(image)
        of_picture = self.discriminator(image, picture)
        return of_picture, self.discriminator(image, made), made

    def translate(self, image: Array) -> Array:
        return self.generator(image)
