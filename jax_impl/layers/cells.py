"""Cells: one step over time. Equations, papers: shared/specs/sequence/recurrent.py."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers.activation import ACTIVATIONS
from shared.specs.sequence.recurrent import Cell, ElmanCell, GRUCell, LSTMCell

# Hidden, of an LSTM cell too: [B, width] each; a step puts out the first.
State = tuple[Array, ...]
# W_ih x + b_ih and the state before -> the state after.
Step = Callable[[Array, State], State]
Weights = Sequence[Array]


def step_of(cell: Cell, weights: Weights) -> Step:
    """The step of a cell with these weights, in the order of `Direction.shapes`."""
    kinds: dict[type, Any] = {ElmanCell: elman, GRUCell: gru, LSTMCell: lstm}
    return partial(kinds[type(cell)], cell, weights)


def linear(x: Array, w: Array, b: Array | float = 0.0) -> Array:
    return x @ w.T + b


def elman(cell: ElmanCell, weights: Weights, x: Array, state: State) -> State:
    (h,), (_, w_hh, _, b_hh) = state, weights
    return (ACTIVATIONS[cell.activation](x + linear(h, w_hh, b_hh)),)


def gru(cell: GRUCell, weights: Weights, x: Array, state: State) -> State:
    """DIFF(gru-biases): Flax's own has no bias b_n, which the reset gate scales."""
    (h,), (_, w_hh, _, b_hh) = state, weights
    x_r, x_z, x_n = jnp.split(x, 3, -1)
    (w_r, w_z, w_n), (b_r, b_z, b_n) = jnp.split(w_hh, 3), jnp.split(b_hh, 3)
    r = nnx.sigmoid(x_r + linear(h, w_r, b_r))
    z = nnx.sigmoid(x_z + linear(h, w_z, b_z))
    if cell.reset == "before":
        n = jnp.tanh(x_n + linear(r * h, w_n, b_n))
    else:
        n = jnp.tanh(x_n + r * linear(h, w_n, b_n))
    return ((1 - z) * n + z * h,)


def lstm(cell: LSTMCell, weights: Weights, x: Array, state: State) -> State:
    (h, c), (_, w_hh, _, b_hh, *own) = state, weights
    i, f, g, o = jnp.split(x + linear(h, w_hh, b_hh), 4, -1)
    if cell.peepholes:
        p_i, p_f, p_o = own[-1]
        i, f = i + p_i * c, f + p_f * c
    c = nnx.sigmoid(f) * c + nnx.sigmoid(i) * jnp.tanh(g)
    if cell.peepholes:
        o = o + p_o * c
    h = nnx.sigmoid(o) * jnp.tanh(c)
    if cell.projection:
        h = linear(h, own[0])
    return h, c
