"""The optimizers. What `step` does, in NumPy, IS the definition; every `*_impl` is held
against it.

Letters are the papers': x a parameter, g its gradient, t the update (from 1), lr the
learning rate of this update (a schedule may have changed it), decay the weight decay
of this tensor (0 where its group is left out: norms and biases, by custom).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from shared.errors import unknown
from shared.fields import Checked, NonNegative, Range, Rate
from shared.weights import Array, Weights

Growth = Annotated[float, Range(1.0, math.inf, "a number of at least 1")]
State = dict[str, Array]  # what is kept of one tensor
# What a kept array is, next to its parameter; frameworks store matrices transposed.
LIKE = "like the parameter"


@dataclass(frozen=True, kw_only=True)
class Optimizer(Checked):
    lr: NonNegative
    weight_decay: NonNegative = 0.0

    keeps: ClassVar[dict[str, str]] = {}

    def start(self, x: Array) -> State:
        """What is kept of a tensor before the first update: what of `keeps` these
        settings need."""
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
            s = self.start(x)
            if state:
                s = {k: state[f"{k}/{name}"] for k in s}
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

    def start(self, x: Array) -> State:
        return super().start(x) if self.momentum else {}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        if not self.momentum:
            return x - lr * g, {}
        v = self.momentum * s["v"] + g
        if self.nesterov:
            return x - lr * (g + self.momentum * v), {"v": v}
        return x - lr * v, {"v": v}


# Adaptive


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """Duchi, Hazan, Singer 2011 (JMLR 12), figure 1 with diagonal matrices: G the sum
    of squares, eps (delta there) beside its root. Decay is coupled."""

    lr: NonNegative = 1e-2
    eps: NonNegative = 1e-10

    keeps = {"G": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        G = s["G"] + g**2
        return x - lr * g / (np.sqrt(G) + self.eps), {"G": G}


@dataclass(frozen=True, kw_only=True)
class Adadelta(Optimizer):
    """Zeiler 2012 (arXiv:1212.5701), algorithm 1, settings of section 4.1; E_g and E_d
    its E[g^2] and E[dx^2]. The paper has no lr, which is 1. Decay is coupled."""

    lr: NonNegative = 1.0
    rho: Rate = 0.95
    eps: NonNegative = 1e-6

    keeps = {"E_g": LIKE, "E_d": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        E_g = self.rho * s["E_g"] + (1 - self.rho) * g**2
        d = np.sqrt(s["E_d"] + self.eps) / np.sqrt(E_g + self.eps) * g
        E_d = self.rho * s["E_d"] + (1 - self.rho) * d**2
        return x - lr * d, {"E_g": E_g, "E_d": E_d}


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """Tieleman, Hinton 2012 (lecture 6.5), which has no eps; centred and with momentum
    Graves 2013 (arXiv:1308.0850), equations 38 to 41, whose eps is inside the root:
    n the mean square, m the mean (his g), d the step (his Delta, here without lr, so
    that a schedule acts at once on all of it). Decay is coupled.
    """

    lr: NonNegative = 1e-3
    rho: Rate = 0.9
    eps: NonNegative = 1e-8
    centred: bool = False
    momentum: Rate = 0.0

    keeps = {"n": LIKE, "m": LIKE, "d": LIKE}

    def start(self, x: Array) -> State:
        needed = {"n": True, "m": self.centred, "d": self.momentum > 0}
        return {k: value for k, value in super().start(x).items() if needed[k]}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        kept = {"n": self.rho * s["n"] + (1 - self.rho) * g**2}
        spread = kept["n"]
        if self.centred:
            kept["m"] = self.rho * s["m"] + (1 - self.rho) * g
            spread = spread - kept["m"] ** 2
        d = g / np.sqrt(spread + self.eps)
        if self.momentum:
            d = kept["d"] = self.momentum * s["d"] + d
        return x - lr * d, kept


@dataclass(frozen=True, kw_only=True)
class Rprop(Optimizer):
    """Riedmiller, Braun 1993; where a sign flips no step is taken and none undone
    (iRprop- of Igel, Huesken 2003), as torch has it. The papers have no lr, which is 1:
    delta is the size of an entry's step. Decay is coupled."""

    lr: NonNegative = 1.0
    delta_0: NonNegative = 0.1
    delta_min: NonNegative = 1e-6
    delta_max: NonNegative = 50.0
    eta_minus: Rate = 0.5
    eta_plus: Growth = 1.2

    keeps = {"delta": LIKE, "g": LIKE}

    def start(self, x: Array) -> State:
        return {"delta": np.full_like(x, self.delta_0), "g": np.zeros_like(x)}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        sign = np.sign(g) * np.sign(s["g"])
        eta = np.where(sign > 0, self.eta_plus, np.where(sign < 0, self.eta_minus, 1.0))
        delta = np.clip(s["delta"] * eta, self.delta_min, self.delta_max)
        g = np.where(sign < 0, 0.0, g)
        return x - lr * np.sign(g) * delta, {"delta": delta, "g": g}


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Kingma, Ba 2015 (arXiv:1412.6980), algorithm 1. Decay is coupled: part of the
    gradient. AMSGrad of Reddi, Kale, Kumar 2018 (arXiv:1904.09237), algorithm 2, takes
    the largest of the raw v; its paper leaves out Adam's corrections of the bias, which
    stay here, as torch and Keras have them.
    """

    lr: NonNegative = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8
    amsgrad: bool = False

    keeps = {"m": LIKE, "v": LIKE, "v_max": LIKE}

    def start(self, x: Array) -> State:
        zeros = super().start(x)
        return zeros if self.amsgrad else {"m": zeros["m"], "v": zeros["v"]}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * g**2
        kept, largest = {"m": m, "v": v}, v
        if self.amsgrad:
            largest = kept["v_max"] = np.maximum(s["v_max"], v)
        m_hat = m / (1 - self.beta1**t)
        v_hat = largest / (1 - self.beta2**t)
        return x - lr * m_hat / (np.sqrt(v_hat) + self.eps), kept


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """Loshchilov, Hutter 2019 (arXiv:1711.05101), algorithm 2: the decay is decoupled
    from the gradient. It is multiplied by lr, as all libraries have it."""

    weight_decay: NonNegative = 1e-2

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        return super().step(x - lr * decay * x, g, s, t, lr, 0.0)


@dataclass(frozen=True, kw_only=True)
class Adamax(Optimizer):
    """Kingma, Ba 2015 (arXiv:1412.6980), algorithm 2, which has no eps: without it an
    entry whose gradients were all 0 divides by 0. Decay is coupled."""

    lr: NonNegative = 2e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8

    keeps = {"m": LIKE, "u": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        u = np.maximum(self.beta2 * s["u"], np.abs(g))
        return x - lr / (1 - self.beta1**t) * m / (u + self.eps), {"m": m, "u": u}


@dataclass(frozen=True, kw_only=True)
class NAdam(Optimizer):
    """Dozat 2016 (ICLR workshop), algorithm 2, with the schedule of momentum of its
    section 3; n corrected as Adam's v. `mu` is the product of the momenta so far.
    Decay is coupled."""

    lr: NonNegative = 2e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8
    momentum_decay: NonNegative = 4e-3  # the paper's 1 / 250

    keeps = {"m": LIKE, "n": LIKE}

    def momentum(self, t: int) -> float:
        return self.beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def mu(self, t: int) -> float:
        return math.prod(self.momentum(i) for i in range(1, t + 1))

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        g = g + decay * x
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        n = self.beta2 * s["n"] + (1 - self.beta2) * g**2
        now, then = self.momentum(t), self.momentum(t + 1)
        m_hat = then * m / (1 - self.mu(t + 1)) + (1 - now) * g / (1 - self.mu(t))
        n_hat = n / (1 - self.beta2**t)
        return x - lr * m_hat / (np.sqrt(n_hat) + self.eps), {"m": m, "n": n}

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        new_xs, new_state = super().update(xs, gs, state, lr, excluded)
        return new_xs, new_state | {"mu": np.array(self.mu(int(new_state["t"])))}


@dataclass(frozen=True, kw_only=True)
class RAdam(Optimizer):
    """Liu et al. 2020 (arXiv:1908.03265), algorithm 2: adapted once the variance can be
    told (rho above 4). The paper has no eps; it is beside the root, as Adam's. Decay is
    coupled."""

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
        whole = 2 / (1 - self.beta2) - 1
        rho = whole - 2 * t * self.beta2**t / (1 - self.beta2**t)
        if rho <= 4:
            return x - lr * m_hat, {"m": m, "v": v}
        r = math.sqrt((rho - 4) * (rho - 2) * whole / ((whole - 4) * (whole - 2) * rho))
        v_hat = v / (1 - self.beta2**t)
        return x - lr * r * m_hat / (np.sqrt(v_hat) + self.eps), {"m": m, "v": v}


@dataclass(frozen=True, kw_only=True)
class Lion(Optimizer):
    """Chen et al. 2023 (arXiv:2302.06675), algorithm 2. Decay is decoupled."""

    lr: NonNegative = 1e-4
    beta1: Rate = 0.9
    beta2: Rate = 0.99

    keeps = {"m": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        c = self.beta1 * s["m"] + (1 - self.beta1) * g
        m = self.beta2 * s["m"] + (1 - self.beta2) * g
        return x - lr * (np.sign(c) + decay * x), {"m": m}


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


# What surrounds an update


@dataclass(frozen=True, kw_only=True)
class Ema(Checked):
    """The moving average of the parameters (Polyak, Juditsky 1992, with a constant
    decay): it starts at the first parameters and follows every update."""

    decay: Rate

    def update(self, averages: Weights, xs: Weights) -> dict[str, Array]:
        d = self.decay
        return {name: d * a + (1 - d) * xs[name] for name, a in averages.items()}


def accumulated(gradients: Sequence[Weights]) -> dict[str, Array]:
    """One update's gradients from those of parts of its batch, of equal size."""
    names = gradients[0]
    return {n: np.mean([gs[n] for gs in gradients], axis=0) for n in names}


# By name, with the papers' settings where they give some

OPTIMIZERS: dict[str, Optimizer] = {
    # Gradient descent and its momenta
    "gradient_descent": SGD(),
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    # Adaptive
    "adagrad": Adagrad(),
    "adadelta": Adadelta(),
    "rmsprop": RMSprop(),
    "rmsprop_centred": RMSprop(lr=1e-4, rho=0.95, eps=1e-4, centred=True, momentum=0.9),
    "rmsprop_momentum": RMSprop(momentum=0.9),
    "rprop": Rprop(),
    "adam": Adam(),
    "amsgrad": Adam(amsgrad=True),
    "adamw": AdamW(),
    "adamax": Adamax(),
    "nadam": NAdam(),
    "radam": RAdam(),
    "lion": Lion(),
    # Modern
}


def optimizer(name: str) -> Optimizer:
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]


def describe(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Presets (all, if none is named): class, paper, settings."""
    found = {name: optimizer(name) for name in names or OPTIMIZERS}
    return [
        {
            "preset": name,
            "optimizer": type(preset).__name__,
            "paper": _paper(type(preset)),
            "settings": asdict(preset),
        }
        for name, preset in found.items()
    ]


def _paper(kind: type[Optimizer]) -> str:
    """What its docstring says up to the first comma after the year."""
    text = " ".join((kind.__doc__ or "").split())
    end = re.search(r"\d{4}( \([^)]*\))?", text)
    return text[: end.end()] if end else text
