"""Recurrent networks in PyTorch, [B, T, features].

Spec and papers: shared/specs/sequence/rnn.py.
"""

import torch
from torch import Tensor, nn

from pytorch_impl.layers import Recurrent
from shared.specs.sequence.rnn import RNNPredictorSpec, RNNSpec


class RNN(nn.Module):
    def __init__(self, spec: RNNSpec):
        super().__init__()
        self.spec = spec
        self.rnn = Recurrent(spec.stack)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
        """What every step puts out, and the last states."""
        y, state = self.rnn(x, lengths=lengths)
        return y, *(part.transpose(0, 1) for part in state)

    def resume(
        self, x: Tensor, lengths: Tensor | None, *state: Tensor
    ) -> tuple[Tensor, ...]:
        """The same from a state, [B, layers * directions, width]."""
        start = tuple(part.transpose(0, 1).contiguous() for part in state)
        y, end = self.rnn(x, start, lengths)
        return y, *(part.transpose(0, 1) for part in end)

    def step(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """One step more: [B, features]."""
        y, *end = self.resume(x[:, None], None, *state)
        return y[:, 0], *end


class RNNPredictor(nn.Module):
    def __init__(self, spec: RNNPredictorSpec):
        super().__init__()
        self.spec = spec
        self.rnn = Recurrent(spec.stack)
        self.fc = nn.Linear(spec.stack.c_out, spec.num_outputs)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        _, (h, *_) = self.rnn(x, lengths=lengths)
        ends = h[-self.spec.ends :]  # [directions, B, width]
        return self.fc(torch.cat(ends.unbind(), 1))  # [B, num_outputs]
