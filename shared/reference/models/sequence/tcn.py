"""Temporal convolutional networks in NumPy, [B, C, T].

Spec, names, paper: shared/specs/sequence/tcn.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.linear import Linear
from shared.reference.module import Chain, Module, Parameter
from shared.specs.sequence.tcn import CausalSpec, Level, TCNSpec


class CausalConv(Module):
    """y_t = b + sum_j w_j x_(t - (k - 1 - j) d) of w = g v / |v|. With G the gradient
    of w and n = v / |v|, dg = sum G n and dv = g / |v| (G - n dg)."""

    def __init__(self, c: CausalSpec):
        self.c = c
        self.weight_g = Parameter((c.c_out, 1, 1))
        self.weight_v = Parameter((c.c_out, c.c_in, c.k))
        self.bias = Parameter((c.c_out,))

    def forward(self, x: Array) -> Array:
        v, steps = self.weight_v.value, x.shape[2]
        self.norm = np.sqrt((v**2).sum((1, 2), keepdims=True))
        self.weight = self.weight_g.value * v / self.norm
        padded = np.pad(x, ((0, 0), (0, 0), (self.c.before, 0)))
        # What each place of the kernel reads: [k, B, c_in, T].
        starts = self.c.dilation * np.arange(self.c.k)
        self.read = np.stack([padded[..., s : s + steps] for s in starts])
        y = np.einsum("jbit,oij->bot", self.read, self.weight)
        return y + self.bias.value[:, None]

    def backward(self, g: Array) -> Array:
        of_w = np.einsum("bot,jbit->oij", g, self.read)
        n = self.weight_v.value / self.norm
        of_g = (of_w * n).sum((1, 2), keepdims=True)
        self.weight_g.add(of_g)
        self.weight_v.add(self.weight_g.value / self.norm * (of_w - n * of_g))
        self.bias.add(g.sum((0, 2)))
        of_read = np.einsum("bot,oij->jbit", g, self.weight)
        steps = g.shape[2]
        shape = (*of_read.shape[1:3], self.c.before + steps)
        of_padded = np.zeros_like(g, shape=shape)
        for j, part in enumerate(of_read):
            start = j * self.c.dilation
            of_padded[..., start : start + steps] += part
        return of_padded[..., self.c.before :]


class Block(Module):
    """Figure 1(b)."""

    def __init__(self, level: Level, spec: TCNSpec):
        self.conv1 = CausalConv(level.conv1)
        self.drop1 = Dropout(spec.dropout)
        self.conv2 = CausalConv(level.conv2)
        self.drop2 = Dropout(spec.dropout)
        self.downsample: Any = None
        if level.projects:
            self.downsample = Linear(level.conv1.c_in, level.conv2.c_out)
        first, last = (self.conv1, ReLU(), self.drop1), (self.conv2, ReLU(), self.drop2)
        self.body, self.relu = Chain(*first, *last), ReLU()

    def forward(self, x: Array) -> Array:
        shortcut = x
        if self.downsample is not None:
            shortcut = self.downsample(x.swapaxes(1, 2)).swapaxes(1, 2)
        return self.relu(self.body(x) + shortcut)  # [B, c_out, T]

    def backward(self, g: Array) -> Array:
        g = self.relu.backward(g)
        of_x = self.body.backward(g)
        if self.downsample is not None:
            g = self.downsample.backward(g.swapaxes(1, 2)).swapaxes(1, 2)
        return of_x + g


class TCN(Module):
    def __init__(self, spec: TCNSpec):
        self.levels = [Block(level, spec) for level in spec.levels]
        self.fc = Linear(spec.widths[-1], spec.num_outputs)

    def forward(self, x: Array) -> Array:
        x = x.swapaxes(1, 2)  # [B, features, T]
        for block in self.levels:
            x = block(x)
        self.shape = x.shape
        return self.fc(x[..., -1])  # [B, num_outputs]

    def backward(self, g: Array) -> Array:
        of_x = np.zeros_like(g, shape=self.shape)
        of_x[..., -1] = self.fc.backward(g)
        for block in reversed(self.levels):
            of_x = block.backward(of_x)
        return of_x.swapaxes(1, 2)
