"""Recurrent layers: an LSTM of several layers, in one direction or both."""

from collections.abc import Iterator

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
        self, x: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Run over all steps; without a state it starts at zeros."""
        parity = any(dropout.draws is not None for dropout in self.dropouts)
        if not (self.training and parity):
            return super().forward(x, state)
        starts, ends = self.starts(x, state), []
        for k, directions in enumerate(self.spec.directions):
            if k:
                x = self.dropouts[k - 1](x)
            weights = [getattr(self, name) for d in directions for name in d.shapes]
            both = self.spec.bidirectional
            x, *end = torch._VF.lstm(
                x, next(starts), weights, True, 1, 0.0, True, both, True
            )
            ends.append(end)
        h, c = (torch.cat(s) for s in zip(*ends, strict=True))
        return x, (h, c)

    def starts(self, x: Tensor, state: State | None) -> Iterator[State]:
        """Give the states that each layer starts from."""
        if state is None:
            zeros = x.new_zeros(self.spec.scans, len(x), self.spec.hidden)
            state = zeros, zeros
        h, c = (s.chunk(self.spec.layers) for s in state)
        return zip(h, c, strict=True)
