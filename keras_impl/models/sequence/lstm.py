"""Stacked LSTM in Keras 3, [B, T, features].

Spec and paper: shared/specs/sequence/lstm.py.
"""

from keras import KerasTensor, ops

from keras_impl.layers import Dense, Recurrent, SpecModel
from shared.specs.sequence.lstm import LSTMSpec


class LSTM(SpecModel):
    def __init__(self, spec: LSTMSpec):
        super().__init__(spec)
        self.lstm = Recurrent(spec.stack)
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        _, (h, _) = self.lstm(x)
        ends = h[-self.spec.ends :]  # [directions, B, hidden]
        return self.fc(ops.concatenate(ops.unstack(ends), 1))  # [B, num_classes]
