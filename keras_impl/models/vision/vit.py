"""ViT and DeiT in Keras 3, [B, T, width].

Spec, names, papers: shared/specs/vision/vit.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import (
    Attention,
    Dense,
    Dropout,
    DropPath,
    LayerNormalization,
    SpecModel,
    conv,
    gelu,
)
from shared.specs.base import ConvSpec
from shared.specs.vision.vit import ViTSpec


def norm(spec: ViTSpec) -> LayerNormalization:
    return LayerNormalization(spec.width, epsilon=spec.ln_eps)


class PatchEmbed(keras.Layer):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        super().__init__()
        self.proj = conv(c)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.proj(x)
        return ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))


class SelfAttention(keras.Layer):
    def __init__(self, spec: ViTSpec):
        super().__init__()
        self.spec = spec
        self.qkv = Dense(spec.width, spec.qkv_width)
        self.attend = Attention(spec.attention_dropout, causal=False)
        self.proj = Dense(spec.width, spec.width)
        self.proj_drop = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        s, tokens = self.spec, x.shape[1]
        qkv = ops.reshape(self.qkv(x), (-1, tokens, 3, s.heads, s.head_width))
        qkv = ops.transpose(qkv, (2, 0, 3, 1, 4))
        q, k, v = ops.unstack(qkv, 3)  # [B, heads, T, head_width] each
        y = ops.swapaxes(self.attend(q, k, v), 1, 2)  # [B, T, heads, head_width]
        y = ops.reshape(y, (-1, tokens, s.width))
        return self.proj_drop(self.proj(y))  # [B, T, width]


class MLP(keras.Layer):
    def __init__(self, spec: ViTSpec):
        super().__init__()
        self.fc1 = Dense(spec.width, spec.mlp_width)
        self.drop1 = Dropout(spec.dropout)
        self.fc2 = Dense(spec.mlp_width, spec.width)
        self.drop2 = Dropout(spec.dropout)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = self.drop1(gelu(self.fc1(x)))  # [B, T, mlp_width]
        return self.drop2(self.fc2(x))  # [B, T, width]


class Block(keras.Layer):
    def __init__(self, spec: ViTSpec, drop_path: float):
        super().__init__()
        self.norm1 = norm(spec)
        self.attn = SelfAttention(spec)
        self.drop_path1 = DropPath(drop_path)
        self.norm2 = norm(spec)
        self.mlp = MLP(spec)
        self.drop_path2 = DropPath(drop_path)

    def call(self, x: KerasTensor) -> KerasTensor:
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class ViT(SpecModel):
    def __init__(self, spec: ViTSpec):
        super().__init__(spec)
        token = (1, 1, spec.width)
        self.cls_token = self.add_weight(token, "zeros", name="cls_token")
        if spec.distilled:
            self.dist_token = self.add_weight(token, "zeros", name="dist_token")
        self.pos_embed = self.add_weight(
            (1, spec.tokens, spec.width), "zeros", name="pos_embed"
        )
        self.patch_embed = PatchEmbed(spec.patch_embed)
        self.pos_drop = Dropout(spec.dropout)
        self.blocks = [Block(spec, rate) for rate in spec.drop_paths]
        self.norm = norm(spec)
        self.head = Dense(spec.width, spec.num_classes)
        if spec.distilled:
            self.head_dist = Dense(spec.width, spec.num_classes)

    def call(
        self, x: KerasTensor, training: bool | None = None
    ) -> KerasTensor | tuple[KerasTensor, KerasTensor]:
        tokens = [self.cls_token]
        if self.spec.distilled:
            tokens.append(self.dist_token)
        shape = (ops.shape(x)[0], 1, self.spec.width)
        first = [ops.broadcast_to(token, shape) for token in tokens]
        x = ops.concatenate([*first, self.patch_embed(x)], 1)  # [B, T, width]
        x = self.pos_drop(x + self.pos_embed)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, : self.spec.read])
        logits = self.head(x[:, 0])  # [B, num_classes]
        if not self.spec.distilled:
            return logits
        distilled = self.head_dist(x[:, 1])
        return (logits, distilled) if training else (logits + distilled) / 2
