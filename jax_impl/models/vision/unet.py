"""U-Net in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/unet.py.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import MapDropout, conv, conv_transpose, max_pool, norm
from shared.specs.vision.unet import BlockSpec, UNetSpec, UpSpec


class Block(nnx.Module):
    """Two blue arrows of figure 1."""

    def __init__(self, s: BlockSpec, spec: UNetSpec, *, rngs: nnx.Rngs):
        c1, c2 = s.convs
        self.conv1 = conv(c1, rngs=rngs)
        self.norm1 = norm(c1.c_out, spec, rngs=rngs) if spec.batch_norm else None
        self.conv2 = conv(c2, rngs=rngs)
        self.norm2 = norm(c2.c_out, spec, rngs=rngs) if spec.batch_norm else None
        self.dropout = MapDropout(s.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.conv1(x)
        x = nnx.relu(x if self.norm1 is None else self.norm1(x))  # [B, H, W, width]
        x = self.conv2(x)
        x = nnx.relu(x if self.norm2 is None else self.norm2(x))
        return self.dropout(x)


class Up(nnx.Module):
    """A green arrow and a grey one, copy and crop, then a block."""

    def __init__(self, s: UpSpec, spec: UNetSpec, *, rngs: nnx.Rngs):
        self.s = s
        self.up = conv_transpose(s.up, rngs=rngs)
        self.block = Block(s.block, spec, rngs=rngs)

    def __call__(self, x: Array, copied: Array) -> Array:
        s, (rows, columns) = self.s, self.s.size
        middle = copied[:, s.top : s.top + rows, s.left : s.left + columns]
        x = jnp.concatenate([middle, self.up(x)], -1)  # [B, 2H, 2W, 2 * width]
        return self.block(x)


class UNet(nnx.Module):
    """Figure 1."""

    def __init__(self, spec: UNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.encoder = nnx.List(Block(s, spec, rngs=rngs) for s in spec.encoder)
        self.decoder = nnx.List(Up(s, spec, rngs=rngs) for s in spec.decoder)
        self.out = conv(spec.out, rngs=rngs)

    def __call__(self, image: Array) -> Array:
        top, *levels = self.encoder
        x, copied = top(image), []
        for level in levels:
            copied.append(x)
            x = level(max_pool(x, self.spec.pool))  # [B, H/2, W/2, width]
        for up in self.decoder:
            x = up(x, copied.pop())
        return self.out(x)  # [B, rows, columns, classes]

    def segment(self, image: Array) -> tuple[Array, Array]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image)
        best, next_best = jnp.unstack(jax.lax.top_k(logits, 2)[0], axis=-1)
        return logits.argmax(-1), best - next_best
