"""The diffusion Transformer in NumPy: pictures BCHW, inside [B, T, width].

Spec, names, paper: shared/specs/generative/dit.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import SiLU, TanhGELU
from shared.reference.layers.attention import Attention
from shared.reference.layers.convolution import conv
from shared.reference.layers.denoising import by_ddim, by_ddpm, guided
from shared.reference.layers.embedding import Embedding
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import Modulated
from shared.reference.module import Chain, Module, Steps
from shared.specs.base import ConvSpec
from shared.specs.generative.dit import DiTSpec


class PatchEmbed(Module):
    """A token a patch, row by row."""

    def __init__(self, c: ConvSpec):
        self.proj = conv(c)

    def forward(self, x: Array) -> Array:
        y = self.proj(x)
        self.shape = y.shape
        return y.reshape(*y.shape[:2], -1).mT  # [B, T, width]

    def backward(self, g: Array) -> Array:
        return self.proj.backward(g.mT.reshape(self.shape))


class Time(Steps):
    """A vector for each time, which is a whole number and has no gradient."""

    def __init__(self, spec: DiTSpec):
        self.frequencies = np.array(spec.frequencies)
        self.fc1 = Linear(spec.waves, spec.width)
        self.fc2 = Linear(spec.width, spec.width)
        self.steps = Chain(self.fc1, SiLU(), self.fc2)

    def forward(self, time: Array) -> Array:
        angles = time[:, None] * self.frequencies
        waves = np.concatenate([np.cos(angles), np.sin(angles)], -1)
        found: Array = self.steps(waves.astype(self.fc1.weight.value.dtype))
        return found  # [B, width]


class SelfAttention(Module):
    def __init__(self, spec: DiTSpec):
        self.spec = spec
        self.qkv = Linear(spec.width, spec.qkv_width)
        self.attend = Attention(0.0, causal=False)
        self.proj = Linear(spec.width, spec.width)

    def forward(self, x: Array) -> Array:
        s = self.spec
        qkv = self.qkv(x).reshape(-1, s.tokens, 3, s.heads, s.head_width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        y = self.attend(q, k, v).swapaxes(1, 2)  # [B, T, heads, head_width]
        return self.proj(y.reshape(x.shape))

    def backward(self, g: Array) -> Array:
        s = self.spec
        g = self.proj.backward(g).reshape(-1, s.tokens, s.heads, s.head_width)
        of_qkv = np.stack(self.attend.backward(g.swapaxes(1, 2)))
        of_qkv = of_qkv.transpose(1, 3, 0, 2, 4).reshape(-1, s.tokens, s.qkv_width)
        return self.qkv.backward(of_qkv)


class MLP(Steps):
    def __init__(self, spec: DiTSpec):
        self.fc1 = Linear(spec.width, spec.mlp_width)
        self.fc2 = Linear(spec.mlp_width, spec.width)
        self.steps = Chain(self.fc1, TanhGELU(), self.fc2)


class Block(Module):
    """Figure 3: adaLN-Zero. What a branch adds has a gate for all tokens."""

    def __init__(self, spec: DiTSpec):
        self.attn = SelfAttention(spec)
        self.mlp = MLP(spec)
        self.modulation = Linear(spec.width, spec.block_modulation)
        self.heard = Chain(SiLU(), self.modulation)
        self.modulated1, self.modulated2 = (
            Modulated(spec.ln_eps),
            Modulated(spec.ln_eps),
        )

    def forward(self, x: Array, c: Array) -> Array:
        m = self.heard(c)[:, None]  # [B, 1, 6 * width]
        shift1, scale1, self.gate1, shift2, scale2, self.gate2 = np.split(m, 6, -1)
        self.attended = self.attn(self.modulated1(x, shift1, scale1))
        x = x + self.gate1 * self.attended
        self.made = self.mlp(self.modulated2(x, shift2, scale2))
        return x + self.gate2 * self.made

    def backward(self, g: Array) -> tuple[Array, Array]:
        of_gate2 = (g * self.made).sum(1, keepdims=True)
        branch = self.mlp.backward(g * self.gate2)
        of_x, of_shift2, of_scale2 = self.modulated2.backward(branch)
        g = g + of_x
        of_gate1 = (g * self.attended).sum(1, keepdims=True)
        branch = self.attn.backward(g * self.gate1)
        of_x, of_shift1, of_scale1 = self.modulated1.backward(branch)
        parts = of_shift1, of_scale1, of_gate1, of_shift2, of_scale2, of_gate2
        of_c = self.heard.backward(np.concatenate(parts, -1)[:, 0])
        return g + of_x, of_c


class Head(Module):
    """Makes of each token a patch of the noise and of the variance."""

    def __init__(self, spec: DiTSpec):
        self.spec = spec
        self.modulation = Linear(spec.width, spec.head_modulation)
        self.linear = Linear(spec.width, spec.said_width)
        self.heard = Chain(SiLU(), self.modulation)
        self.modulated = Modulated(spec.ln_eps)

    def forward(self, x: Array, c: Array) -> Array:
        s = self.spec
        shift, scale = np.split(self.heard(c)[:, None], 2, -1)
        x = self.linear(self.modulated(x, shift, scale))
        x = x.reshape(-1, s.side, s.side, s.patch, s.patch, s.said_channels)
        x = x.transpose(0, 5, 1, 3, 2, 4)  # [B, channels, rows, patch, columns, patch]
        return x.reshape(-1, s.said_channels, s.image_size, s.image_size)

    def backward(self, g: Array) -> tuple[Array, Array]:
        s = self.spec
        g = g.reshape(-1, s.said_channels, s.side, s.patch, s.side, s.patch)
        g = g.transpose(0, 2, 4, 3, 5, 1).reshape(-1, s.tokens, s.said_width)
        of_x, *of_m = self.modulated.backward(self.linear.backward(g))
        return of_x, self.heard.backward(np.concatenate(of_m, -1)[:, 0])


class DiT(Module):
    def __init__(self, spec: DiTSpec):
        self.spec = spec
        self.patch_embed = PatchEmbed(spec.patch_embed)
        self.time = Time(spec)
        self.label = Embedding(spec.labels, spec.width)
        self.blocks = [Block(spec) for _ in range(spec.depth)]
        self.head = Head(spec)

    def forward(self, image: Array, label: Array, time: Array) -> tuple[Array, Array]:
        x = self.patch_embed(image)
        x = x + self.spec.positions.astype(x.dtype)
        c = self.time(time) + self.label(label)
        for block in self.blocks:
            x = block(x, c)
        noise, variance = np.split(self.head(x, c), 2, 1)
        return noise, variance

    def backward(self, *gradients: Array) -> tuple[Array, None, None]:
        g, of_c = self.head.backward(np.concatenate(gradients, 1))
        for block in reversed(self.blocks):
            g, heard = block.backward(g)
            of_c = of_c + heard
        self.time.backward(of_c)
        self.label.backward(of_c)
        return self.patch_embed.backward(g), None, None

    def seen(self, image: Array, label: Array, time: Array) -> Array:
        noise, _ = self(image, label, time)
        return noise

    def sample(self, label: Array, noise: Array, normals: Array) -> Array:
        return by_ddpm(self.spec, guided(self.spec, self.seen, label), noise, normals)

    def sample_ddim(self, label: Array, noise: Array) -> Array:
        return by_ddim(self.spec, guided(self.spec, self.seen, label), noise)
