"""What a tensor holds before training. `draw` IS the definition, for all frameworks:
they are given the same values.

Shapes are canonical, (out, in, *kernel): fan_in = in * kernel, fan_out = out * kernel.
Random values are made in float32, so that a float64 model starts from the same ones.
No normal distribution here is cut, but for TruncatedNormal; Keras and JAX cut theirs
at two deviations and widen them by as much.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shared.fields import Checked, NonNegative, Positive, Real

Array = NDArray[Any]
Shape = tuple[int, ...]
Activation = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu"]


@dataclass(frozen=True, kw_only=True)
class Initializer(Checked):
    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        raise NotImplementedError


# Without chance


@dataclass(frozen=True, kw_only=True)
class Constant(Initializer):
    value: Real

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return np.full(shape, self.value)


@dataclass(frozen=True, kw_only=True)
class Zeros(Initializer):
    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return np.zeros(shape)


@dataclass(frozen=True, kw_only=True)
class Ones(Initializer):
    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return np.ones(shape)


@dataclass(frozen=True, kw_only=True)
class Given(Initializer):
    """The tensor starts from these rows."""

    rows: tuple[tuple[Real, ...], ...]

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return np.array(self.rows).reshape(shape)


@dataclass(frozen=True, kw_only=True)
class LogOfCounts(Initializer):
    """Along the last axis stand log 1, log 2 ... (S4D-Real, arXiv:2206.11893)."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return np.broadcast_to(np.log(np.arange(1, shape[-1] + 1)), shape).copy()


# Of a width that is said


@dataclass(frozen=True, kw_only=True)
class Uniform(Initializer):
    """Values are drawn evenly between -bound and bound."""

    bound: NonNegative

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return _uniform(shape, self.bound, generator)


@dataclass(frozen=True, kw_only=True)
class Normal(Initializer):
    std: NonNegative
    mean: Real = 0.0

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return np.float32(self.mean) + _normal(shape, self.std, generator)


@dataclass(frozen=True, kw_only=True)
class TruncatedNormal(Initializer):
    """A normal value is drawn again where it is more than two deviations from 0. `std`
    is that of the uncut normal; what is left has 0.8796 of it."""

    std: NonNegative

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        value = _normal(shape, 1.0, generator)
        while (far := np.abs(value) > 2).any():
            value[far] = generator.standard_normal(far.sum(), np.float32)
        return np.float32(self.std) * value


@dataclass(frozen=True, kw_only=True)
class StepBias(Initializer):
    """Softplus makes of it a number from `low` to `high`, drawn evenly by its logarithm
    (Gu, Dao 2023, arXiv:2312.00752, section 3.6)."""

    low: Positive
    high: Positive

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        share = generator.random(shape, np.float32).astype(np.float64)
        step = np.exp(share * math.log(self.high / self.low) + math.log(self.low))
        return (step + np.log(-np.expm1(-step))).astype(np.float32)


# Of a width that follows from the shape


@dataclass(frozen=True, kw_only=True)
class XavierUniform(Initializer):
    """Glorot, Bengio 2010 (https://proceedings.mlr.press/v9/glorot10a.html),
    equation 16."""

    gain: Positive = 1.0

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        fan_in, fan_out = fans(shape)
        bound = self.gain * math.sqrt(6 / (fan_in + fan_out))
        return _uniform(shape, bound, generator)


@dataclass(frozen=True, kw_only=True)
class XavierNormal(Initializer):
    """XavierUniform's variance (equation 12) in a normal distribution."""

    gain: Positive = 1.0

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        fan_in, fan_out = fans(shape)
        std = self.gain * math.sqrt(2 / (fan_in + fan_out))
        return _normal(shape, std, generator)


@dataclass(frozen=True, kw_only=True)
class _He(Initializer):
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    activation: Activation = "relu"
    slope: NonNegative = 0.0  # of leaky_relu

    def std(self, shape: Shape) -> float:
        fan_in, fan_out = fans(shape)
        fan = fan_in if self.mode == "fan_in" else fan_out
        return gain(self.activation, self.slope) / math.sqrt(fan)


@dataclass(frozen=True, kw_only=True)
class HeUniform(_He):
    """He et al. 2015 (arXiv:1502.01852), equations 10, 14 and 15, as a uniform."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return _uniform(shape, math.sqrt(3) * self.std(shape), generator)


@dataclass(frozen=True, kw_only=True)
class HeNormal(_He):
    """HeUniform's variance in a normal distribution, as the paper has it."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return _normal(shape, self.std(shape), generator)


@dataclass(frozen=True, kw_only=True)
class LeCunUniform(Initializer):
    """LeCun, Bottou, Orr, Mueller 1998 ("Efficient BackProp"), equation 16."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return _uniform(shape, math.sqrt(3 / fans(shape)[0]), generator)


@dataclass(frozen=True, kw_only=True)
class LeCunNormal(Initializer):
    """LeCunUniform's variance in a normal distribution."""

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        return _normal(shape, 1 / math.sqrt(fans(shape)[0]), generator)


@dataclass(frozen=True, kw_only=True)
class Orthogonal(Initializer):
    """Saxe, McClelland, Ganguli 2014 (arXiv:1312.6120): of shape (out, the rest), with
    orthonormal rows or columns, whichever are fewer, times gain. Signs are R's, so that
    all such matrices are equally likely (Mezzadri 2007, arXiv:math-ph/0609050)."""

    gain: Positive = 1.0

    def draw(self, shape: Shape, generator: np.random.Generator) -> Array:
        rows, columns = shape[0], math.prod(shape[1:])
        tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q = q * np.sign(np.diag(r))
        return self.gain * (q if rows >= columns else q.T).reshape(shape)


def fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        raise ValueError(f"a tensor of shape {shape} has no fans")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def gain(activation: Activation, slope: float = 0.0) -> float:
    """Give the factor by which weights make up for what an activation takes; torch's
    table."""
    if activation == "leaky_relu":
        return math.sqrt(2 / (1 + slope**2))
    return {"relu": math.sqrt(2), "tanh": 5 / 3}.get(activation, 1.0)


def of_torch(fan_in: int) -> Uniform:
    """Give what torch's own linear and convolution layers start from, biases too."""
    return Uniform(bound=1 / math.sqrt(fan_in))


def _uniform(shape: Shape, bound: float, generator: np.random.Generator) -> Array:
    return np.float32(bound) * (2 * generator.random(shape, np.float32) - 1)


def _normal(shape: Shape, std: float, generator: np.random.Generator) -> Array:
    return np.float32(std) * generator.standard_normal(shape, np.float32)
