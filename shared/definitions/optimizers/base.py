"""The optimizers. What `step` does, in NumPy, IS the definition; every `*_impl` is held
against it.

Letters are the papers': x a parameter, g its gradient, t the update (from 1), lr the
learning rate of this update (a schedule may have changed it), decay the weight decay
of this tensor (0 where its group is left out: norms and biases, by custom).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np

from shared.arrays import Array, Weights
from shared.errors import unknown
from shared.fields import Checked, NonNegative, Positive, Range, Rate, Size

Growth = Annotated[float, Range(1.0, math.inf, "a number of at least 1")]
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
        """What all tensors share in this update; kept where `keeps` names it."""
        return {}

    def evaluated(self, xs: Weights, state: Weights) -> dict[str, Array]:
        """The parameters to evaluate with; some train others."""
        return dict(xs)

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


def _norm(x: Array) -> Any:
    return np.sqrt(np.sum(x**2))


def _adam(optimizer: Any, g: Array, s: State, t: int) -> tuple[Array, State]:
    """Adam's step, by its own settings, and its averages."""
    m = optimizer.beta1 * s["m"] + (1 - optimizer.beta1) * g
    v = optimizer.beta2 * s["v"] + (1 - optimizer.beta2) * g**2
    m_hat = m / (1 - optimizer.beta1**t)
    v_hat = v / (1 - optimizer.beta2**t)
    return m_hat / (np.sqrt(v_hat) + optimizer.eps), {"m": m, "v": v}


@dataclass(frozen=True, kw_only=True)
class _Layerwise(Optimizer):
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
        """What decay leaves alone the ratio leaves alone too: the authors' code."""
        new_xs, new_state = dict[str, Array](), dict[str, Array]()
        for optimizer, out in ((self, False), (replace(self, trust=False), True)):
            part = {n: x for n, x in xs.items() if (n in excluded) == out}
            found = super(_Layerwise, optimizer).update(part, gs, state, lr, excluded)
            new_xs |= found[0]
            new_state |= found[1]
        return new_xs, new_state


@dataclass(frozen=True, kw_only=True)
class LARS(_Layerwise):
    """You, Gitman, Ginsburg 2017 (arXiv:1708.03888), algorithm 1. The ratio is 1 where
    it would be 0 (a tensor that starts at 0 would stay there) or 0 / 0."""

    lr: NonNegative = 1.0
    momentum: Rate = 0.9
    coefficient: NonNegative = 1e-3
    weight_decay: NonNegative = 5e-4

    keeps = {"v": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        length, whole = _norm(x), _norm(g) + decay * _norm(x)
        ratio = self.coefficient * length / whole if length * whole else 1.0
        v = self.momentum * s["v"] + lr * (ratio if self.trust else 1.0) * (
            g + decay * x
        )
        return x - v, {"v": v}


@dataclass(frozen=True, kw_only=True)
class LAMB(_Layerwise):
    """You et al. 2020 (arXiv:1904.00962), algorithm 2, phi(z) = z. The ratio is 1 where
    either norm is 0."""

    lr: NonNegative = 1e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 1e-2

    keeps = {"m": LIKE, "v": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        u, s = _adam(self, g, s, t)
        u = u + decay * x
        trusted = self.trust and _norm(x) * _norm(u)
        ratio = _norm(x) / _norm(u) if trusted else 1.0
        return x - lr * ratio * u, s


@dataclass(frozen=True, kw_only=True)
class Adafactor(Optimizer):
    """Shazeer, Stern 2018 (arXiv:1804.04235), algorithms 4 and 5 with section 8's
    relative step, lr its upper bound. Matrices alone are factored: on where a kernel's
    rows and columns are, frameworks disagree. The paper has no decay; it is AdamW's."""

    lr: NonNegative = 1e-2
    power: NonNegative = 0.8
    eps1: Positive = 1e-30
    eps2: NonNegative = 1e-3
    limit: Positive = 1.0

    keeps = {"r": ROWS, "c": COLUMNS, "v": LIKE}

    def start(self, x: Array) -> State:
        if x.ndim != 2:
            return {"v": np.zeros_like(x)}
        return {"r": np.zeros_like(x[:, 0]), "c": np.zeros_like(x[0])}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        rho = min(lr, t**-0.5)
        alpha = max(self.eps2, _norm(x) / np.sqrt(x.size)) * rho
        keep = 1 - t**-self.power
        square = g**2 + self.eps1
        if x.ndim == 2:
            r = keep * s["r"] + (1 - keep) * np.sum(square, 1)
            c = keep * s["c"] + (1 - keep) * np.sum(square, 0)
            s, v = {"r": r, "c": c}, np.outer(r, c) / np.sum(r)
        else:
            v = keep * s["v"] + (1 - keep) * square
            s = {"v": v}
        u = g / np.sqrt(v)
        u = u / max(1.0, _norm(u) / np.sqrt(u.size) / self.limit)
        return x - lr * decay * x - alpha * u, s


@dataclass(frozen=True, kw_only=True)
class Adan(Optimizer):
    """Xie et al. 2022 (arXiv:2208.06677), algorithm 1. The betas are shares kept, and
    the averages start at 0 and are corrected for it, as in the authors' code."""

    lr: NonNegative = 1e-3
    beta1: Rate = 0.98
    beta2: Rate = 0.92
    beta3: Rate = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 2e-2

    keeps = {"m": LIKE, "v": LIKE, "n": LIKE, "g": LIKE}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        d = g - s["g"] if t > 1 else np.zeros_like(g)
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * d
        n = self.beta3 * s["n"] + (1 - self.beta3) * (g + self.beta2 * d) ** 2
        m_hat = m / (1 - self.beta1**t)
        v_hat = v / (1 - self.beta2**t)
        n_hat = n / (1 - self.beta3**t)
        u = (m_hat + self.beta2 * v_hat) / (np.sqrt(n_hat) + self.eps)
        return (x - lr * u) / (1 + lr * decay), {"m": m, "v": v, "n": n, "g": g}


@dataclass(frozen=True, kw_only=True)
class SophiaG(Optimizer):
    """Liu et al. 2023 (arXiv:2305.14342), algorithms 2 and 3. The curvature h comes of
    gradients of the mean loss over `batch_size` examples with labels that the model
    itself drew; they are due before update t where (t - 1) % every is 0."""

    lr: NonNegative = 1e-4
    beta1: Rate = 0.96
    beta2: Rate = 0.99
    gamma: NonNegative = 0.05
    eps: NonNegative = 1e-12
    every: Size = 10
    batch_size: Size = 1
    weight_decay: NonNegative = 0.1

    keeps = {"m": LIKE, "h": LIKE}

    def estimate(self, gs: Weights, state: Weights) -> dict[str, Array]:
        """The state with the curvature of these gradients in h."""
        if not state:
            state = {f"{k}/{n}": np.zeros_like(g) for n, g in gs.items() for k in "mh"}
            state["t"] = np.array(0)
        b, beta2 = self.batch_size, self.beta2
        hs = {
            n: beta2 * state[f"h/{n}"] + (1 - beta2) * b * g**2 for n, g in gs.items()
        }
        return {**state, **{f"h/{name}": h for name, h in hs.items()}}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        m = self.beta1 * s["m"] + (1 - self.beta1) * g
        u = np.clip(m / np.maximum(self.gamma * s["h"], self.eps), -1, 1)
        return x - lr * decay * x - lr * u, {"m": m, "h": s["h"]}


@dataclass(frozen=True, kw_only=True)
class Muon(Optimizer):
    """Jordan et al. 2024 (kellerjordan.github.io/posts/muon) for matrices, scaled as in
    Liu et al. 2025 (arXiv:2502.16982), section 2.2, so that one lr and one decay serve
    AdamW too, which takes all other tensors. No bfloat16: the parameter's precision."""

    lr: NonNegative = 1e-3
    momentum: Rate = 0.95
    nesterov: bool = True
    steps: Size = 5
    beta1: Rate = 0.9
    beta2: Rate = 0.95
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.1

    keeps = {"m": LIKE, "v": LIKE}

    def start(self, x: Array) -> State:
        return {name: np.zeros_like(x) for name in ("m" if x.ndim == 2 else "mv")}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        if x.ndim != 2:
            u, s = _adam(self, g, s, t)
            return x - lr * decay * x - lr * u, s
        m = self.momentum * s["m"] + g
        o = self.orthogonal(g + self.momentum * m if self.nesterov else m)
        return x - lr * decay * x - lr * 0.2 * np.sqrt(max(x.shape)) * o, {"m": m}

    def orthogonal(self, m: Array) -> Array:
        """Newton and Schulz's iteration: singular values come near 1."""
        if m.shape[0] > m.shape[1]:
            return self.orthogonal(m.T).T
        o = m / (_norm(m) + self.eps)
        for _ in range(self.steps):
            a = o @ o.T
            o = 3.4445 * o + (-4.7750 * a + 2.0315 * a @ a) @ o
        return o


@dataclass(frozen=True, kw_only=True)
class Shampoo(Optimizer):
    """Gupta, Koren, Singer 2018 (arXiv:1802.09568), algorithm 1, with the running
    average of gradients of its experiments. Tensors that are no matrices have the
    diagonal.

    The ridge is eps times the largest eigenvalue (Anil et al. 2020, arXiv:2002.09018),
    not a constant: after one huge gradient a constant is lost in the rounding of the
    eigenvalues, and the root with it. The paper has no decay; it is AdamW's.
    """

    lr: NonNegative = 1e-1
    momentum: Rate = 0.9
    eps: NonNegative = 1e-6

    keeps = {"m": LIKE, "l": ROWS_ROWS, "r": COLUMNS_COLUMNS, "v": LIKE}

    def start(self, x: Array) -> State:
        m = np.zeros_like(x)
        if x.ndim != 2:
            return {"m": m, "v": m}
        return {"m": m, "l": np.zeros_like(x @ x.T), "r": np.zeros_like(x.T @ x)}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        m = self.momentum * s["m"] + (1 - self.momentum) * g
        if x.ndim == 2:
            s = {"m": m, "l": s["l"] + g @ g.T, "r": s["r"] + g.T @ g}
            u = self.root(s["l"]) @ m @ self.root(s["r"])
        else:
            s = {"m": m, "v": s["v"] + g**2}
            u = m * self.power(s["v"], -1 / 2)
        return x - lr * decay * x - lr * u, s

    def root(self, a: Array) -> Array:
        """a to the power -1/4."""
        values, vectors = np.linalg.eigh(a)
        return (vectors * self.power(np.maximum(values, 0.0), -1 / 4)) @ vectors.T

    def power(self, values: Array, exponent: float) -> Array:
        """0 where there was no gradient yet."""
        largest = np.max(values)
        if largest == 0:
            return np.zeros_like(values)
        return (values + self.eps * largest) ** exponent


@dataclass(frozen=True, kw_only=True)
class Prodigy(Optimizer):
    """Mishchenko, Defazio 2023 (arXiv:2306.06101), the Adam version: its step size is
    d, a lower bound of the distance to the solution; all tensors share it. lr is a
    factor of d. The paper has no decay; it is AdamW's, at the rate lr * d.

    p is x - x0, kept as such: while d is tiny, the difference of x and x0 has lost most
    of its digits, and in float32 all.
    """

    lr: NonNegative = 1.0
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8
    d0: Positive = 1e-6

    keeps = {"m": LIKE, "v": LIKE, "s": LIKE, "p": LIKE, "d": SHARED, "r": SHARED}

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        if not state:
            return {"d": np.array(self.d0), "r": np.array(0.0)}
        d, root = state["d"], np.sqrt(self.beta2)
        inner = -sum(np.sum(g * state[f"p/{name}"]) for name, g in gs.items())
        return {"d": d, "r": root * state["r"] + (1 - root) * lr * d**2 * inner}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        d, root = s["d"], np.sqrt(self.beta2)
        m = self.beta1 * s["m"] + (1 - self.beta1) * d * g
        v = self.beta2 * s["v"] + (1 - self.beta2) * d**2 * g**2
        total = root * s["s"] + (1 - root) * lr * d**2 * g
        u = -lr * d * (decay * x + m / (np.sqrt(v) + d * self.eps))
        return x + u, {"m": m, "v": v, "s": total, "p": s["p"] + u}

    def update(
        self,
        xs: Weights,
        gs: Weights,
        state: Weights,
        lr: float,
        excluded: frozenset[str] = frozenset(),
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        new_xs, new = super().update(xs, gs, state, lr, excluded)
        whole = sum(np.sum(np.abs(new[f"s/{name}"])) for name in xs)
        d_hat = new["r"] / whole if whole else 0.0
        return new_xs, {**new, "d": np.maximum(new["d"], d_hat)}


@dataclass(frozen=True, kw_only=True)
class ScheduleFreeAdamW(Optimizer):
    """Defazio et al. 2024 (arXiv:2405.15682), algorithm 1. The model trains y and is
    evaluated at x = (y - (1 - beta1) z) / beta1, which needs no memory of its own.
    Updates weigh as the square of the largest lr so far; decay acts at y."""

    lr: NonNegative = 2.5e-3
    beta1: Rate = 0.9
    beta2: Rate = 0.999
    eps: NonNegative = 1e-8

    keeps = {"z": LIKE, "v": LIKE, "largest": SHARED, "whole": SHARED}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.beta1:
            self.refuse("beta1", self.beta1, "a number above 0, below 1")

    def start(self, x: Array) -> State:
        return {"z": x, "v": np.zeros_like(x)}

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        largest = np.maximum(state["largest"] if state else 0.0, lr)
        whole = (state["whole"] if state else 0.0) + largest**2
        return {"largest": largest, "whole": whole}

    def step(
        self, y: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        c = s["largest"] ** 2 / s["whole"] if s["whole"] else 0.0
        x = (y - (1 - self.beta1) * s["z"]) / self.beta1
        v = self.beta2 * s["v"] + (1 - self.beta2) * g**2
        v_hat = v / (1 - self.beta2**t)
        z = s["z"] - lr * (g / (np.sqrt(v_hat) + self.eps) + decay * y)
        x = (1 - c) * x + c * z
        return (1 - self.beta1) * z + self.beta1 * x, {"z": z, "v": v}

    def evaluated(self, xs: Weights, state: Weights) -> dict[str, Array]:
        beta1 = self.beta1
        return {n: (y - (1 - beta1) * state[f"z/{n}"]) / beta1 for n, y in xs.items()}


@dataclass(frozen=True, kw_only=True)
class SAM(Optimizer):
    """Foret et al. 2021 (arXiv:2010.01412), algorithm 1, over SGD with momentum. Odd
    updates climb to x + radius (rho) g / |g|, the norm that of all tensors; even ones
    go back to x and descend with the gradient found up there."""

    lr: NonNegative = 1e-2
    momentum: Rate = 0.9
    radius: NonNegative = 0.05

    keeps = {"v": LIKE, "x": LIKE}
    passes = 2

    def share(self, gs: Weights, state: Weights, lr: float) -> State:
        return {"norm": np.sqrt(sum(np.sum(g**2) for g in gs.values()))}

    def step(
        self, x: Array, g: Array, s: State, t: int, lr: float, decay: float
    ) -> tuple[Array, State]:
        if t % 2:
            norm = s["norm"]
            return x + self.radius * g / norm if norm else x, {"v": s["v"], "x": x}
        v = self.momentum * s["v"] + g + decay * s["x"]
        return s["x"] - lr * v, {"v": v, "x": s["x"]}


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
    "lars": LARS(),
    "lamb": LAMB(),
    "adafactor": Adafactor(),
    "adan": Adan(),
    "sophia": SophiaG(),
    "muon": Muon(),
    "shampoo": Shampoo(),
    "prodigy": Prodigy(),
    "schedule_free": ScheduleFreeAdamW(),
    "sam": SAM(),
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
