"""Recurrent layers: cells over time, in layers, in one direction or both."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn.dtypes import promote_dtype
from jax import Array

from jax_impl.layers.cells import State, Step, step_of
from jax_impl.layers.dropout import Dropout
from shared.specs.sequence.recurrent import Direction, StackSpec


def scan(
    step: Step, inputs: Array, state: State, lengths: Array | None, reverse: bool
) -> tuple[Array, State]:
    """inputs: [T, B, gates]. What each step puts out, and the last state; past its
    length a sequence puts out 0 and its state stays."""

    def held(state: State, at: tuple[Array, Array]) -> tuple[State, Array]:
        t, x = at
        after = step(x, state)
        if lengths is None:
            return after, after[0]
        inside = (t < lengths)[:, None]
        pairs = zip(after, state, strict=True)
        kept = tuple(jnp.where(inside, new, old) for new, old in pairs)
        return kept, jnp.where(inside, after[0], 0)

    times = jnp.arange(len(inputs))
    state, y = jax.lax.scan(held, state, (times, inputs), reverse=reverse)
    return y, state


class Recurrent(nnx.Module):
    """States: [layers * directions, B, width] each.

    DIFF(lstm-scan): JAX has no LSTM with torch's parameters; the product with the
    inputs is one matmul, what is left is scanned.
    """

    def __init__(self, spec: StackSpec, *, rngs: nnx.Rngs):
        self.spec, self.dtype = spec, None
        for direction in sum(spec.directions, ()):
            for name, shape in direction.shapes.items():
                setattr(self, name, nnx.Param(jnp.zeros(shape)))
        self.dropouts = nnx.List(
            Dropout(spec.dropout, rngs=rngs) for _ in range(spec.gaps)
        )

    def __call__(
        self, x: Array, state: State | None = None, lengths: Array | None = None
    ) -> tuple[Array, State]:
        """Run over all steps; without a state it starts at zeros."""
        state = self.starts(x) if state is None else state
        starts, ends = zip(*state, strict=True), list[State]()
        for k, directions in enumerate(self.spec.directions):
            if k and not self.dropouts[k - 1].deterministic:
                x = self.dropouts[k - 1](x)
            found = [self.scan(x, d, next(starts), lengths) for d in directions]
            x = jnp.concatenate([y for y, _ in found], -1)
            ends.extend(end for _, end in found)
        return x, tuple(jnp.stack(part) for part in zip(*ends, strict=True))

    def starts(self, x: Array) -> State:
        rows, widths = len(x), self.spec.widths
        return tuple(
            jnp.zeros((self.spec.scans, rows, width), x.dtype) for width in widths
        )

    def scan(
        self, x: Array, d: Direction, start: State, lengths: Array | None
    ) -> tuple[Array, State]:
        own = [getattr(self, name)[...] for name in d.shapes]
        x, *both = promote_dtype((x, *own, *start), dtype=self.dtype)
        weights, start = both[: len(own)], tuple(both[len(own) :])
        w_ih, w_hh, b_ih, b_hh, *_ = weights
        batch, length, _ = x.shape
        steps = x.swapaxes(0, 1).reshape(length * batch, -1)
        inputs = (steps @ w_ih.T).reshape(length, batch, -1)
        if lengths is None and d.cell.is_plain_lstm:
            y, end = recur(inputs + (b_ih + b_hh), w_hh.T, start, d.backward)
        else:
            step = step_of(d.cell, weights)
            y, end = scan(step, inputs + b_ih, start, lengths, d.backward)
        return y.swapaxes(0, 1), end


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
