"""Recurrent layers: cells over time, in layers, in one direction or both."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pad_packed_sequence,
)

from pytorch_impl.layers.cells import State, Step, step_of
from pytorch_impl.layers.dropout import Dropout
from shared.specs.sequence.recurrent import (
    Cell,
    Direction,
    ElmanCell,
    GRUCell,
    StackSpec,
)

Layers = tuple[tuple[Direction, ...], ...]


def scan(
    step: Step, inputs: Tensor, state: State, lengths: Tensor | None, reverse: bool
) -> tuple[Tensor, State]:
    """inputs: [B, T, gates]. What each step puts out, and the last state; past its
    length a sequence puts out 0 and its state stays."""
    seen = []
    times = range(inputs.shape[1])
    for t in reversed(times) if reverse else times:
        after = step(inputs[:, t], state)
        y = after[0]
        if lengths is not None:
            inside = (t < lengths)[:, None]
            y = torch.where(inside, y, 0)
            pairs = zip(after, state, strict=True)
            after = tuple(torch.where(inside, new, old) for new, old in pairs)
        seen.append(y)
        state = after
    return torch.stack(seen[::-1] if reverse else seen, 1), state


def mode_of(cell: Cell) -> str:
    """The name of the kernel that has such a cell, or its parameters at least."""
    if isinstance(cell, ElmanCell):
        return f"RNN_{cell.activation.upper()}"
    return "GRU" if isinstance(cell, GRUCell) else "LSTM"


KERNELS: dict[str, Any] = {
    "RNN_TANH": torch._VF.rnn_tanh,
    "RNN_RELU": torch._VF.rnn_relu,
    "GRU": torch._VF.gru,
    "LSTM": torch._VF.lstm,
}


class Recurrent(nn.RNNBase):
    """States: [layers * directions, B, width] each.

    DIFF(lstm-masks): torch's kernels draw the masks between layers inside one call; in
    parity mode the layers are called one by one, with the suite's masks between.
    """

    def __init__(self, spec: StackSpec):
        super().__init__(
            mode_of(spec.cell),
            spec.features,
            spec.hidden,
            spec.layers,
            bias=True,
            batch_first=True,
            dropout=spec.dropout,
            bidirectional=spec.bidirectional,
            proj_size=spec.projection,
        )
        self.spec = spec
        for direction in sum(spec.directions, ()):
            for name, shape in direction.shapes.items():
                if not hasattr(self, name):  # of peepholes, which no kernel has
                    setattr(self, name, nn.Parameter(torch.zeros(shape)))
        self.dropouts = nn.ModuleList(Dropout(self.dropout) for _ in range(spec.gaps))

    def forward(
        self, x: Tensor, state: State | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Run over all steps; without a state it starts at zeros."""
        state = self.starts(x) if state is None else state
        parity = any(dropout.draws is not None for dropout in self.dropouts)
        kernel = (
            self.spec.cell.in_cudnn and x.shape[1] > 1
        )  # one step is the cell's own
        if kernel and not (self.training and parity):
            return self.fused(x, state, lengths, self.spec.directions)
        run = self.fused if kernel else self.written
        parts, ends = [part.chunk(self.spec.layers) for part in state], []
        for k, directions in enumerate(self.spec.directions):
            if k and self.training:
                x = self.dropouts[k - 1](x)
            start = tuple(part[k] for part in parts)
            x, end = run(x, start, lengths, (directions,))
            ends.append(end)
        return x, tuple(torch.cat(part) for part in zip(*ends, strict=True))

    def starts(self, x: Tensor) -> State:
        widths = self.spec.widths
        return tuple(x.new_zeros(self.spec.scans, len(x), width) for width in widths)

    def fused(
        self, x: Tensor, state: State, lengths: Tensor | None, layers: Layers
    ) -> tuple[Tensor, State]:
        """So many layers in one call of torch's kernel."""
        names = [name for d in sum(layers, ()) for name in d.shapes]
        weights = [getattr(self, name) for name in names]
        count, both = len(layers), self.bidirectional
        rest = (self.bias, count, self.dropout, self.training, both)
        kernel = KERNELS[self.mode]
        if lengths is None:
            y, *end = kernel(x, self.given(state), weights, *rest, self.batch_first)
            return y, tuple(end)
        # DIFF(packed-lengths): packed are sequences of at least one step, by lengths on
        # the CPU; those of length 0 read a step that does not count.
        some = lengths > 0
        packed = pack_padded_sequence(
            x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        _, sizes, order, back = packed
        sorted_ = tuple(part[:, order] for part in state)
        data, *end = kernel(packed.data, sizes, self.given(sorted_), weights, *rest)
        y, _ = pad_packed_sequence(
            PackedSequence(data, sizes, order, back),
            batch_first=True,
            total_length=x.shape[1],
        )
        pairs = zip((part[:, back] for part in end), state, strict=True)
        held = tuple(torch.where(some[:, None], new, old) for new, old in pairs)
        return torch.where(some[:, None, None], y, 0), held

    def given(self, state: State) -> Any:
        """The state as the kernel takes it."""
        return state if self.mode == "LSTM" else state[0]

    def written(
        self, x: Tensor, state: State, lengths: Tensor | None, layers: Layers
    ) -> tuple[Tensor, State]:
        """One layer, step by step."""
        ((*directions,),) = layers
        found = []
        for k, d in enumerate(directions):
            weights = [getattr(self, name) for name in d.shapes]
            w_ih, _, b_ih, *_ = weights
            inputs = nn.functional.linear(x, w_ih, b_ih)  # [B, T, gates * hidden]
            start = tuple(part[k] for part in state)
            step = step_of(d.cell, weights)
            found.append(scan(step, inputs, start, lengths, d.backward))
        ends = zip(*(end for _, end in found), strict=True)
        return torch.cat([y for y, _ in found], -1), tuple(map(torch.stack, ends))
