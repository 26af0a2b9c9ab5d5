"""U-Net in NumPy, BCHW.

Spec, names, paper: shared/specs/vision/unet.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Identity, ReLU
from shared.reference.layers.convolution import conv, conv_transpose
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.normalization import BatchNorm
from shared.reference.layers.pooling import MaxPool2d
from shared.reference.module import Chain, Module, Steps
from shared.specs.vision.unet import BlockSpec, UNetSpec, UpSpec


class Block(Steps):
    """Two blue arrows of figure 1."""

    def __init__(self, s: BlockSpec, spec: UNetSpec):
        c1, c2 = s.convs
        norms: list[Any] = [
            BatchNorm(c.c_out, spec.bn_eps, spec.bn_decay)
            if spec.batch_norm
            else Identity()
            for c in s.convs
        ]
        self.conv1, self.norm1 = conv(c1), norms[0]
        self.conv2, self.norm2 = conv(c2), norms[1]
        self.dropout = Dropout(s.dropout)
        first = Chain(self.conv1, self.norm1, ReLU())
        second = Chain(self.conv2, self.norm2, ReLU())
        self.steps = Chain(first, second, self.dropout)  # [B, width, H, W]


class Up(Module):
    """A green arrow and a grey one, copy and crop, then a block. Of the gradient of
    both side by side each has its channels; what was cropped away has none."""

    def __init__(self, s: UpSpec, spec: UNetSpec):
        self.up = conv_transpose(s.up)
        self.block = Block(s.block, spec)
        rows, columns = s.size
        self.middle = (
            slice(None),
            slice(None),
            slice(s.top, s.top + rows),
            slice(s.left, s.left + columns),
        )

    def forward(self, x: Array, copied: Array) -> Array:
        self.shape = copied.shape
        x = np.concatenate([copied[self.middle], self.up(x)], 1)
        found: Array = self.block(x)
        return found

    def backward(self, g: Array) -> tuple[Array, Array]:
        g = self.block.backward(g)
        copied = np.zeros_like(g, shape=self.shape)
        copied[self.middle] = g[:, : self.shape[1]]
        return self.up.backward(g[:, self.shape[1] :]), copied


class UNet(Module):
    """Figure 1. What is copied has a gradient from beside and one from below."""

    def __init__(self, spec: UNetSpec):
        self.encoder = [Block(s, spec) for s in spec.encoder]
        self.decoder = [Up(s, spec) for s in spec.decoder]
        self.out = conv(spec.out)
        self.pools = [MaxPool2d(spec.pool) for _ in spec.decoder]

    def forward(self, image: Array) -> Array:
        top, *levels = self.encoder
        x, copied = top(image), []
        for pool, level in zip(self.pools, levels, strict=True):
            copied.append(x)
            x = level(pool(x))  # [B, width, H/2, W/2]
        for up in self.decoder:
            x = up(x, copied.pop())
        return self.out(x).transpose(0, 2, 3, 1)  # [B, rows, columns, classes]

    def backward(self, g: Array) -> Array:
        g = self.out.backward(g.transpose(0, 3, 1, 2))
        beside = []
        for up in reversed(self.decoder):
            g, copied = up.backward(g)
            beside.append(copied)
        top, *levels = self.encoder
        for pool, level in list(zip(self.pools, levels, strict=True))[::-1]:
            g = pool.backward(level.backward(g)) + beside.pop()
        return top.backward(g)

    def segment(self, image: Array) -> tuple[Array, Array]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image)
        ordered = np.sort(logits, -1)
        return logits.argmax(-1), ordered[..., -1] - ordered[..., -2]
