"""Noise put into data step by step, and taken out again, in JAX. Definitions,
papers: shared/definitions/diffusion.py.

One file to lift: it needs nothing of this suite. Tables are made in float64, whatever
the model's precision.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

Predictor = Callable[[Array, Array], Array]
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

    def alpha_bar(self, t: Array) -> Array:
        table = np.concatenate([[1.0], self.alpha_bars()])
        return jnp.asarray(table)[t + 1]


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


def noised(x0: Array, noise: Array, a: Array) -> Array:
    a = _beside(a, x0)
    return jnp.sqrt(a) * x0 + jnp.sqrt(1 - a) * noise


def x0_of_noise(x: Array, noise: Array, a: Array) -> Array:
    a = _beside(a, x)
    return (x - jnp.sqrt(1 - a) * noise) / jnp.sqrt(a)


def noise_of_x0(x: Array, x0: Array, a: Array) -> Array:
    a = _beside(a, x)
    return (x - jnp.sqrt(a) * x0) / jnp.sqrt(1 - a)


def velocity(x0: Array, noise: Array, a: Array) -> Array:
    a = _beside(a, x0)
    return jnp.sqrt(a) * noise - jnp.sqrt(1 - a) * x0


def x0_of_velocity(x: Array, v: Array, a: Array) -> Array:
    a = _beside(a, x)
    return jnp.sqrt(a) * x - jnp.sqrt(1 - a) * v


def noise_of_velocity(x: Array, v: Array, a: Array) -> Array:
    a = _beside(a, x)
    return jnp.sqrt(1 - a) * x + jnp.sqrt(a) * v


# Taking it out


@dataclass(frozen=True, kw_only=True)
class Sampler(_Settings):
    limit: float | None = None

    def step(
        self, x: Array, noise: Array, normal: Array, a: Array, before: Array
    ) -> Array:
        raise NotImplementedError

    def sample(
        self,
        predict: Predictor,
        x: Array,
        normals: Array,
        noising: Noising,
        times: Array,
    ) -> Array:
        befores = jnp.concatenate([jnp.full_like(times[:1], -1), times])[:-1]

        def follow(x: Array, here: tuple[Array, Array, Array]) -> tuple[Array, None]:
            t, before = (jnp.full(len(x), time) for time in here[:2])
            a, b = noising.alpha_bar(t), noising.alpha_bar(before)
            a, b = a.astype(x.dtype), b.astype(x.dtype)
            return self.step(x, predict(x, t), here[2], a, b), None

        return jax.lax.scan(follow, x, (times, befores, normals), reverse=True)[0]

    def _data(self, x: Array, noise: Array, a: Array) -> Array:
        x0 = x0_of_noise(x, noise, a)
        return x0 if self.limit is None else jnp.clip(x0, -self.limit, self.limit)


@dataclass(frozen=True, kw_only=True)
class DDPM(Sampler):
    variance: str = "posterior"

    def step(
        self, x: Array, noise: Array, normal: Array, a: Array, before: Array
    ) -> Array:
        x0 = self._data(x, noise, a)
        a, before = _beside(a, x), _beside(before, x)
        alpha = a / before
        beta = 1 - alpha
        kept = (1 - before) / (1 - a)
        mean = jnp.sqrt(before) * beta / (1 - a) * x0 + jnp.sqrt(alpha) * kept * x
        variance = beta * kept if self.variance == "posterior" else beta
        return mean + jnp.where(before < 1, jnp.sqrt(variance), 0.0) * normal


@dataclass(frozen=True, kw_only=True)
class DDIM(Sampler):
    eta: float = 0.0

    def step(
        self, x: Array, noise: Array, normal: Array, a: Array, before: Array
    ) -> Array:
        x0 = self._data(x, noise, a)
        if self.limit is not None:
            noise = noise_of_x0(x, x0, a)
        a, before = _beside(a, x), _beside(before, x)
        variance = self.eta**2 * (1 - before) / (1 - a) * (1 - a / before)
        towards = jnp.sqrt(jnp.maximum(1 - before - variance, 0.0))
        return jnp.sqrt(before) * x0 + towards * noise + jnp.sqrt(variance) * normal


@dataclass(frozen=True, kw_only=True)
class Times(_Settings):
    number: int
    spacing: str = "linear"

    def of(self, steps: int) -> Array:
        n = self.number
        if n > steps:
            raise ValueError(f"Times: number is {n}; allowed: at most {steps}")
        i = jnp.arange(n)
        if self.spacing == "linear":
            return i * steps // n
        return jnp.maximum(i * i * steps // (n * n), i)


def _beside(a: Array, x: Array) -> Array:
    return a.reshape(-1, *[1] * (x.ndim - 1))
