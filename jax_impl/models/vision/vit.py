"""ViT and DeiT in JAX (Flax NNX), [B, T, width].

Spec, names, papers: shared/specs/vision/vit.py.
"""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Attention, Dropout, DropPath, LayerNorm, Linear, conv
from shared.specs.base import ConvSpec
from shared.specs.vision.vit import ViTSpec


def norm(spec: ViTSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.width, epsilon=spec.ln_eps, rngs=rngs)


class PatchEmbed(nnx.Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec, *, rngs: nnx.Rngs):
        self.proj = conv(c, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.proj(x)
        return x.reshape(len(x), -1, x.shape[-1])  # [B, patches, width]


class SelfAttention(nnx.Module):
    def __init__(self, spec: ViTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.qkv = Linear(spec.width, spec.qkv_width, rngs=rngs)
        self.attend = Attention(spec.attention_dropout, causal=False, rngs=rngs)
        self.proj = Linear(spec.width, spec.width, rngs=rngs)
        self.proj_drop = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        s, tokens = self.spec, x.shape[1]
        qkv = self.qkv(x).reshape(-1, tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.proj_drop(self.proj(y.reshape(x.shape)))  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, spec: ViTSpec, *, rngs: nnx.Rngs):
        self.fc1 = Linear(spec.width, spec.mlp_width, rngs=rngs)
        self.drop1 = Dropout(spec.dropout, rngs=rngs)
        self.fc2 = Linear(spec.mlp_width, spec.width, rngs=rngs)
        self.drop2 = Dropout(spec.dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.drop1(nnx.gelu(self.fc1(x), approximate=False))  # [B, T, mlp_width]
        return self.drop2(self.fc2(x))  # [B, T, width]


class Block(nnx.Module):
    def __init__(self, spec: ViTSpec, drop_path: float, *, rngs: nnx.Rngs):
        self.norm1 = norm(spec, rngs=rngs)
        self.attn = SelfAttention(spec, rngs=rngs)
        self.drop_path1 = DropPath(drop_path, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.mlp = MLP(spec, rngs=rngs)
        self.drop_path2 = DropPath(drop_path, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = x + self.drop_path1(self.attn(self.norm1(x)))
        return x + self.drop_path2(self.mlp(self.norm2(x)))


class ViT(nnx.Module):
    def __init__(self, spec: ViTSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.deterministic = False
        self.cls_token = nnx.Param(jnp.zeros((1, 1, spec.width)))
        if spec.distilled:
            self.dist_token = nnx.Param(jnp.zeros((1, 1, spec.width)))
        self.pos_embed = nnx.Param(jnp.zeros((1, spec.tokens, spec.width)))
        self.patch_embed = PatchEmbed(spec.patch_embed, rngs=rngs)
        self.pos_drop = Dropout(spec.dropout, rngs=rngs)
        self.blocks = nnx.List(Block(spec, rate, rngs=rngs) for rate in spec.drop_paths)
        self.norm = norm(spec, rngs=rngs)
        self.head = Linear(spec.width, spec.num_classes, rngs=rngs)
        if spec.distilled:
            self.head_dist = Linear(spec.width, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array | tuple[Array, Array]:
        tokens = [self.cls_token]
        if self.spec.distilled:
            tokens.append(self.dist_token)
        first = [token[...].repeat(len(x), 0) for token in tokens]
        x = jnp.concatenate([*first, self.patch_embed(x)], 1)  # [B, T, width]
        x = self.pos_drop(x + self.pos_embed[...])
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, : self.spec.read])
        logits = self.head(x[:, 0])  # [B, num_classes]
        if not self.spec.distilled:
            return logits
        distilled = self.head_dist(x[:, 1])
        return (logits + distilled) / 2 if self.deterministic else (logits, distilled)
