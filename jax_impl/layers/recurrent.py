"""Recurrent layers: an LSTM of several layers, in one direction or both."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax import Array

from jax_impl.layers.dropout import Dropout
from shared.specs.sequence.recurrent import Direction, StackSpec

# Hidden and cell: [layers * directions, B, hidden].
State = tuple[Array, Array]


class StackedLSTM(nnx.Module):
    """DIFF(lstm-scan): JAX has no LSTM with torch's parameters; the product with the
    inputs is one matmul, what is left is scanned."""

    def __init__(self, spec: StackSpec, *, rngs: nnx.Rngs):
        self.spec, self.dtype = spec, None
        for direction in sum(spec.directions, ()):
            for name, shape in direction.shapes.items():
                setattr(self, name, nnx.Param(jnp.zeros(shape)))
        self.dropouts = nnx.List(
            Dropout(spec.dropout, rngs=rngs) for _ in range(spec.gaps)
        )

    def __call__(self, x: Array, state: State | None = None) -> tuple[Array, State]:
        """Run over all steps; without a state it starts at zeros."""
        starts, ends = self.starts(x, state), list[State]()
        for k, directions in enumerate(self.spec.directions):
            if k and not self.dropouts[k - 1].deterministic:
                x = self.dropouts[k - 1](x)
            found = [self.scan(x, d, next(starts)) for d in directions]
            x = jnp.concatenate([y for y, _ in found], -1)
            ends.extend(end for _, end in found)
        h, c = (jnp.stack(s) for s in zip(*ends, strict=True))
        return x, (h, c)

    def starts(self, x: Array, state: State | None) -> Iterator[State]:
        """Give the state that each direction of each layer starts from."""
        if state is None:
            zeros = jnp.zeros((self.spec.scans, len(x), self.spec.hidden), x.dtype)
            state = zeros, zeros
        return zip(*state, strict=True)

    def scan(self, x: Array, d: Direction, start: State) -> tuple[Array, State]:
        own = [getattr(self, name)[...] for name in d.shapes]
        x, w_ih, w_hh, b_ih, b_hh, *start = promote_dtype(
            (x, *own, *start), dtype=self.dtype
        )
        batch, length, _ = x.shape
        steps = x.swapaxes(0, 1).reshape(length * batch, -1)
        gates = (steps @ w_ih.T + (b_ih + b_hh)).reshape(length, batch, -1)
        y, state = recur(gates, w_hh.T, tuple(start), d.backward)
        return y.swapaxes(0, 1), state


def _cell(state: State, gates: Array, w: Array) -> tuple[State, tuple[Array, ...]]:
    h, c = state
    i, f, g, o = jnp.split(gates + h @ w, 4, -1)
    i, f, g, o = nnx.sigmoid(i), nnx.sigmoid(f), jnp.tanh(g), nnx.sigmoid(o)
    c = f * c + i * g
    return (o * jnp.tanh(c), c), (i, f, g, o)


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def recur(gates: Array, w: Array, start: State, reverse: bool) -> tuple[Array, State]:
    """Run one direction of one layer over its steps. gates: [T, B, 4 * hidden], of the
    inputs; w: [hidden, 4 * hidden]; start: before the first step.

    DIFF(lstm-gradient): left to itself JAX adds to the gradient of w at every step;
    with the derivative written out it is one product over all steps.
    """

    def step(state: State, gates: Array) -> tuple[State, Array]:
        state, _ = _cell(state, gates, w)
        return state, state[0]

    state, y = jax.lax.scan(step, start, gates, reverse=reverse)
    return y, state


@recur.defjvp
def _recur_jvp(reverse: bool, primals: Any, tangents: Any) -> Any:
    (gates, w, start), (dgates, dw, dstart) = primals, tangents

    def step(state: State, gates: Array) -> Any:
        after, found = _cell(state, gates, w)
        return after, (state, after, found)

    state, seen = jax.lax.scan(step, start, gates, reverse=reverse)
    (h, c), (y, c_after), (i, f, g, o) = seen
    squashed = jnp.tanh(c_after)
    # How the next cell depends on the gates before their squashing, and on itself.
    of_gates = (i * (1 - i) * g, f * (1 - f) * c, i * (1 - g * g))
    factors = (of_gates, f, o * (1 - squashed * squashed), o * (1 - o) * squashed)

    def change(dstate: State, at: Any) -> tuple[State, Array]:
        (dh, dc), (dz, (of_gates, f, of_cell, of_output)) = dstate, at
        *parts, do = jnp.split(dz + dh @ w, 4, -1)
        pairs = zip(of_gates, parts, strict=True)
        dc = f * dc + sum(factor * part for factor, part in pairs)
        dh = of_cell * dc + of_output * do
        return (dh, dc), dh

    flat = h.reshape(-1, h.shape[-1]) @ dw
    dgates = dgates + flat.reshape(gates.shape)
    dstate, dy = jax.lax.scan(change, dstart, (dgates, factors), reverse=reverse)
    return (y, state), (dy, dstate)
