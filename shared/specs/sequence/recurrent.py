"""Stacks of recurrent layers as torch.nn.LSTM names and arranges them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Direction:
    """One direction of one layer; `suffix` ends the names of its parameters."""

    c_in: int
    hidden: int
    suffix: str
    backward: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Gives the shapes of the parameters, by name; the four gates lie one below the
        other."""
        rows = 4 * self.hidden
        return {
            f"weight_ih_{self.suffix}": (rows, self.c_in),
            f"weight_hh_{self.suffix}": (rows, self.hidden),
            f"bias_ih_{self.suffix}": (rows,),
            f"bias_hh_{self.suffix}": (rows,),
        }


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

    @property
    def gaps(self) -> int:
        return self.layers - 1

    @property
    def scans(self) -> int:
        """The directions of all layers."""
        return self.layers * (1 + self.bidirectional)

    @property
    def directions(self) -> tuple[tuple[Direction, ...], ...]:
        """Gives each layer's directions."""
        stack, c_in, both = [], self.features, (False, True)[: 1 + self.bidirectional]
        for k in range(self.layers):
            stack.append(
                tuple(
                    Direction(c_in, self.hidden, f"l{k}" + "_reverse" * back, back)
                    for back in both
                )
            )
            c_in = len(both) * self.hidden
        return tuple(stack)
