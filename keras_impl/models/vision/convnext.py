"""ConvNeXt in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/convnext.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    DropPath,
    LayerNormalization,
    SpecModel,
    conv,
    gelu,
)
from shared.specs.vision.convnext import BlockSpec, ConvNeXtSpec, StageSpec


class Block(keras.Layer):
    """A wide depthwise conv, then a narrow MLP turned inside out (fig. 4)."""

    def __init__(self, b: BlockSpec, spec: ConvNeXtSpec):
        super().__init__()
        self.dwconv = conv(b.depthwise)
        self.norm = LayerNormalization(b.width, epsilon=spec.ln_eps)
        self.pwconv1 = Dense(b.width, b.inner)
        self.pwconv2 = Dense(b.inner, b.width)
        self.gamma = self.add_weight((b.width,), "zeros", name="gamma")
        self.drop_path = DropPath(b.drop_path)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.dwconv(x)  # [B, H, W, width]
        y = gelu(self.pwconv1(self.norm(y)))  # [B, H, W, inner]
        y = self.gamma * self.pwconv2(y)  # [B, H, W, width]
        return self.drop_path(y) + x


def downsampling(s: StageSpec, first: bool, spec: ConvNeXtSpec) -> keras.Sequential:
    c = s.downsample
    if first:
        return keras.Sequential([conv(c), LayerNormalization(c.c_out, spec.ln_eps)])
    return keras.Sequential([LayerNormalization(c.c_in, spec.ln_eps), conv(c)])


class ConvNeXt(SpecModel):
    def __init__(self, spec: ConvNeXtSpec):
        super().__init__(spec)
        self.downsample_layers = [
            downsampling(s, i == 0, spec) for i, s in enumerate(spec.stages)
        ]
        self.stages = [
            keras.Sequential([Block(b, spec) for b in s.blocks]) for s in spec.stages
        ]
        self.norm = LayerNormalization(spec.c_out, epsilon=spec.ln_eps)
        self.head = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        for downsample, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(downsample(x))  # [B, H/(4 * 2^i), W/(4 * 2^i), 96 * 2^i]
        return self.head(self.norm(ops.mean(x, (1, 2))))  # [B, num_classes]
