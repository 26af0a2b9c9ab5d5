"""pix2pix in Keras 3, BHWC.

Spec, names, paper: shared/specs/generative/pix2pix.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    MapDropout,
    SpecModel,
    conv,
    conv_transpose,
    leaky_relu,
    norm,
)
from shared.specs.generative.pix2pix import DownSpec, Pix2PixSpec, UpSpec


class Down(keras.Layer):
    def __init__(self, s: DownSpec, spec: Pix2PixSpec):
        super().__init__()
        self.active = s.active
        self.conv = conv(s.conv)
        self.norm = norm(s.conv.c_out, spec) if s.normed else None

    def call(self, x: KerasTensor) -> KerasTensor:
        if self.active:
            x = leaky_relu(x, 0.2)
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)


class Up(keras.Layer):
    def __init__(self, s: UpSpec, spec: Pix2PixSpec):
        super().__init__()
        self.conv = conv_transpose(s.conv)
        self.norm = norm(s.conv.c_out, spec)
        self.dropout = MapDropout(s.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.dropout(self.norm(self.conv(ops.relu(x))))


class Generator(keras.Layer):
    """Figure 3, the U-Net."""

    def __init__(self, spec: Pix2PixSpec):
        super().__init__()
        self.downs = [Down(s, spec) for s in spec.downs]
        self.ups = [Up(s, spec) for s in spec.ups]
        self.out = conv_transpose(spec.out)

    def call(self, x: KerasTensor) -> KerasTensor:
        kept = []
        for down in self.downs:
            x = down(x)  # [B, H/2, W/2, width]
            kept.append(x)
        kept.pop()
        for up in self.ups:
            x = ops.concatenate([kept.pop(), up(x)], -1)  # [B, 2H, 2W, 2 * width]
        return ops.tanh(self.out(ops.relu(x)))  # [B, H, W, c_out]


class Discriminator(keras.Layer):
    """Scores each patch of a pair (section 3.2.2)."""

    def __init__(self, spec: Pix2PixSpec):
        super().__init__()
        self.downs = [Down(s, spec) for s in spec.discriminator]

    def call(self, image: KerasTensor, picture: KerasTensor) -> KerasTensor:
        x = ops.concatenate([image, picture], -1)
        for down in self.downs:
            x = down(x)
        return x  # [B, rows, columns, 1]


class Pix2Pix(SpecModel):
    def __init__(self, spec: Pix2PixSpec):
        super().__init__(spec)
        self.generator = Generator(spec)
        self.discriminator = Discriminator(spec)

    def call(
        self, image: KerasTensor, picture: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        made = self.generator(image)
        of_picture = self.discriminator(image, picture)
        return of_picture, self.discriminator(image, made), made

    def translate(self, image: KerasTensor) -> KerasTensor:
        return self.generator(image, training=False)
