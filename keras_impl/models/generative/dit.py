"""The diffusion Transformer in Keras 3: pictures BHWC, inside [B, T, width].

Spec, names, paper: shared/specs/generative/dit.py.
"""

import keras
from keras import KerasTensor, config, ops

from keras_impl.layers import (
    Attention,
    Dense,
    Embedding,
    SpecModel,
    by_ddim,
    by_ddpm,
    conv,
    gelu_tanh,
    guided,
    standardized,
)
from shared.specs.base import ConvSpec
from shared.specs.generative.dit import DiTSpec


def modulated(
    x: KerasTensor, shift: KerasTensor, scale: KerasTensor, spec: DiTSpec
) -> KerasTensor:
    """Scale and shift each sample's tokens, whose norm has no weights."""
    return standardized(x, spec.ln_eps) * (1 + scale) + shift


class PatchEmbed(keras.Layer):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        super().__init__()
        self.proj = conv(c)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.proj(x)
        return ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))


class Time(keras.Layer):
    """A vector for each time."""

    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.fc1 = Dense(spec.waves, spec.width)
        self.fc2 = Dense(spec.width, spec.width)

    def call(self, time: KerasTensor) -> KerasTensor:
        real = config.floatx()
        frequencies = ops.convert_to_tensor(self.spec.frequencies, real)
        angles = ops.cast(time, real)[:, None] * frequencies
        x = ops.concatenate([ops.cos(angles), ops.sin(angles)], -1)  # [B, waves]
        return self.fc2(ops.silu(self.fc1(x)))  # [B, width]


class SelfAttention(keras.Layer):
    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.qkv = Dense(spec.width, spec.qkv_width)
        self.attend = Attention(0.0, causal=False)
        self.proj = Dense(spec.width, spec.width)

    def call(self, x: KerasTensor) -> KerasTensor:
        s = self.spec
        qkv = ops.reshape(self.qkv(x), (-1, s.tokens, 3, s.heads, s.head_width))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        q, k, v = ops.unstack(qkv, 3)  # [B, heads, T, head_width] each
        y = ops.swapaxes(self.attend(q, k, v), 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, s.tokens, s.width))
        return self.proj(y)  # [B, T, width]


class MLP(keras.Layer):
    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.fc1 = Dense(spec.width, spec.mlp_width)
        self.fc2 = Dense(spec.mlp_width, spec.width)

    def call(self, x: KerasTensor) -> KerasTensor:
        return self.fc2(gelu_tanh(self.fc1(x)))


class Block(keras.Layer):
    """Figure 3: adaLN-Zero."""

    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.attn = SelfAttention(spec)
        self.mlp = MLP(spec)
        self.modulation = Dense(spec.width, spec.block_modulation)

    def call(self, x: KerasTensor, c: KerasTensor) -> KerasTensor:
        m = self.modulation(ops.silu(c))[:, None]  # [B, 1, 6 * width]
        shift1, scale1, gate1, shift2, scale2, gate2 = ops.split(m, 6, -1)
        x = x + gate1 * self.attn(modulated(x, shift1, scale1, self.spec))
        return x + gate2 * self.mlp(modulated(x, shift2, scale2, self.spec))


class Head(keras.Layer):
    """Makes of each token a patch of the noise and of the variance."""

    def __init__(self, spec: DiTSpec):
        super().__init__()
        self.spec = spec
        self.modulation = Dense(spec.width, spec.head_modulation)
        self.linear = Dense(spec.width, spec.said_width)

    def call(self, x: KerasTensor, c: KerasTensor) -> KerasTensor:
        s = self.spec
        m = self.modulation(ops.silu(c))[:, None]
        shift, scale = ops.split(m, 2, -1)
        x = self.linear(modulated(x, shift, scale, s))
        shape = (-1, s.side, s.side, s.patch, s.patch, s.said_channels)
        x = ops.transpose(ops.reshape(x, shape), (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, s.image_size, s.image_size, s.said_channels))


class DiT(SpecModel):
    def __init__(self, spec: DiTSpec):
        super().__init__(spec)
        self.patch_embed = PatchEmbed(spec.patch_embed)
        self.time = Time(spec)
        self.label = Embedding(spec.labels, spec.width)
        self.blocks = [Block(spec) for _ in range(spec.depth)]
        self.head = Head(spec)

    def call(
        self, image: KerasTensor, label: KerasTensor, time: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        x = self.patch_embed(image)
        x = x + ops.convert_to_tensor(self.spec.positions, x.dtype)
        c = self.time(time) + self.label(label)
        for block in self.blocks:
            x = block(x, c)
        noise, variance = ops.split(self.head(x, c), 2, -1)
        return noise, variance

    def seen(
        self, image: KerasTensor, label: KerasTensor, time: KerasTensor
    ) -> KerasTensor:
        noise, _ = self(image, label, time, training=False)
        return noise

    def sample(
        self, label: KerasTensor, noise: KerasTensor, normals: KerasTensor
    ) -> KerasTensor:
        return by_ddpm(self.spec, guided(self.spec, self.seen, label), noise, normals)

    def sample_ddim(self, label: KerasTensor, noise: KerasTensor) -> KerasTensor:
        return by_ddim(self.spec, guided(self.spec, self.seen, label), noise)
