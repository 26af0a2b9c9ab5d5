"""Cells: one step over time. Equations, papers: shared/specs/sequence/recurrent.py."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from keras import KerasTensor, ops

from keras_impl.layers.activation import ACTIVATIONS
from shared.specs.sequence.recurrent import Cell, ElmanCell, GRUCell, LSTMCell

# Hidden, of an LSTM cell too: [B, width] each; a step puts out the first.
State = tuple[KerasTensor, ...]
# W_ih x + b_ih and the state before -> the state after.
Step = Callable[[KerasTensor, State], State]
Weights = Sequence[Any]


def step_of(cell: Cell, weights: Weights) -> Step:
    """The step of a cell with these weights, in the order of `Direction.shapes`."""
    kinds: dict[type, Any] = {ElmanCell: elman, GRUCell: gru, LSTMCell: lstm}
    return partial(kinds[type(cell)], cell, weights)


def linear(x: KerasTensor, w: Any, b: Any = 0.0) -> KerasTensor:
    return ops.matmul(x, ops.transpose(w)) + b


def elman(cell: ElmanCell, weights: Weights, x: KerasTensor, state: State) -> State:
    (h,), (_, w_hh, _, b_hh) = state, weights
    return (ACTIVATIONS[cell.activation](x + linear(h, w_hh, b_hh)),)


def gru(cell: GRUCell, weights: Weights, x: KerasTensor, state: State) -> State:
    """DIFF(gru-gates): Keras's own has the gates update, reset, new."""
    (h,), (_, w_hh, _, b_hh) = state, weights
    x_r, x_z, x_n = ops.split(x, 3, -1)
    (w_r, w_z, w_n), (b_r, b_z, b_n) = ops.split(w_hh, 3), ops.split(b_hh, 3)
    r = ops.sigmoid(x_r + linear(h, w_r, b_r))
    z = ops.sigmoid(x_z + linear(h, w_z, b_z))
    if cell.reset == "before":
        n = ops.tanh(x_n + linear(r * h, w_n, b_n))
    else:
        n = ops.tanh(x_n + r * linear(h, w_n, b_n))
    return ((1 - z) * n + z * h,)


def lstm(cell: LSTMCell, weights: Weights, x: KerasTensor, state: State) -> State:
    (h, c), (_, w_hh, _, b_hh, *own) = state, weights
    i, f, g, o = ops.split(x + linear(h, w_hh, b_hh), 4, -1)
    if cell.peepholes:
        p_i, p_f, p_o = ops.split(own[-1], 3)
        i, f = i + p_i * c, f + p_f * c
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    if cell.peepholes:
        o = o + p_o * c
    h = ops.sigmoid(o) * ops.tanh(c)
    if cell.projection:
        h = linear(h, own[0])
    return h, c
