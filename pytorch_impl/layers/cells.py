"""Cells: one step over time. Equations, papers: shared/specs/sequence/recurrent.py."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pytorch_impl.layers.activation import ACTIVATIONS
from shared.specs.sequence.recurrent import Cell, ElmanCell, GRUCell, LSTMCell

# Hidden, of an LSTM cell too: [B, width] each; a step puts out the first.
State = tuple[Tensor, ...]
# W_ih x + b_ih and the state before -> the state after.
Step = Callable[[Tensor, State], State]
Weights = Sequence[Tensor]


def step_of(cell: Cell, weights: Weights) -> Step:
    """The step of a cell with these weights, in the order of `Direction.shapes`."""
    kinds: dict[type, Any] = {ElmanCell: elman, GRUCell: gru, LSTMCell: lstm}
    return partial(kinds[type(cell)], cell, weights)


def elman(cell: ElmanCell, weights: Weights, x: Tensor, state: State) -> State:
    (h,), (_, w_hh, _, b_hh) = state, weights
    return (ACTIVATIONS[cell.activation](x + F.linear(h, w_hh, b_hh)),)


def gru(cell: GRUCell, weights: Weights, x: Tensor, state: State) -> State:
    (h,), (_, w_hh, _, b_hh) = state, weights
    x_r, x_z, x_n = x.chunk(3, -1)
    (w_r, w_z, w_n), (b_r, b_z, b_n) = w_hh.chunk(3), b_hh.chunk(3)
    r = torch.sigmoid(x_r + F.linear(h, w_r, b_r))
    z = torch.sigmoid(x_z + F.linear(h, w_z, b_z))
    if cell.reset == "before":
        n = torch.tanh(x_n + F.linear(r * h, w_n, b_n))
    else:
        n = torch.tanh(x_n + r * F.linear(h, w_n, b_n))
    return ((1 - z) * n + z * h,)


def lstm(cell: LSTMCell, weights: Weights, x: Tensor, state: State) -> State:
    (h, c), (_, w_hh, _, b_hh, *own) = state, weights
    i, f, g, o = (x + F.linear(h, w_hh, b_hh)).chunk(4, -1)
    if cell.peepholes:
        p_i, p_f, p_o = own[-1]
        i, f = i + p_i * c, f + p_f * c
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    if cell.peepholes:
        o = o + p_o * c
    h = torch.sigmoid(o) * torch.tanh(c)
    if cell.projection:
        h = F.linear(h, own[0])
    return h, c
