"""MLP-Mixer in Keras 3, [B, T, width].

Spec, names, paper: shared/specs/vision/mlp_mixer.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Dense,
    Dropout,
    DropPath,
    LayerNormalization,
    SpecModel,
    conv,
    gelu,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.mlp_mixer import MLPMixerSpec


def norm(spec: MLPMixerSpec) -> LayerNormalization:
    return LayerNormalization(spec.width, epsilon=spec.ln_eps)


class PatchEmbed(keras.Layer):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        super().__init__()
        self.proj = conv(c)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.proj(x)
        return ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))


class MLP(keras.Layer):
    def __init__(self, width: int, inner: int, dropout: float):
        super().__init__()
        self.fc1 = Dense(width, inner)
        self.drop1 = Dropout(dropout)
        self.fc2 = Dense(inner, width)
        self.drop2 = Dropout(dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.drop1(gelu(self.fc1(x)))
        return self.drop2(self.fc2(x))


class Block(keras.Layer):
    def __init__(self, spec: MLPMixerSpec, drop_paths: tuple[float, float]):
        super().__init__()
        over_tokens, over_channels = drop_paths
        self.norm1 = norm(spec)
        self.mlp_tokens = MLP(spec.tokens, spec.tokens_width, spec.dropout)
        self.drop_path1 = DropPath(over_tokens)
        self.norm2 = norm(spec)
        self.mlp_channels = MLP(spec.width, spec.channels_width, spec.dropout)
        self.drop_path2 = DropPath(over_channels)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.mlp_tokens(ops.swapaxes(self.norm1(x), 1, 2))  # [B, width, T]
        x = x + self.drop_path1(ops.swapaxes(y, 1, 2))
        return x + self.drop_path2(self.mlp_channels(self.norm2(x)))


class MLPMixer(SpecModel):
    def __init__(self, spec: MLPMixerSpec):
        super().__init__(spec)
        self.stem = PatchEmbed(spec.stem)
        self.blocks = [Block(spec, rates) for rates in spec.drop_paths]
        self.norm = norm(spec)
        self.head = Dense(spec.width, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.stem(x)  # [B, T, width]
        for block in self.blocks:
            x = block(x)
        return self.head(ops.mean(self.norm(x), 1))  # [B, num_classes]
