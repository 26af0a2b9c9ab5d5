"""Silero VAD in Keras 3, [B, frames, samples].

Spec, names: shared/specs/sequence/silero_vad.py.
"""

from keras import KerasTensor, ops

from keras_impl.layers import Dense, Recurrent, SpecModel, State, conv1d
from shared.specs.sequence.silero_vad import SileroVADSpec


class SileroVAD(SpecModel):
    def __init__(self, spec: SileroVADSpec):
        super().__init__(spec)
        self.stft = conv1d(spec.stft)
        self.convs = [conv1d(c) for c in spec.convs]
        self.lstm = Recurrent(spec.stack)
        self.out = Dense(spec.hidden, 1)

    def call(self, wave: KerasTensor) -> KerasTensor:
        return self.read(wave)[0]  # [B, frames]

    def speech(
        self, wave: KerasTensor, hidden: KerasTensor, cell: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
        """The probability that there is speech in each frame, and the state after."""
        logits, (h, c) = self.read(wave, (hidden[None], cell[None]))
        return ops.sigmoid(logits), h[0], c[0]

    def read(
        self, wave: KerasTensor, state: State | None = None
    ) -> tuple[KerasTensor, State]:
        _, frames, samples = wave.shape
        x = ops.reshape(wave, (-1, samples, 1))
        x = self.stft(ops.pad(x, ((0, 0), (0, self.spec.reflected), (0, 0)), "reflect"))
        real, imaginary = ops.split(x, 2, -1)  # [B * frames, T, frequencies]
        x = ops.sqrt(real**2 + imaginary**2)
        for conv in self.convs:
            x = ops.relu(conv(x))  # [B * frames, T / stride, width]
        x = ops.reshape(x, (-1, frames, self.spec.stack.features))
        x, state = self.lstm(x, state)
        return self.out(ops.relu(x))[..., 0], state
