"""Recurrent networks in NumPy, [B, T, features].

Spec and papers: shared/specs/sequence/rnn.py.
"""

from typing import Any

import numpy as np

from shared.arrays import Array
from shared.reference.layers.linear import Linear
from shared.reference.layers.recurrent import Recurrent
from shared.reference.module import Module
from shared.specs.sequence.rnn import RNNPredictorSpec, RNNSpec


class RNN(Module):
    def __init__(self, spec: RNNSpec):
        self.rnn = Recurrent(spec.stack)

    def forward(self, x: Array, lengths: Array) -> tuple[Array, ...]:
        return self.resume(x, lengths)

    def backward(self, g: Array, *of_state: Array) -> tuple[Any, ...]:
        return self.resume_backward(g, *of_state)[:2]

    def resume(self, x: Array, lengths: Array, *state: Array) -> tuple[Array, ...]:
        y, end = self.rnn(x, lengths, *(part.swapaxes(0, 1) for part in state))
        return y, *(part.swapaxes(0, 1) for part in end)

    def resume_backward(self, g: Array, *of_state: Array) -> tuple[Any, ...]:
        asked = (part.swapaxes(0, 1) for part in of_state)
        of_x, *of_start = self.rnn.backward(g, *asked)
        return of_x, None, *(part.swapaxes(0, 1) for part in of_start)

    def step(self, x: Array, *state: Array) -> tuple[Array, ...]:
        y, *end = self.resume(x[:, None], np.ones(len(x)), *state)
        return y[:, 0], *end

    def step_backward(self, g: Array, *of_state: Array) -> tuple[Array, ...]:
        of_x, _, *of_start = self.resume_backward(g[:, None], *of_state)
        return of_x[:, 0], *of_start


class RNNPredictor(Module):
    def __init__(self, spec: RNNPredictorSpec):
        self.spec = spec
        self.rnn = Recurrent(spec.stack)
        self.fc = Linear(spec.stack.c_out, spec.num_outputs)

    def forward(self, x: Array, lengths: Array) -> Array:
        self.y, self.state = self.rnn(x, lengths)
        ends = self.state[0][-self.spec.ends :]  # [directions, B, width]
        return self.fc(np.concatenate(ends, 1))  # [B, num_outputs]

    def backward(self, g: Array) -> tuple[Array, None]:
        """Nothing is asked of the cells, nor of the layers below the last."""
        of_h, *others = (np.zeros_like(part) for part in self.state)
        of_h[-self.spec.ends :] = np.split(self.fc.backward(g), self.spec.ends, 1)
        of_x, *_ = self.rnn.backward(np.zeros_like(self.y), of_h, *others)
        return of_x, None
