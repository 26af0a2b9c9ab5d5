"""Silero VAD in PyTorch, [B, frames, samples].

Spec, names: shared/specs/sequence/silero_vad.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Recurrent, State, conv1d
from shared.specs.sequence.silero_vad import SileroVADSpec


class SileroVAD(nn.Module):
    def __init__(self, spec: SileroVADSpec):
        super().__init__()
        self.spec = spec
        self.stft = conv1d(spec.stft)
        self.convs = nn.ModuleList(conv1d(c) for c in spec.convs)
        self.lstm = Recurrent(spec.stack)
        self.out = nn.Linear(spec.hidden, 1)

    def forward(self, wave: Tensor) -> Tensor:
        return self.read(wave)[0]  # [B, frames]

    def speech(
        self, wave: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The probability that there is speech in each frame, and the state after."""
        logits, (h, c) = self.read(wave, (hidden[None], cell[None]))
        return torch.sigmoid(logits), h[0], c[0]

    def read(self, wave: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        rows, frames, samples = wave.shape
        x = wave.reshape(rows * frames, 1, samples)
        x = self.stft(F.pad(x, (0, self.spec.reflected), "reflect"))
        real, imaginary = x.chunk(2, 1)  # [B * frames, frequencies, T]
        x = torch.sqrt(real**2 + imaginary**2)
        for conv in self.convs:
            x = F.relu(conv(x))  # [B * frames, width, T / stride]
        x = x.reshape(rows, frames, self.spec.stack.features)
        x, state = self.lstm(x, state)
        return self.out(F.relu(x))[..., 0], state
