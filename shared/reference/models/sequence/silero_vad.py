"""Silero VAD in NumPy, [B, frames, samples].

Spec, names: shared/specs/sequence/silero_vad.py.
"""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import ReLU, Sigmoid
from shared.reference.layers.cells import State
from shared.reference.layers.convolution import Conv1d
from shared.reference.layers.linear import Linear
from shared.reference.layers.recurrent import Recurrent
from shared.reference.module import Chain, Module
from shared.specs.sequence.silero_vad import SileroVADSpec


class SileroVAD(Module):
    """With m^2 = r^2 + i^2, dr = dm r / m and di = dm i / m. A sample that is mirrored
    too has both gradients."""

    def __init__(self, spec: SileroVADSpec):
        self.spec = spec
        self.stft = Conv1d(spec.stft)
        self.convs = [Conv1d(c) for c in spec.convs]
        self.lstm = Recurrent(spec.stack)
        self.out = Linear(spec.hidden, 1)
        self.body = Chain(*(Chain(conv, ReLU()) for conv in self.convs))
        self.last = Chain(ReLU(), self.out)
        self.said = Sigmoid()

    def forward(self, wave: Array) -> Array:
        return self.read(wave)[0]  # [B, frames]

    def backward(self, g: Array) -> Array:
        return self.read_backward(g, *(np.zeros_like(part) for part in self.state))[0]

    def speech(self, wave: Array, *state: Array) -> tuple[Array, ...]:
        logits, end = self.read(wave, *(part[None] for part in state))
        return self.said(logits), *(part[0] for part in end)

    def speech_backward(self, g: Array, *of_state: Array) -> tuple[Array, ...]:
        asked = (part[None] for part in of_state)
        of_wave, *of_start = self.read_backward(self.said.backward(g), *asked)
        return of_wave, *(part[0] for part in of_start)

    def read(self, wave: Array, *state: Array) -> tuple[Array, State]:
        rows, frames, samples = wave.shape
        x = wave.reshape(rows * frames, 1, samples)
        x = self.stft(np.pad(x, ((0, 0), (0, 0), (0, self.spec.reflected)), "reflect"))
        self.parts = np.stack(np.split(x, 2, 1))  # [2, B * frames, frequencies, T]
        self.magnitude = np.sqrt((self.parts**2).sum(0))
        x = self.body(self.magnitude).reshape(rows, frames, -1)
        x, self.state = self.lstm(x, None, *state)
        return self.last(x)[..., 0], self.state

    def read_backward(self, g: Array, *of_state: Array) -> tuple[Array, ...]:
        rows, frames = g.shape
        g = self.last.backward(g[..., None])
        g, *of_start = self.lstm.backward(g, *of_state)
        g = self.body.backward(g.reshape(rows * frames, -1, 1))
        g = self.stft.backward(np.concatenate([*(g * self.parts / self.magnitude)], 1))
        own, mirrored = np.split(g[:, 0], [self.spec.samples], 1)
        reflected = slice(-self.spec.reflected - 1, -1)
        own[:, reflected] += mirrored[:, ::-1]
        return own.reshape(rows, frames, -1), *of_start
