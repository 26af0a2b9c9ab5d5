"""Noise put into data step by step, and taken out again, in PyTorch. Definitions,
papers: shared/definitions/diffusion.py.

One file to lift: it needs nothing of this suite. Tables are made in float64, whatever
the model's precision.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Predictor = Callable[[Tensor, Tensor], Tensor]
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

    def alpha_bar(self, t: Tensor) -> Tensor:
        table = np.concatenate([[1.0], self.alpha_bars()])
        return t.new_tensor(table, dtype=torch.get_default_dtype())[t + 1]


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


def noised(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
    a = _beside(a, x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * noise


def x0_of_noise(x: Tensor, noise: Tensor, a: Tensor) -> Tensor:
    a = _beside(a, x)
    return (x - (1 - a).sqrt() * noise) / a.sqrt()


def noise_of_x0(x: Tensor, x0: Tensor, a: Tensor) -> Tensor:
    a = _beside(a, x)
    return (x - a.sqrt() * x0) / (1 - a).sqrt()


def velocity(x0: Tensor, noise: Tensor, a: Tensor) -> Tensor:
    a = _beside(a, x0)
    return a.sqrt() * noise - (1 - a).sqrt() * x0


def x0_of_velocity(x: Tensor, v: Tensor, a: Tensor) -> Tensor:
    a = _beside(a, x)
    return a.sqrt() * x - (1 - a).sqrt() * v


def noise_of_velocity(x: Tensor, v: Tensor, a: Tensor) -> Tensor:
    a = _beside(a, x)
    return (1 - a).sqrt() * x + a.sqrt() * v


# Taking it out


@dataclass(frozen=True, kw_only=True)
class Sampler(_Settings):
    limit: float | None = None

    def step(
        self, x: Tensor, noise: Tensor, normal: Tensor, a: Tensor, before: Tensor
    ) -> Tensor:
        raise NotImplementedError

    def sample(
        self,
        predict: Predictor,
        x: Tensor,
        normals: Tensor,
        noising: Noising,
        times: Tensor,
    ) -> Tensor:
        times = times.to(x.device)
        befores = torch.cat([times.new_tensor([-1]), times])[:-1]
        for i in reversed(range(len(times))):
            t, before = times[i].expand(len(x)), befores[i].expand(len(x))
            a, b = noising.alpha_bar(t).to(x), noising.alpha_bar(before).to(x)
            x = self.step(x, predict(x, t), normals[i], a, b)
        return x

    def _data(self, x: Tensor, noise: Tensor, a: Tensor) -> Tensor:
        x0 = x0_of_noise(x, noise, a)
        return x0 if self.limit is None else x0.clamp(-self.limit, self.limit)


@dataclass(frozen=True, kw_only=True)
class DDPM(Sampler):
    variance: str = "posterior"

    def step(
        self, x: Tensor, noise: Tensor, normal: Tensor, a: Tensor, before: Tensor
    ) -> Tensor:
        x0 = self._data(x, noise, a)
        a, before = _beside(a, x), _beside(before, x)
        alpha = a / before
        beta = 1 - alpha
        kept = (1 - before) / (1 - a)
        mean = before.sqrt() * beta / (1 - a) * x0 + alpha.sqrt() * kept * x
        variance = beta * kept if self.variance == "posterior" else beta
        return mean + torch.where(before < 1, variance.sqrt(), 0.0) * normal


@dataclass(frozen=True, kw_only=True)
class DDIM(Sampler):
    eta: float = 0.0

    def step(
        self, x: Tensor, noise: Tensor, normal: Tensor, a: Tensor, before: Tensor
    ) -> Tensor:
        x0 = self._data(x, noise, a)
        if self.limit is not None:
            noise = noise_of_x0(x, x0, a)
        a, before = _beside(a, x), _beside(before, x)
        variance = self.eta**2 * (1 - before) / (1 - a) * (1 - a / before)
        towards = (1 - before - variance).clamp(min=0.0).sqrt()
        return before.sqrt() * x0 + towards * noise + variance.sqrt() * normal


@dataclass(frozen=True, kw_only=True)
class Times(_Settings):
    number: int
    spacing: str = "linear"

    def of(self, steps: int) -> Tensor:
        n = self.number
        if n > steps:
            raise ValueError(f"Times: number is {n}; allowed: at most {steps}")
        i = torch.arange(n)
        if self.spacing == "linear":
            return i * steps // n
        return torch.maximum(i * i * steps // (n * n), i)


def _beside(a: Tensor, x: Tensor) -> Tensor:
    return a.reshape(-1, *[1] * (x.ndim - 1))
