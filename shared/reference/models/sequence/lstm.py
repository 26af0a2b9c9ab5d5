"""Stacked LSTM in NumPy, [B, T, features].

Spec and paper: shared/specs/sequence/lstm.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.linear import Linear
from shared.reference.layers.recurrent import Recurrent
from shared.reference.module import Module
from shared.specs.sequence.lstm import LSTMSpec


class LSTM(Module):
    def __init__(self, spec: LSTMSpec):
        self.spec = spec
        self.lstm = Recurrent(spec.stack)
        self.fc = Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Array) -> Array:
        self.y, (self.h, _) = self.lstm(x)
        ends = self.h[-self.spec.ends :]  # [directions, B, hidden]
        return self.fc(np.concatenate(ends, 1))  # [B, num_classes]

    def backward(self, g: Array) -> Array:
        """Nothing is asked of the last cells, of the last layer's other steps, nor of
        the ends of the layers below it."""
        of_h = np.zeros_like(self.h)
        of_h[-self.spec.ends :] = np.split(self.fc.backward(g), self.spec.ends, 1)
        of_x, *_ = self.lstm.backward(np.zeros_like(self.y), of_h, np.zeros_like(of_h))
        return of_x
