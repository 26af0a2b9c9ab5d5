"""What all definitions of optimizers share.

Letters are the papers': x a parameter, g its gradient, t the update (from 1), lr the
learning rate of this update (a schedule may have changed it), decay the weight decay
of this tensor (0 where its group is left out: norms and biases, by custom).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from shared.arrays import Array, Weights
from shared.fields import Checked, NonNegative

State = dict[str, Array]  # what is kept of one tensor
# What a kept array is, next to its parameter; frameworks store matrices transposed.
LIKE = "like the parameter"
ROWS = "one value a row"
COLUMNS = "one value a column"
ROWS_ROWS = "one value a pair of rows"
COLUMNS_COLUMNS = "one value a pair of columns"
SHARED = "one value for all tensors"
# What it is called next to the transposed matrix.
TURNED = {
    ROWS: COLUMNS,
    COLUMNS: ROWS,
    ROWS_ROWS: COLUMNS_COLUMNS,
    COLUMNS_COLUMNS: ROWS_ROWS,
}


def shape_of(kind: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape of a kept array next to a parameter's."""
    if kind in (LIKE, SHARED):
        return shape if kind == LIKE else ()
    axis = shape[:1] if kind in (ROWS, ROWS_ROWS) else shape[1:]
    return axis if kind in (ROWS, COLUMNS) else axis * 2


@dataclass(frozen=True, kw_only=True)
class Optimizer(Checked):
    lr: NonNegative
    weight_decay: NonNegative = 0.0

    keeps: ClassVar[dict[str, str]] = {}
    passes: ClassVar[int] = 1  # updates, each with its own gradient, to one batch

    def start(self, x: Array) -> State:
        """What is kept of a tensor before the first update: what of `keeps` these
        settings need."""
        return {k: np.zeros_like(x) for k, kind in self.keeps.items() if kind == LIKE}

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        """Compute what all tensors share in an update, kept where `keeps` names it."""
        return {}

    def evaluated(self, xs: Weights, state: Weights) -> dict[str, Array]:
        """The parameters to evaluate with; some train others."""
        return dict(xs)

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        """Update one tensor: give its new value and what is kept of it."""
        raise NotImplementedError

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Update all tensors; the state is flat: `t`, and `m/conv1.weight`."""
        t = int(state["t"]) + 1 if state else 1
        shared = self.share(gs, state, lr)
        new_xs, new_state = {}, {"t": np.array(t)}
        new_state |= {k: value for k, value in shared.items() if k in self.keeps}
        for name, x in xs.items():
            kept = [k for k in self.keeps if f"{k}/{name}" in state]
            s = {k: state[f"{k}/{name}"] for k in kept} if state else self.start(x)
            decay = 0.0 if name in excluded else self.weight_decay
            new_xs[name], s = self.step(x, gs[name], {**s, **shared}, t, lr, decay)
            new_state |= {f"{k}/{name}": value for k, value in s.items()}
        return new_xs, new_state


def excluded(shapes: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
    """The tensors that custom leaves out of weight decay: norms and biases."""
    return frozenset(name for name, shape in shapes.items() if len(shape) < 2)


def norm(x: Array) -> Any:
    return np.sqrt(np.sum(x**2))


def adam_step(optimizer: Any, g: Array, s: State, t: int) -> tuple[Array, State]:
    """Adam's step, by its own settings, and its averages."""
    m = optimizer.beta1 * s["m"] + (1 - optimizer.beta1) * g
    v = optimizer.beta2 * s["v"] + (1 - optimizer.beta2) * g**2
    m_hat = m / (1 - optimizer.beta1**t)
    v_hat = v / (1 - optimizer.beta2**t)
    return m_hat / (np.sqrt(v_hat) + optimizer.eps), {"m": m, "v": v}


@dataclass(frozen=True, kw_only=True)
class Layerwise(Optimizer):
    """Each tensor's step is as long as its own norm says (the trust ratio)."""

    trust: bool = True

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Update all tensors; what decay leaves alone the ratio leaves alone too, as in
        the authors' code."""
        new_xs, new_state = dict[str, Array](), dict[str, Array]()
        for optimizer, out in ((self, False), (replace(self, trust=False), True)):
            part = {n: x for n, x in xs.items() if (n in excluded) == out}
            found = super(Layerwise, optimizer).update(part, gs, state, lr, excluded)
            new_xs |= found[0]
            new_state |= found[1]
        return new_xs, new_state


def accumulated(gradients: Sequence[Weights]) -> dict[str, Array]:
    """Average the gradients of parts of one batch, of equal size."""
    names = gradients[0]
    return {n: np.mean([gs[n] for gs in gradients], axis=0) for n in names}
