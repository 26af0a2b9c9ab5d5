"""MLP-Mixer in JAX (Flax NNX), [B, T, width].

Spec, names, paper: shared/specs/vision/mlp_mixer.py.
"""

from flax import nnx
from jax import Array

from jax_impl.layers import Dropout, DropPath, LayerNorm, Linear, conv
from shared.specs.base import ConvSpec
from shared.specs.vision.mlp_mixer import MLPMixerSpec


def norm(spec: MLPMixerSpec, *, rngs: nnx.Rngs) -> LayerNorm:
    return LayerNorm(spec.width, epsilon=spec.ln_eps, rngs=rngs)


class PatchEmbed(nnx.Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec, *, rngs: nnx.Rngs):
        self.proj = conv(c, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.proj(x)
        return x.reshape(len(x), -1, x.shape[-1])  # [B, T, width]


class MLP(nnx.Module):
    def __init__(self, width: int, inner: int, dropout: float, *, rngs: nnx.Rngs):
        self.fc1 = Linear(width, inner, rngs=rngs)
        self.drop1 = Dropout(dropout, rngs=rngs)
        self.fc2 = Linear(inner, width, rngs=rngs)
        self.drop2 = Dropout(dropout, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.drop1(nnx.gelu(self.fc1(x), approximate=False))
        return self.drop2(self.fc2(x))


class Block(nnx.Module):
    def __init__(
        self, spec: MLPMixerSpec, drop_paths: tuple[float, float], *, rngs: nnx.Rngs
    ):
        over_tokens, over_channels = drop_paths
        self.norm1 = norm(spec, rngs=rngs)
        self.mlp_tokens = MLP(spec.tokens, spec.tokens_width, spec.dropout, rngs=rngs)
        self.drop_path1 = DropPath(over_tokens, rngs=rngs)
        self.norm2 = norm(spec, rngs=rngs)
        self.mlp_channels = MLP(
            spec.width, spec.channels_width, spec.dropout, rngs=rngs
        )
        self.drop_path2 = DropPath(over_channels, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        y = self.mlp_tokens(self.norm1(x).mT)  # [B, width, T]
        x = x + self.drop_path1(y.mT)
        return x + self.drop_path2(self.mlp_channels(self.norm2(x)))


class MLPMixer(nnx.Module):
    def __init__(self, spec: MLPMixerSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.stem = PatchEmbed(spec.stem, rngs=rngs)
        self.blocks = nnx.List(
            Block(spec, rates, rngs=rngs) for rates in spec.drop_paths
        )
        self.norm = norm(spec, rngs=rngs)
        self.head = Linear(spec.width, spec.num_classes, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        x = self.stem(x)  # [B, T, width]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))  # [B, num_classes]
