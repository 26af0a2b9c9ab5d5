"""Recurrent networks in Keras 3, [B, T, features].

Spec and papers: shared/specs/sequence/rnn.py.
"""

from keras import KerasTensor, ops

from keras_impl.layers import Dense, Recurrent, SpecModel
from shared.specs.sequence.rnn import RNNPredictorSpec, RNNSpec


class RNN(SpecModel):
    def __init__(self, spec: RNNSpec):
        super().__init__(spec)
        self.rnn = Recurrent(spec.stack)

    def call(
        self, x: KerasTensor, lengths: KerasTensor | None = None
    ) -> tuple[KerasTensor, ...]:
        """What every step puts out, and the last states."""
        y, state = self.rnn(x, lengths=lengths)
        return y, *(ops.swapaxes(part, 0, 1) for part in state)

    def resume(
        self, x: KerasTensor, lengths: KerasTensor | None, *state: KerasTensor
    ) -> tuple[KerasTensor, ...]:
        """The same from a state, [B, layers * directions, width]."""
        start = tuple(ops.swapaxes(part, 0, 1) for part in state)
        y, end = self.rnn(x, start, lengths, training=False)
        return y, *(ops.swapaxes(part, 0, 1) for part in end)

    def step(self, x: KerasTensor, *state: KerasTensor) -> tuple[KerasTensor, ...]:
        """One step more: [B, features]."""
        y, *end = self.resume(x[:, None], None, *state)
        return y[:, 0], *end


class RNNPredictor(SpecModel):
    def __init__(self, spec: RNNPredictorSpec):
        super().__init__(spec)
        self.rnn = Recurrent(spec.stack)
        self.fc = Dense(spec.stack.c_out, spec.num_outputs)

    def call(self, x: KerasTensor, lengths: KerasTensor | None = None) -> KerasTensor:
        _, (h, *_) = self.rnn(x, lengths=lengths)
        ends = h[-self.spec.ends :]  # [directions, B, width]
        return self.fc(ops.concatenate(ops.unstack(ends), 1))  # [B, num_outputs]
