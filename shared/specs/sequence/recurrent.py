"""Cells, and stacks of them as torch.nn's recurrent layers name and arrange them.

With x the input, h the state before and sigma the sigmoid, and W_ih x + b_ih and
W_hh h + b_hh split into the gates by the order that stands here:

  Elman   h' = f(x + h); f is tanh or ReLU (Elman 1990,
          https://doi.org/10.1207/s15516709cog1402_1)
  GRU     r z n: h' = (1 - z) n + z h (Cho et al. 2014, arXiv:1406.1078). Reset "before"
          the product, as there, n = tanh(x_n + W_n (r h) + b_n); "after" it, as cuDNN
          has it, n = tanh(x_n + r (W_n h + b_n))
  LSTM    i f g o: c' = f c + i tanh(g), h' = o tanh(c') (Gers et al. 2000,
          https://doi.org/10.1162/089976600300015015). With peepholes the diagonals p_i,
          p_f of the cell before and p_o of the cell after join the gates (Gers,
          Schmidhuber 2000, https://doi.org/10.1109/IJCNN.2000.861302); with a
          projection h' is W_hr of it (Sak et al. 2014, arXiv:1402.1128)
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from shared.fields import Checked, Index

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Cell(Checked):
    """What one step does. gates: how many of `hidden` rows each matrix has."""

    gates: ClassVar[int]

    @property
    def in_cudnn(self) -> bool:
        """Whether it is one of those that fused kernels know."""
        return True

    @property
    def is_plain_lstm(self) -> bool:
        """Whether it is an LSTM with nothing beside its gates."""
        return False

    def widths(self, hidden: int) -> tuple[int, ...]:
        """Gives the width of each part of the state; a step puts out the first."""
        return (hidden,)

    def own(self, hidden: int) -> Shapes:
        """Gives the parameters beside those that all cells have."""
        return {}


@dataclass(frozen=True, kw_only=True)
class ElmanCell(Cell):
    gates = 1

    activation: Literal["tanh", "relu"] = "tanh"


@dataclass(frozen=True, kw_only=True)
class GRUCell(Cell):
    """reset: before or after the product with the state."""

    gates = 3

    reset: Literal["before", "after"] = "after"

    @property
    def in_cudnn(self) -> bool:
        return self.reset == "after"


@dataclass(frozen=True, kw_only=True)
class LSTMCell(Cell):
    """projection: to how many values, 0 without one."""

    gates = 4

    projection: Index = 0
    peepholes: bool = False

    @property
    def in_cudnn(self) -> bool:
        return not self.peepholes

    @property
    def is_plain_lstm(self) -> bool:
        return not self.projection and not self.peepholes

    def widths(self, hidden: int) -> tuple[int, ...]:
        return (self.projection or hidden, hidden)

    def own(self, hidden: int) -> Shapes:
        found: Shapes = {}
        if self.projection:
            found["weight_hr"] = (self.projection, hidden)
        if self.peepholes:
            found["weight_ch"] = (3, hidden)
        return found


@dataclass(frozen=True)
class Direction:
    """One direction of one layer; `suffix` ends the names of its parameters."""

    c_in: int
    hidden: int
    suffix: str
    backward: bool
    cell: Cell

    @property
    def shapes(self) -> Shapes:
        """Gives the shapes of the parameters, by name; the gates lie one below the
        other."""
        rows, width = self.cell.gates * self.hidden, self.cell.widths(self.hidden)[0]
        shapes = {
            "weight_ih": (rows, self.c_in),
            "weight_hh": (rows, width),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
            **self.cell.own(self.hidden),
        }
        return {f"{name}_{self.suffix}": shape for name, shape in shapes.items()}


@dataclass(frozen=True)
class StackSpec:
    """A stack of recurrent layers reads a sequence.

    features: of each step of the input; dropout: between two layers.
    """

    features: int
    hidden: int
    layers: int
    bidirectional: bool
    dropout: float
    cell: Cell = LSTMCell()

    @property
    def gaps(self) -> int:
        return self.layers - 1

    @property
    def scans(self) -> int:
        """The directions of all layers."""
        return self.layers * (1 + self.bidirectional)

    @property
    def projection(self) -> int:
        """To how many values hidden states are projected, 0 if they are not."""
        return self.cell.projection if isinstance(self.cell, LSTMCell) else 0

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of each part of a direction's state."""
        return self.cell.widths(self.hidden)

    @property
    def c_out(self) -> int:
        """What a step puts out, of both directions."""
        return (1 + self.bidirectional) * self.widths[0]

    @property
    def directions(self) -> tuple[tuple[Direction, ...], ...]:
        """Gives each layer's directions."""
        stack, c_in, both = [], self.features, (False, True)[: 1 + self.bidirectional]
        for k in range(self.layers):
            stack.append(
                tuple(
                    Direction(
                        c_in, self.hidden, f"l{k}" + "_reverse" * back, back, self.cell
                    )
                    for back in both
                )
            )
            c_in = self.c_out
        return tuple(stack)
