"""Noise put into data step by step, and taken out again, in Keras. Definitions,
papers: shared/definitions/diffusion.py.

One file to lift: it needs nothing of this suite, and runs on every back end. Tables are
made in float64, whatever the model's precision.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import KerasTensor, config, ops
from numpy.typing import NDArray

Predictor = Callable[[KerasTensor, KerasTensor], KerasTensor]
Table = NDArray[Any]

# What a setting may be: at least the first, below the second; or one of these words.
_ALLOWED: dict[str, tuple[Any, Any]] = {
    "steps": (1, math.inf),
    "first": (1e-12, 1.0),
    "last": (1e-12, 1.0),
    "offset": (0.0, math.inf),
    "largest": (1e-12, 1.0),
    "limit": (5e-324, math.inf),
    "variance": ("posterior", "beta"),
    "eta": (0.0, 1.0 + 2**-52),
    "number": (1, math.inf),
    "spacing": ("linear", "quadratic"),
}


class _Settings:
    """Refuses what is not allowed."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            low, high = _ALLOWED[name]
            if isinstance(low, str):
                good, allowed = value in (low, high), f"{low}, {high}"
            else:
                good = value is None or low <= value < high
                allowed = f"from {low:g} up to, not including, {high:g}"
            if not good:
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


# How much noise


@dataclass(frozen=True, kw_only=True)
class Noising(_Settings):
    steps: int = 1000

    def betas(self) -> Table:
        raise NotImplementedError

    def alpha_bars(self) -> Table:
        return np.cumprod(1 - self.betas())

    def alpha_bar(self, t: KerasTensor) -> KerasTensor:
        table = np.concatenate([[1.0], self.alpha_bars()])
        return ops.take(ops.convert_to_tensor(table, config.floatx()), t + 1)


@dataclass(frozen=True, kw_only=True)
class LinearNoise(Noising):
    first: float = 1e-4
    last: float = 0.02

    def betas(self) -> Table:
        return np.linspace(self.first, self.last, self.steps)


@dataclass(frozen=True, kw_only=True)
class CosineNoise(Noising):
    offset: float = 0.008
    largest: float = 0.999

    def betas(self) -> Table:
        f = np.linspace(0, 1, self.steps + 1)
        f = np.cos((f + self.offset) / (1 + self.offset) * np.pi / 2) ** 2
        return np.minimum(1 - f[1:] / f[:-1], self.largest)


# The data, the noise, what is between them, and the velocity: each of two others


def noised(x0: KerasTensor, noise: KerasTensor, a: KerasTensor) -> KerasTensor:
    a = _beside(a, x0)
    return ops.sqrt(a) * x0 + ops.sqrt(1 - a) * noise


def x0_of_noise(x: KerasTensor, noise: KerasTensor, a: KerasTensor) -> KerasTensor:
    a = _beside(a, x)
    return (x - ops.sqrt(1 - a) * noise) / ops.sqrt(a)


def noise_of_x0(x: KerasTensor, x0: KerasTensor, a: KerasTensor) -> KerasTensor:
    a = _beside(a, x)
    return (x - ops.sqrt(a) * x0) / ops.sqrt(1 - a)


def velocity(x0: KerasTensor, noise: KerasTensor, a: KerasTensor) -> KerasTensor:
    a = _beside(a, x0)
    return ops.sqrt(a) * noise - ops.sqrt(1 - a) * x0


def x0_of_velocity(x: KerasTensor, v: KerasTensor, a: KerasTensor) -> KerasTensor:
    a = _beside(a, x)
    return ops.sqrt(a) * x - ops.sqrt(1 - a) * v


def noise_of_velocity(x: KerasTensor, v: KerasTensor, a: KerasTensor) -> KerasTensor:
    a = _beside(a, x)
    return ops.sqrt(1 - a) * x + ops.sqrt(a) * v


# Taking it out


@dataclass(frozen=True, kw_only=True)
class Sampler(_Settings):
    limit: float | None = None

    def step(
        self,
        x: KerasTensor,
        noise: KerasTensor,
        normal: KerasTensor,
        a: KerasTensor,
        before: KerasTensor,
    ) -> KerasTensor:
        raise NotImplementedError

    def sample(
        self,
        predict: Predictor,
        x: KerasTensor,
        normals: KerasTensor,
        noising: Noising,
        times: KerasTensor,
    ) -> KerasTensor:
        befores = ops.concatenate([ops.full_like(times[:1], -1), times])[:-1]

        last = times.shape[0] - 1

        def follow(i: KerasTensor, x: KerasTensor) -> KerasTensor:
            here, going, normal = (
                ops.take(each, last - i, 0) for each in (times, befores, normals)
            )
            t = ops.full(ops.shape(x)[:1], here, here.dtype)
            before = ops.full(ops.shape(x)[:1], going, going.dtype)
            a, b = noising.alpha_bar(t), noising.alpha_bar(before)
            a, b = ops.cast(a, x.dtype), ops.cast(b, x.dtype)
            return self.step(x, predict(x, t), normal, a, b)

        return ops.fori_loop(0, last + 1, follow, x)

    def _data(self, x: KerasTensor, noise: KerasTensor, a: KerasTensor) -> KerasTensor:
        x0 = x0_of_noise(x, noise, a)
        return x0 if self.limit is None else ops.clip(x0, -self.limit, self.limit)


@dataclass(frozen=True, kw_only=True)
class DDPM(Sampler):
    variance: str = "posterior"

    def step(
        self,
        x: KerasTensor,
        noise: KerasTensor,
        normal: KerasTensor,
        a: KerasTensor,
        before: KerasTensor,
    ) -> KerasTensor:
        x0 = self._data(x, noise, a)
        a, before = _beside(a, x), _beside(before, x)
        alpha = a / before
        beta = 1 - alpha
        kept = (1 - before) / (1 - a)
        mean = ops.sqrt(before) * beta / (1 - a) * x0 + ops.sqrt(alpha) * kept * x
        variance = beta * kept if self.variance == "posterior" else beta
        return mean + ops.where(before < 1, ops.sqrt(variance), 0.0) * normal


@dataclass(frozen=True, kw_only=True)
class DDIM(Sampler):
    eta: float = 0.0

    def step(
        self,
        x: KerasTensor,
        noise: KerasTensor,
        normal: KerasTensor,
        a: KerasTensor,
        before: KerasTensor,
    ) -> KerasTensor:
        x0 = self._data(x, noise, a)
        if self.limit is not None:
            noise = noise_of_x0(x, x0, a)
        a, before = _beside(a, x), _beside(before, x)
        variance = self.eta**2 * (1 - before) / (1 - a) * (1 - a / before)
        towards = ops.sqrt(ops.maximum(1 - before - variance, 0.0))
        return ops.sqrt(before) * x0 + towards * noise + ops.sqrt(variance) * normal


@dataclass(frozen=True, kw_only=True)
class Times(_Settings):
    number: int
    spacing: str = "linear"

    def of(self, steps: int) -> KerasTensor:
        n = self.number
        if n > steps:
            raise ValueError(f"Times: number is {n}; allowed: at most {steps}")
        i = ops.arange(n)
        if self.spacing == "linear":
            return i * steps // n
        return ops.maximum(i * i * steps // (n * n), i)


def _beside(a: KerasTensor, x: KerasTensor) -> KerasTensor:
    return ops.reshape(a, (-1, *[1] * (len(x.shape) - 1)))
