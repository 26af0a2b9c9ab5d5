"""The optimizers. What `step` does, in NumPy, IS the definition; every `*_impl` is held
against it.

Letters are the papers': x a parameter, g its gradient, t the update (from 1), lr the
learning rate of this update (a schedule may have changed it), decay the weight decay
of this tensor (0 where its group is left out: norms and biases, by custom).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shared.errors import unknown
from shared.fields import Checked, NonNegative, Rate
from shared.weights import Array, Weights

State = dict[str, Array]  # what is kept of one tensor
# What a kept array is, next to its parameter; frameworks store matrices transposed.
LIKE = "like the parameter"


@dataclass(frozen=True, kw_only=True)
class Optimizer(Checked):
    lr: NonNegative
    weight_decay: NonNegative = 0.0

    keeps: ClassVar[dict[str, str]] = {}

    def start(self, x: Array) -> State:
        """What is kept of a tensor before the first update."""
        return {name: np.zeros_like(x) for name in self.keeps}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        """One tensor's update."""
        raise NotImplementedError

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """All tensors' update; the state is flat: `t`, and `m/conv1.weight`."""
        t = int(state["t"]) + 1 if state else 1
        new_xs, new_state = {}, {"t": np.array(t)}
        for name, x in xs.items():
            s = {k: state[f"{k}/{name}"] for k in self.keeps} if state else None
            s = self.start(x) if s is None else s
            decay = 0.0 if name in excluded else self.weight_decay
            new_xs[name], s = self.step(x, gs[name], s, t, lr, decay)
            new_state |= {f"{k}/{name}": value for k, value in s.items()}
        return new_xs, new_state


def excluded(shapes: Mapping[str, tuple[int, ...]]) -> frozenset[str]:
    """The tensors that custom leaves out of weight decay: norms and biases."""
    return frozenset(name for name, shape in shapes.items() if len(shape) < 2)


# Gradient descent and its momenta


@dataclass(frozen=True, kw_only=True)
class SGD(Optimizer):
    """Robbins, Monro 1951; Polyak 1964 (momentum); Sutskever et al. 2013 (Nesterov).

    Momentum as Sutskever's section 2 after moving lr out of v, so that a schedule acts
    at once on all of v. Decay is coupled: part of the gradient.
    """

    lr: NonNegative = 1e-2
    momentum: Rate = 0.0
    nesterov: bool = False

    keeps = {"v": LIKE}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and not self.momentum:
            self.refuse("momentum", self.momentum, "above 0 with nesterov")

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        v = self.momentum * s["v"] + g
        if self.nesterov:
            return x - lr * (g + self.momentum * v), {"v": v}
        return x - lr * v, {"v": v}


# Adaptive


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma, Ba 2015 (arXiv:1412.6980), algorithm 1; AMSGrad of Reddi, Kale, Kumar
    2018 (arXiv:1904.09237) keeps the largest v. Decay is coupled: part of the gradient.
    """

    lr: NonNegative = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8

    keeps = {"m": LIKE, "v": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * g**2
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        return x - lr * m_hat / (np.sqrt(v_hat) + self.eps), {"m": m, "v": v}


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Loshchilov, Hutter 2019 (arXiv:1711.05101), algorithm 2: the decay is decoupled
    from the gradient. It is multiplied by lr, as all libraries have it."""

    weight_decay: NonNegative = 1e-2

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        return super().step(x - lr * decay * x, g, s, t, lr, 0.0)


# Modern


# What bounds the gradients before an update


@dataclass(frozen=True, kw_only=True)
class Clip(Checked):
    """Bound the gradients: each value, each tensor's norm, or the norm of them all
    (Pascanu, Mikolov, Bengio 2013, arXiv:1211.5063, algorithm 1)."""

    limit: NonNegative

    def __call__(self, gs: Weights) -> dict[str, Array]:
        raise NotImplementedError


class ClipByValue(Clip):
    def __call__(self, gs: Weights) -> dict[str, Array]:
        return {k: np.clip(g, -self.limit, self.limit) for k, g in gs.items()}


class ClipByNorm(Clip):
    def __call__(self, gs: Weights) -> dict[str, Array]:
        return {k: g * _shrink(np.sum(g**2), self.limit) for k, g in gs.items()}


class ClipByGlobalNorm(Clip):
    def __call__(self, gs: Weights) -> dict[str, Array]:
        shrink = _shrink(sum(np.sum(g**2) for g in gs.values()), self.limit)
        return {k: g * shrink for k, g in gs.items()}


def _shrink(squares: Array, limit: float) -> Array:
    norm = np.sqrt(squares)
    return np.where(norm > limit, limit / np.maximum(norm, limit), 1.0)


# By name, with the papers' settings where they give some

OPTIMIZERS: dict[str, Optimizer] = {
    # Gradient descent and its momenta
    "gradient_descent": SGD(),
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    # Adaptive
    "adam": Adam(),
    "adamw": AdamW(),
    # Modern
}


def optimizer(name: str) -> Optimizer:
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]
