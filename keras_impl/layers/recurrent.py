"""Recurrent layers: cells over time, in layers, in one direction or both."""

from typing import Any

import keras
from keras import KerasTensor, ops
from keras.src import backend

from keras_impl import backends
from keras_impl.layers.cells import State, Step, step_of
from keras_impl.layers.dropout import Dropout
from keras_impl.layers.saved import Saved
from shared.specs.sequence.recurrent import Direction, StackSpec


def scan(
    step: Step,
    inputs: KerasTensor,
    state: State,
    lengths: KerasTensor | None,
    reverse: bool,
) -> tuple[KerasTensor, State]:
    """inputs: [B, T, gates]. What each step puts out, and the last state; past its
    length a sequence puts out 0 and its state stays."""
    if lengths is not None:
        times = ops.arange(inputs.shape[1], dtype="int32")
        inside = times < ops.cast(lengths, "int32")[:, None]
        # Behind the gates, since not every back end scans two tensors.
        last = ops.cast(inside[..., None], inputs.dtype)
        inputs = ops.concatenate([inputs, last], -1)
    if reverse:  # not go_backwards: its output's order is the back end's
        inputs = ops.flip(inputs, 1)

    def held(x: KerasTensor, state: list[KerasTensor]) -> Any:
        if lengths is None:
            after = step(x, tuple(state))
            return after[0], list(after)
        after, inside = step(x[:, :-1], tuple(state)), x[:, -1:] > 0
        pairs = zip(after, state, strict=True)
        kept = [ops.where(inside, new, old) for new, old in pairs]
        return ops.where(inside, after[0], ops.zeros_like(after[0])), kept

    _, y, end = backend.rnn(held, inputs, list(state))
    return ops.flip(y, 1) if reverse else y, tuple(end)


class Recurrent(Saved, keras.Layer):
    """States: [layers * directions, B, width] each.

    DIFF(lstm-biases): Keras's layers have one bias, one layer and one direction; this
    one has torch's parameters and of a plain LSTM calls the function below Keras's
    (cuDNN on a GPU).
    """

    def __init__(self, spec: StackSpec, *, name: str | None = None, dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.spec = spec
        if not backends.compiles_lstm():
            self.supports_jit = False  # XLA cannot compile cuDNN's LSTM
        for direction in sum(spec.directions, ()):
            for name, shape in direction.shapes.items():
                setattr(self, name, self.add_weight(shape, "zeros", name=name))
        self.dropouts = [Dropout(spec.dropout, dtype=dtype) for _ in range(spec.gaps)]

    def call(
        self,
        x: KerasTensor,
        state: State | None = None,
        lengths: KerasTensor | None = None,
        training: bool | None = None,
    ) -> tuple[KerasTensor, State]:
        """Run over all steps; without a state it starts at zeros."""
        state = self.starts(x) if state is None else state
        starts = zip(*(ops.unstack(p, self.spec.scans) for p in state), strict=True)
        ends = list[State]()
        for k, directions in enumerate(self.spec.directions):
            if k and training:
                x = self.dropouts[k - 1](x, training=True)
            found = [self.scan(x, d, next(starts), lengths) for d in directions]
            x = ops.concatenate([y for y, _ in found], -1)
            ends.extend(end for _, end in found)
        return x, tuple(ops.stack(part) for part in zip(*ends, strict=True))

    def starts(self, x: KerasTensor) -> State:
        rows, widths = ops.shape(x)[0], self.spec.widths
        return tuple(
            ops.zeros((self.spec.scans, rows, width), x.dtype) for width in widths
        )

    def scan(
        self, x: KerasTensor, d: Direction, start: State, lengths: KerasTensor | None
    ) -> tuple[KerasTensor, State]:
        weights = [getattr(self, name) for name in d.shapes]
        if lengths is None and d.cell.is_plain_lstm:
            return self.fused(x, weights, start, d)
        w_ih, _, b_ih, *_ = weights
        inputs = ops.matmul(x, ops.transpose(w_ih)) + b_ih  # [B, T, gates * hidden]
        return scan(step_of(d.cell, weights), inputs, start, lengths, d.backward)

    def fused(
        self, x: KerasTensor, weights: list[Any], start: State, d: Direction
    ) -> tuple[KerasTensor, State]:
        w_ih, w_hh, b_ih, b_hh = weights
        w_ih, w_hh, bias = ops.transpose(w_ih), ops.transpose(w_hh), b_ih + b_hh
        if d.backward:
            x = ops.flip(x, 1)
        try:
            if keras.backend.standardize_dtype(x.dtype) == "float64":
                raise NotImplementedError  # float64 takes the form written out below
            _, y, state = backend.lstm(
                x,
                *start,
                mask=None,
                kernel=w_ih,
                recurrent_kernel=w_hh,
                bias=bias,
                activation=keras.activations.tanh,
                recurrent_activation=keras.activations.sigmoid,
                return_sequences=True,
            )
        except NotImplementedError:  # no cuDNN
            gates = ops.matmul(x, w_ih) + bias  # [B, T, 4 * hidden]
            both = recur(gates, w_hh, *start)
            y, state = both[..., : d.hidden], ops.split(both[:, -1], 2, -1)
        h, c = state
        return ops.flip(y, 1) if d.backward else y, (h, c)


@ops.custom_gradient
def recur(gates: KerasTensor, w: KerasTensor, h: KerasTensor, c: KerasTensor) -> Any:
    """Run one direction of one layer over its steps, and give hidden and cell of every
    step, beside each other. gates: [B, T, 4 * hidden], of the inputs; w: [hidden, 4 *
    hidden]; h, c: before the first step.

    DIFF(lstm-gradient): left to itself the gradient of a loop adds to that of w at
    every step; with the derivative written out it is one product over all steps.
    """
    start = [h, c]

    def step(gates: KerasTensor, state: list[KerasTensor]) -> Any:
        h, c = state
        i, f, g, o = ops.split(gates + ops.matmul(h, w), 4, -1)
        i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
        c = f * c + i * g
        h = o * ops.tanh(c)
        return ops.concatenate([h, c], -1), [h, c]

    _, seen, _ = backend.rnn(step, gates, start)

    def gradient(*args: Any, upstream: Any = None) -> Any:
        (upstream,) = (upstream,) if args == () else args
        return _back(gates, w, start, seen, upstream)

    return seen, gradient


def _back(
    gates: KerasTensor,
    w: KerasTensor,
    start: list[KerasTensor],
    seen: KerasTensor,
    upstream: KerasTensor,
) -> tuple[KerasTensor, ...]:
    """Give the gradients of the gates, of w and of the start. What a step computed is
    computed anew, all steps at once: cheaper than to keep it."""
    first = ops.concatenate(start, -1)[:, None]
    h, before = ops.split(ops.concatenate([first, seen[:, :-1]], 1), 2, -1)
    i, f, g, o = ops.split(gates + ops.matmul(h, w), 4, -1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    c = ops.split(seen, 2, -1)[1]
    squashed = ops.tanh(c)
    # How the next cell depends on the gates before their squashing, and on itself.
    of_gates = [i * (1 - i) * g, f * (1 - f) * before, i * (1 - g * g)]
    factors = [*of_gates, f, o * (1 - squashed * squashed), o * (1 - o) * squashed]
    turned = ops.flip(ops.concatenate([upstream, *factors], -1), 1)
    across = ops.transpose(w)

    def step(at: KerasTensor, state: list[KerasTensor]) -> Any:
        dh, dc, of_i, of_f, of_g, f, of_cell, of_output = ops.split(at, 8, -1)
        dh = dh + state[0]
        dc = dc + state[1] + of_cell * dh
        dz = ops.concatenate([of_i * dc, of_f * dc, of_g * dc, of_output * dh], -1)
        return dz, [ops.matmul(dz, across), f * dc]

    after = ops.split(ops.zeros_like(first[:, 0]), 2, -1)
    _, dz, dstart = backend.rnn(step, turned, after)
    dz = ops.flip(dz, 1)
    rows = ops.transpose(ops.reshape(h, (-1, h.shape[-1])))
    dw = ops.matmul(rows, ops.reshape(dz, (-1, dz.shape[-1])))
    return dz, dw, *dstart
