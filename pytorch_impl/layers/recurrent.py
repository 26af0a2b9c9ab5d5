"""Recurrent layers: an LSTM of several layers, in one direction or both."""

import torch
from torch import Tensor, nn

from pytorch_impl.layers.dropout import Dropout
from shared.specs.sequence.recurrent import StackSpec

# Hidden and cell: [layers * directions, B, hidden].
State = tuple[Tensor, Tensor]


class StackedLSTM(nn.LSTM):
    """DIFF(lstm-masks): nn.LSTM draws the masks between its layers inside one call; in
    parity mode its layers are called one by one, with the suite's masks between."""

    def __init__(self, spec: StackSpec):
        super().__init__(
            spec.features,
            spec.hidden,
            spec.layers,
            bias=True,
            batch_first=True,
            dropout=spec.dropout,
            bidirectional=spec.bidirectional,
        )
        self.spec = spec
        self.dropouts = nn.ModuleList(Dropout(self.dropout) for _ in range(spec.gaps))

    def forward(  # type: ignore[override]
        self, x: Tensor, hx: State | None = None
    ) -> tuple[Tensor, State]:
        parity = any(dropout.draws is not None for dropout in self.dropouts)
        if not (self.training and parity):
            return super().forward(x, hx)
        states = []
        for k, directions in enumerate(self.spec.directions):
            if k:
                x = self.dropouts[k - 1](x)
            weights = [getattr(self, name) for d in directions for name in d.shapes]
            zeros = x.new_zeros(len(directions), len(x), self.spec.hidden)
            start, both = (zeros, zeros), self.spec.bidirectional
            x, *state = torch._VF.lstm(
                x, start, weights, True, 1, 0.0, True, both, True
            )
            states.append(state)
        h, c = (torch.cat(s) for s in zip(*states, strict=True))
        return x, (h, c)
