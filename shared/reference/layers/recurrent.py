"""The LSTM, and its gradient backward through time."""

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import sigmoid
from shared.reference.layers.dropout import Dropout
from shared.reference.module import Module, Operation, Parameter
from shared.specs.sequence.recurrent import Direction, StackSpec

# Hidden and cell: [layers * directions, B, hidden].
State = tuple[Array, Array]


class Recurrence(Operation):
    """One direction of one layer, from a state of 0:

    [i f g o] = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh, all but g squashed by a sigmoid,
    g by tanh; c_t = f c_{t-1} + i g; h_t = o tanh(c_t).
    """

    def __init__(self, tensors: list[Parameter], backward: bool):
        self.w_ih, self.w_hh, self.b_ih, self.b_hh = tensors
        self.reversed = backward

    def forward(self, x: Array) -> tuple[Array, Array, Array]:
        """Give every hidden state, the last one and the last cell. x: [B, T, c_in]."""
        self.x = x[:, ::-1] if self.reversed else x
        of_inputs = self.x @ self.w_ih.value.T + self.b_ih.value + self.b_hh.value
        h = c = np.zeros_like(of_inputs, shape=(len(x), self.w_hh.shape[1]))
        self.steps, states = [], []
        for t in range(x.shape[1]):
            gates = of_inputs[:, t] + h @ self.w_hh.value.T  # [B, 4 * hidden]
            i, f, g, o = np.split(gates, 4, -1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            before, c = (h, c), f * c + i * g
            squashed = np.tanh(c)
            h = o * squashed
            self.steps.append((before, (i, f, g, o), squashed))
            states.append(h)
        y = np.stack(states[::-1] if self.reversed else states, 1)
        return y, h, c

    def backward(self, of_y: Array, of_h: Array, of_c: Array) -> Array:
        """Go from the last step to the first. At each, dh is what this step's y and the
        step after it ask of h_t, and dc what h_t and the step after ask of c_t:

        do = dh tanh(c), dc += dh o (1 - tanh(c)^2), di = dc g, dg = dc i,
        df = dc c_{t-1}; dc_{t-1} = dc f. Behind the squashing, with y' = y (1 - y) or
        1 - y^2, they are the gates' gradient d, and dh_{t-1} = d W_hh.
        """
        of_y = of_y[:, ::-1] if self.reversed else of_y
        of_gates = np.zeros_like(of_y, shape=(*of_y.shape[:2], 4 * of_y.shape[2]))
        of_w_hh, dh, dc = np.zeros_like(self.w_hh.value), of_h, of_c
        for t in reversed(range(of_y.shape[1])):
            (h, c), (i, f, g, o), squashed = self.steps[t]
            dh = dh + of_y[:, t]
            dc = dc + dh * o * (1 - squashed**2)
            di, df, do = dc * g * i * (1 - i), dc * c * f * (1 - f), dh * squashed
            parts = (di, df, dc * i * (1 - g**2), do * o * (1 - o))
            d = of_gates[:, t] = np.concatenate(parts, -1)
            of_w_hh += d.T @ h
            dh, dc = d @ self.w_hh.value, dc * f
        rows, x = (a.reshape(-1, a.shape[-1]) for a in (of_gates, self.x))
        self.w_ih.add(rows.T @ x)
        self.w_hh.add(of_w_hh)
        for bias in (self.b_ih, self.b_hh):
            bias.add(rows.sum(0))
        of_x = of_gates @ self.w_ih.value
        return of_x[:, ::-1] if self.reversed else of_x


class StackedLSTM(Module):
    """Layers of one direction or two, with dropout between them; the tensors' names are
    those of torch.nn.LSTM."""

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
        return Recurrence(list(own.values()), d.backward)

    def parameters(self) -> dict[str, Parameter]:
        return self.tensors

    def forward(self, x: Array) -> tuple[Array, State]:
        states: list[State] = []
        for k, directions in enumerate(self.recurrences):
            if k and self.training:
                x = self.dropouts[k - 1](x)
            found = [recurrence(x) for recurrence in directions]
            x = np.concatenate([y for y, _, _ in found], -1)
            states += [(h, c) for _, h, c in found]
        h, c = (np.stack(s) for s in zip(*states, strict=True))
        return x, (h, c)

    def backward(self, g: Array, of_h: Array, of_c: Array) -> Array:
        number = len(self.recurrences[0])
        for k in reversed(range(self.spec.layers)):
            own = slice(k * number, (k + 1) * number)
            parts = np.split(g, number, -1)
            zipped = zip(self.recurrences[k], parts, of_h[own], of_c[own], strict=True)
            asked = [recurrence.backward(*given) for recurrence, *given in zipped]
            g = np.sum(asked, 0)
            if k and self.training:
                g = self.dropouts[k - 1].backward(g)
        return g
