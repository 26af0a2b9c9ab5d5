"""Recurrent layers, and their gradient backward through time."""

from collections.abc import Sequence

import numpy as np

from shared.arrays import Array
from shared.reference.layers.cells import KINDS, State
from shared.reference.layers.dropout import Dropout
from shared.reference.module import Module, Operation, Parameter
from shared.specs.sequence.recurrent import Direction, StackSpec


class Recurrence(Operation):
    """One direction of one layer: past its length a sequence puts out 0 and its state
    stays, so that its gradient stays too."""

    def __init__(self, d: Direction, tensors: Sequence[Parameter]):
        self.w_ih, _, self.b_ih, *_ = tensors
        self.cell, self.reversed = KINDS[type(d.cell)](d.cell, tensors), d.backward

    def forward(self, x: Array, state: State, lengths: Array) -> tuple[Array, State]:
        """x: [B, T, c_in]. Every step's output, and the last state."""
        self.x, inputs = x, x @ self.w_ih.value.T + self.b_ih.value
        times = range(x.shape[1])
        self.times = times[::-1] if self.reversed else times
        y = np.zeros_like(x, shape=(*x.shape[:2], state[0].shape[-1]))
        self.inside, self.kept = [(t < lengths)[:, None] for t in times], {}
        for t in self.times:
            after, self.kept[t] = self.cell.forward(inputs[:, t], state)
            y[:, t] = np.where(self.inside[t], after[0], 0)
            pairs = zip(after, state, strict=True)
            state = tuple(np.where(self.inside[t], *pair) for pair in pairs)
        return y, state

    def backward(self, of_y: Array, of_state: State) -> tuple[Array, State]:
        """Go from the last step to the first: what a step is asked for is what its
        output is, and what the step after it asks of the state."""
        shape = (*of_y.shape[:2], len(self.b_ih.value))
        gates = np.zeros_like(of_y, shape=shape)
        for t in reversed(self.times):
            inside = self.inside[t]
            h, *others = of_state
            asked = tuple(np.where(inside, g, 0) for g in (h + of_y[:, t], *others))
            gates[:, t], before = self.cell.backward(self.kept[t], asked)
            pairs = zip(before, of_state, strict=True)
            of_state = tuple(np.where(inside, *pair) for pair in pairs)
        rows, x = (a.reshape(-1, a.shape[-1]) for a in (gates, self.x))
        self.w_ih.add(rows.T @ x)
        self.b_ih.add(rows.sum(0))
        return gates @ self.w_ih.value, of_state


class Recurrent(Module):
    """Layers of one direction or two, with dropout between them; the tensors' names are
    those of torch.nn. States: [layers * directions, B, width] each."""

    def __init__(self, spec: StackSpec):
        self.spec = spec
        self.tensors: dict[str, Parameter] = {}
        self.recurrences = tuple(
            tuple(self._recurrence(d) for d in directions)
            for directions in spec.directions
        )
        self.dropouts = [Dropout(spec.dropout) for _ in range(spec.gaps)]

    def _recurrence(self, d: Direction) -> Recurrence:
        own = {name: Parameter(shape) for name, shape in d.shapes.items()}
        self.tensors |= own
        return Recurrence(d, list(own.values()))

    def parameters(self) -> dict[str, Parameter]:
        return self.tensors

    def forward(
        self, x: Array, lengths: Array | None = None, *state: Array
    ) -> tuple[Array, State]:
        """Without a state from one of 0."""
        rows, steps, _ = x.shape
        read = np.full(rows, steps) if lengths is None else lengths
        shapes = [(self.spec.scans, rows, width) for width in self.spec.widths]
        state = state or tuple(np.zeros_like(x, shape=shape) for shape in shapes)
        starts, ends = zip(*state, strict=True), list[State]()
        for k, directions in enumerate(self.recurrences):
            if k and self.training:
                x = self.dropouts[k - 1](x)
            found = [one(x, next(starts), read) for one in directions]
            x = np.concatenate([y for y, _ in found], -1)
            ends += [end for _, end in found]
        return x, tuple(np.stack(part) for part in zip(*ends, strict=True))

    def backward(self, g: Array, *of_state: Array) -> tuple[Array, ...]:
        """The gradients of the sequence and of each part of the state before it."""
        asked, of_starts = list(zip(*of_state, strict=True)), list[State]()
        for k in reversed(range(self.spec.layers)):
            number = len(self.recurrences[k])
            of_ys = np.split(g, number, -1)
            own = asked[k * number : (k + 1) * number]
            parts = zip(self.recurrences[k], of_ys, own, strict=True)
            found = [one.backward(of_y, of_end) for one, of_y, of_end in parts]
            g = np.sum([of_x for of_x, _ in found], 0)
            of_starts = [of_start for _, of_start in found] + of_starts
            if k and self.training:
                g = self.dropouts[k - 1].backward(g)
        return g, *(np.stack(part) for part in zip(*of_starts, strict=True))
