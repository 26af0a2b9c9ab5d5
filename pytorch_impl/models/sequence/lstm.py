"""Stacked LSTM in PyTorch, [B, T, features].

Spec and paper: shared/specs/sequence/lstm.py.
"""

import torch
from torch import Tensor, nn

from pytorch_impl.layers import Recurrent
from shared.specs.sequence.lstm import LSTMSpec


class LSTM(nn.Module):
    def __init__(self, spec: LSTMSpec):
        super().__init__()
        self.spec = spec
        self.lstm = Recurrent(spec.stack)
        self.fc = nn.Linear(spec.c_out, spec.num_classes)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.lstm(x)
        ends = h[-self.spec.ends :]  # [directions, B, hidden]
        return self.fc(torch.cat(ends.unbind(), 1))  # [B, num_classes]
