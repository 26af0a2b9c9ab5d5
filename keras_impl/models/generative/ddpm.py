"""Denoising diffusion in Keras 3, BHWC.

Spec, names, paper: shared/specs/generative/ddpm.py.
"""

import keras
from keras import KerasTensor, config, ops

from keras_impl.layers import (
    Attention,
    Dense,
    Embedding,
    MapDropout,
    SpecModel,
    by_ddim,
    by_ddpm,
    conv,
    doubled,
    group_norm,
    guided,
)
from shared.specs.generative.ddpm import (
    BlockSpec,
    DiffusionSpec,
    GuidedDiffusionSpec,
    LevelSpec,
)


class Time(keras.Layer):
    """A vector for each time, by which all blocks know how much noise there is."""

    def __init__(self, spec: DiffusionSpec):
        super().__init__()
        self.spec = spec
        self.fc1 = Dense(spec.widths[0], spec.time_width)
        self.fc2 = Dense(spec.time_width, spec.time_width)

    def call(self, time: KerasTensor) -> KerasTensor:
        real = config.floatx()
        frequencies = ops.convert_to_tensor(self.spec.frequencies, real)
        angles = ops.cast(time, real)[:, None] * frequencies
        x = ops.concatenate([ops.sin(angles), ops.cos(angles)], -1)  # [B, widths[0]]
        return self.fc2(ops.silu(self.fc1(x)))  # [B, time_width]


class SelfAttention(keras.Layer):
    """Every place looks at all places."""

    def __init__(self, width: int, spec: DiffusionSpec):
        super().__init__()
        self.norm = group_norm(width, spec)
        self.q = Dense(width, width)
        self.k = Dense(width, width)
        self.v = Dense(width, width)
        self.attend = Attention(0.0, causal=False)
        self.out = Dense(width, width)

    def call(self, x: KerasTensor) -> KerasTensor:
        _, rows, columns, width = x.shape
        h = ops.reshape(self.norm(x), (-1, 1, rows * columns, width))
        h = self.out(self.attend(self.q(h), self.k(h), self.v(h)))
        return x + ops.reshape(h, (-1, rows, columns, width))


class Block(keras.Layer):
    def __init__(self, s: BlockSpec, spec: DiffusionSpec):
        super().__init__()
        self.norm1 = group_norm(s.conv1.c_in, spec)
        self.conv1 = conv(s.conv1)
        self.time = Dense(spec.time_width, s.conv1.c_out)
        self.norm2 = group_norm(s.conv2.c_in, spec)
        self.dropout = MapDropout(spec.dropout)
        self.conv2 = conv(s.conv2)
        self.shortcut = None if s.shortcut is None else conv(s.shortcut)
        self.attention = SelfAttention(s.conv2.c_out, spec) if s.attention else None

    def call(self, x: KerasTensor, time: KerasTensor) -> KerasTensor:
        h = self.conv1(ops.silu(self.norm1(x)))  # [B, H, W, width]
        h = h + self.time(ops.silu(time))[:, None, None]
        h = self.conv2(self.dropout(ops.silu(self.norm2(h))))
        x = h + (x if self.shortcut is None else self.shortcut(x))
        return x if self.attention is None else self.attention(x)


class Down(keras.Layer):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec):
        super().__init__()
        self.blocks = [Block(b, spec) for b in s.blocks]
        self.resample = None if s.resample is None else conv(s.resample)

    def call(self, x: KerasTensor, time: KerasTensor) -> list[KerasTensor]:
        """Give what each block, and the convolution, puts out."""
        found = []
        for block in self.blocks:
            x = block(x, time)
            found.append(x)
        return found if self.resample is None else [*found, self.resample(x)]


class Up(keras.Layer):
    def __init__(self, s: LevelSpec, spec: DiffusionSpec):
        super().__init__()
        self.blocks = [Block(b, spec) for b in s.blocks]
        self.resample = None if s.resample is None else conv(s.resample)

    def call(
        self, x: KerasTensor, time: KerasTensor, kept: list[KerasTensor]
    ) -> KerasTensor:
        for block, beside in zip(self.blocks, reversed(kept), strict=True):
            x = block(ops.concatenate([x, beside], -1), time)
        return x if self.resample is None else self.resample(doubled(x))


class UNet(SpecModel):
    """Appendix B."""

    def __init__(self, spec: DiffusionSpec):
        super().__init__(spec)
        self.time = Time(spec)
        self.conv_in = conv(spec.conv_in)
        self.down = [Down(s, spec) for s in spec.down]
        self.middle = [Block(s, spec) for s in spec.middle]
        self.up = [Up(s, spec) for s in spec.up]
        self.norm_out = group_norm(spec.widths[0], spec)
        self.conv_out = conv(spec.conv_out)

    def seen(self, x: KerasTensor, time: KerasTensor) -> KerasTensor:
        """Give what was mixed into x; time: its vector."""
        kept = [self.conv_in(x)]
        for level in self.down:
            kept += level(kept[-1], time)
        x = kept[-1]
        for block in self.middle:
            x = block(x, time)
        for level, s in zip(self.up, self.spec.up, strict=True):
            number = len(s.blocks)
            x, kept = level(x, time, kept[-number:]), kept[:-number]
        return self.conv_out(ops.silu(self.norm_out(x)))


class Diffusion(UNet):
    def call(self, image: KerasTensor, time: KerasTensor) -> KerasTensor:
        return self.seen(image, self.time(time))

    def sample(self, noise: KerasTensor, normals: KerasTensor) -> KerasTensor:
        return by_ddpm(self.spec, self, noise, normals)

    def sample_ddim(self, noise: KerasTensor) -> KerasTensor:
        return by_ddim(self.spec, self, noise)


class GuidedDiffusion(UNet):
    spec: GuidedDiffusionSpec

    def __init__(self, spec: GuidedDiffusionSpec):
        super().__init__(spec)
        self.label = Embedding(spec.labels, spec.time_width)

    def call(
        self, image: KerasTensor, label: KerasTensor, time: KerasTensor
    ) -> KerasTensor:
        return self.seen(image, self.time(time) + self.label(label))

    def sample(
        self, label: KerasTensor, noise: KerasTensor, normals: KerasTensor
    ) -> KerasTensor:
        return by_ddpm(self.spec, guided(self.spec, self, label), noise, normals)

    def sample_ddim(self, label: KerasTensor, noise: KerasTensor) -> KerasTensor:
        return by_ddim(self.spec, guided(self.spec, self, label), noise)
