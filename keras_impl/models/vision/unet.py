"""U-Net in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/unet.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    MapDropout,
    SpecModel,
    conv,
    conv_transpose,
    max_pool,
    norm,
)
from shared.specs.vision.unet import BlockSpec, UNetSpec, UpSpec


class Block(keras.Layer):
    """Two blue arrows of figure 1."""

    def __init__(self, s: BlockSpec, spec: UNetSpec):
        super().__init__()
        c1, c2 = s.convs
        self.conv1 = conv(c1)
        self.norm1 = norm(c1.c_out, spec) if spec.batch_norm else None
        self.conv2 = conv(c2)
        self.norm2 = norm(c2.c_out, spec) if spec.batch_norm else None
        self.dropout = MapDropout(s.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.conv1(x)
        x = ops.relu(x if self.norm1 is None else self.norm1(x))  # [B, H, W, width]
        x = self.conv2(x)
        x = ops.relu(x if self.norm2 is None else self.norm2(x))
        return self.dropout(x)


class Up(keras.Layer):
    """A green arrow and a grey one, copy and crop, then a block."""

    def __init__(self, s: UpSpec, spec: UNetSpec):
        super().__init__()
        self.s = s
        self.up = conv_transpose(s.up)
        self.block = Block(s.block, spec)

    def call(self, x: KerasTensor, copied: KerasTensor) -> KerasTensor:
        s, (rows, columns) = self.s, self.s.size
        middle = copied[:, s.top : s.top + rows, s.left : s.left + columns]
        x = ops.concatenate([middle, self.up(x)], -1)  # [B, 2H, 2W, 2 * width]
        return self.block(x)


class UNet(SpecModel):
    """Figure 1."""

    def __init__(self, spec: UNetSpec):
        super().__init__(spec)
        self.encoder = [Block(s, spec) for s in spec.encoder]
        self.decoder = [Up(s, spec) for s in spec.decoder]
        self.out = conv(spec.out)

    def call(self, image: KerasTensor) -> KerasTensor:
        top, *levels = self.encoder
        x, copied = top(image), []
        for level in levels:
            copied.append(x)
            x = level(max_pool(x, self.spec.pool))  # [B, H/2, W/2, width]
        for up in self.decoder:
            x = up(x, copied.pop())
        return self.out(x)  # [B, rows, columns, classes]

    def segment(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image, training=False)
        best, next_best = ops.unstack(ops.top_k(logits, 2)[0], axis=-1)
        return ops.argmax(logits, -1), best - next_best
