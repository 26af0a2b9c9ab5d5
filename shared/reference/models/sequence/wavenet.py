"""WaveNet in NumPy, [B, T, width].

Spec, names, paper: shared/specs/sequence/wavenet.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU, Sigmoid, Tanh
from shared.reference.layers.embedding import Embedding
from shared.reference.layers.generation import Generates
from shared.reference.layers.linear import Linear
from shared.reference.module import Chain, Module, Parameter
from shared.specs.sequence.tcn import CausalSpec
from shared.specs.sequence.wavenet import WaveNetSpec


class CausalConv(Module):
    """y_t = b + sum_j W_j x_(t - (k - 1 - j) d), so with G the gradient of y,
    dW_j = sum_t G_t x^T and dx_(t - (k - 1 - j) d) gets W_j^T G_t from each j."""

    def __init__(self, c: CausalSpec):
        self.c = c
        self.weight = Parameter((c.c_out, c.c_in, c.k))
        self.bias = Parameter((c.c_out,))

    def forward(self, x: Array) -> Array:
        padded = np.pad(x, ((0, 0), (self.c.before, 0), (0, 0)))
        length = x.shape[1]
        self.read = [padded[:, s : s + length] for s in self.c.starts]
        places = np.stack(self.read, -1)  # [B, T, c_in, k]
        return np.einsum("btik,oik->bto", places, self.weight.value) + self.bias.value

    def backward(self, g: Array) -> Array:
        length = g.shape[1]
        of_weights = [np.einsum("bto,bti->oi", g, read) for read in self.read]
        self.weight.add(np.stack(of_weights, -1))
        self.bias.add(g.sum((0, 1)))
        shape = (len(g), self.c.before + length, self.c.c_in)
        of_padded = np.zeros_like(g, shape=shape)
        for j, start in enumerate(self.c.starts):
            of_padded[:, start : start + length] += g @ self.weight.value[..., j]
        return of_padded[:, self.c.before :]


class Block(Module):
    """Figure 4 and equation 2: z = tanh(u) sigmoid(v), x + R z, S z."""

    def __init__(self, spec: WaveNetSpec, c: CausalSpec, last: bool):
        self.last = last
        self.dilated = CausalConv(c)
        self.tanh, self.sigmoid = Tanh(), Sigmoid()
        if not last:
            self.residual = Linear(spec.gate_width, spec.width)
        self.skip = Linear(spec.gate_width, spec.skip_width)

    def advance(self, x: Array) -> tuple[Array, Array]:
        u, v = np.split(self.dilated(x), 2, -1)  # [B, T, gate_width] each
        self.u, self.v = self.tanh(u), self.sigmoid(v)
        z = self.u * self.v
        return x if self.last else x + self.residual(z), self.skip(z)

    def backward(self, g: Array, of_skip: Array) -> Array:
        of_z = self.skip.backward(of_skip)
        if not self.last:
            of_z = of_z + self.residual.backward(g)
        of_u = self.tanh.backward(of_z * self.v)
        of_v = self.sigmoid.backward(of_z * self.u)
        return g + self.dilated.backward(np.concatenate([of_u, of_v], -1))


class WaveNet(Generates, Module):
    def __init__(self, spec: WaveNetSpec):
        self.spec = spec
        first, *convs = spec.convs
        self.embedding = Embedding(spec.vocab_size, spec.width)
        self.causal = CausalConv(first)
        self.blocks = [Block(spec, c, i == spec.last) for i, c in enumerate(convs)]
        self.head1 = Linear(spec.skip_width, spec.skip_width)
        self.head2 = Linear(spec.skip_width, spec.vocab_size)
        self.head = Chain(ReLU(), self.head1, ReLU(), self.head2)

    def forward(self, tokens: Array) -> Array:
        x = self.causal(self.embedding(tokens))  # [B, T, width]
        total: Any = 0.0
        for block in self.blocks:
            x, skip = block.advance(x)
            total = total + skip
        return self.head(total)  # [B, T, vocab_size]

    def backward(self, g: Array) -> None:
        """Every layer's part of the sum has the sum's gradient; the last residual goes
        nowhere."""
        of_skip = self.head.backward(g)
        of_x = np.zeros_like(of_skip, shape=(*of_skip.shape[:2], self.spec.width))
        for block in reversed(self.blocks):
            of_x = block.backward(of_x, of_skip)
        self.embedding.backward(self.causal.backward(of_x))
