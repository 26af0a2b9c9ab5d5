"""Cells, one step over time, and their gradients.

Equations, papers: shared/specs/sequence/recurrent.py.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import sigmoid
from shared.reference.module import Parameter
from shared.specs.sequence.recurrent import Cell, ElmanCell, GRUCell, LSTMCell

# Hidden, of an LSTM cell too: [B, width] each; a step puts out the first.
State = tuple[Array, ...]


class Steps:
    """One step of a cell, forward and backward; its weights are those of a direction.

    forward: of W_ih x + b_ih and the state before, the state after, and what backward
        will need.
    backward: of that and the gradient of the state after, the gradients of the former
        two; the weights' are added.
    """

    def __init__(self, cell: Any, tensors: Sequence[Parameter]):
        _, self.w_hh, _, self.b_hh, *self.own = tensors
        self.cell = cell

    def forward(self, x: Array, state: State) -> tuple[State, Any]:
        raise NotImplementedError

    def backward(self, kept: Any, gradients: State) -> tuple[Array, State]:
        raise NotImplementedError

    def product(self, h: Array) -> Array:
        return h @ self.w_hh.value.T + self.b_hh.value

    def product_backward(self, g: Array, h: Array) -> Array:
        self.w_hh.add(g.T @ h)
        self.b_hh.add(g.sum(0))
        return g @ self.w_hh.value


class Elman(Steps):
    """h' = f(a), so da = dh' (1 - h'^2) of tanh, and dh' where a > 0 of ReLU."""

    def forward(self, x: Array, state: State) -> tuple[State, Any]:
        (h,) = state
        a = x + self.product(h)
        after = np.tanh(a) if self.cell.activation == "tanh" else np.maximum(a, 0)
        return (after,), (h, after)

    def backward(self, kept: Any, gradients: State) -> tuple[Array, State]:
        (dh,), (h, after) = gradients, kept
        slope = 1 - after**2 if self.cell.activation == "tanh" else after > 0
        da = dh * slope
        return da, (self.product_backward(da, h),)


class GRU(Steps):
    """h' = (1 - z) n + z h, so dn = dh' (1 - z), dz = dh' (h - n), and dh' z goes to h.

    With n = tanh(a), da = dn (1 - n^2); reset after, a = x_n + r q of q = W_n h + b_n,
    so dr = da q and dq = da r; reset before, a = x_n + W_n (r h) + b_n, so with
    ds = da W_n, dr = ds h and ds r goes to h.
    """

    def forward(self, x: Array, state: State) -> tuple[State, Any]:
        (h,) = state
        x_r, x_z, x_n = np.split(x, 3, -1)
        h_r, h_z, q = np.split(self.product(h), 3, -1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        if self.cell.reset == "before":
            w_n, b_n = np.split(self.w_hh.value, 3)[2], np.split(self.b_hh.value, 3)[2]
            n = np.tanh(x_n + (r * h) @ w_n.T + b_n)
        else:
            n = np.tanh(x_n + r * q)
        return ((1 - z) * n + z * h,), (h, r, z, n, q)

    def backward(self, kept: Any, gradients: State) -> tuple[Array, State]:
        (dh,), (h, r, z, n, q) = gradients, kept
        da, dz = dh * (1 - z) * (1 - n**2), dh * (h - n) * z * (1 - z)
        if self.cell.reset == "before":
            ds = da @ np.split(self.w_hh.value, 3)[2]
            dr, reset = ds * h * r * (1 - r), r * h
            gates = np.concatenate([dr, dz], -1)
            w_rz = self.w_hh.value[: gates.shape[1]]
            self.w_hh.add(np.concatenate([gates.T @ h, da.T @ reset]))
            self.b_hh.add(np.concatenate([gates, da], -1).sum(0))
            of_h = gates @ w_rz + ds * r
        else:
            dr = da * q * r * (1 - r)
            of_h = self.product_backward(np.concatenate([dr, dz, da * r], -1), h)
        return np.concatenate([dr, dz, da], -1), (of_h + dh * z,)


class LSTM(Steps):
    """With s = tanh(c'): do = dh' s, dc' += dh' o (1 - s^2) + do p_o, di = dc' g,
    dg = dc' i, df = dc' c; dc = dc' f + di p_i + df p_f, where di, df and do are those
    behind the squashing, y' = y (1 - y). A projection's h' is W_hr of o s.
    """

    def forward(self, x: Array, state: State) -> tuple[State, Any]:
        h, c = state
        i, f, g, o = np.split(x + self.product(h), 4, -1)
        if self.cell.peepholes:
            p_i, p_f, p_o = self.own[-1].value
            i, f = i + p_i * c, f + p_f * c
        i, f, g = sigmoid(i), sigmoid(f), np.tanh(g)
        after = f * c + i * g
        o = sigmoid(o + p_o * after if self.cell.peepholes else o)
        squashed = np.tanh(after)
        y = said = o * squashed
        if self.cell.projection:
            y = said @ self.own[0].value.T
        return (y, after), (h, c, (i, f, g, o), after, squashed, said)

    def backward(self, kept: Any, gradients: State) -> tuple[Array, State]:
        (dh, dc), (h, c, (i, f, g, o), after, squashed, said) = gradients, kept
        if self.cell.projection:
            self.own[0].add(dh.T @ said)
            dh = dh @ self.own[0].value
        do = dh * squashed * o * (1 - o)
        dc = dc + dh * o * (1 - squashed**2)
        if self.cell.peepholes:
            p_i, p_f, p_o = self.own[-1].value
            dc = dc + do * p_o
        di, df = dc * g * i * (1 - i), dc * c * f * (1 - f)
        of_c = dc * f
        if self.cell.peepholes:
            of_c = of_c + di * p_i + df * p_f
            rows = [(di * c).sum(0), (df * c).sum(0), (do * after).sum(0)]
            self.own[-1].add(np.stack(rows))
        gates = np.concatenate([di, df, dc * i * (1 - g**2), do], -1)
        return gates, (self.product_backward(gates, h), of_c)


KINDS: dict[type[Cell], type[Steps]] = {ElmanCell: Elman, GRUCell: GRU, LSTMCell: LSTM}
