"""Noise put into data step by step, and taken out again. In NumPy these ARE the
definitions; every `*_impl` is held against them.

Times are counted from 0, the paper's 1; time -1 is the data, without noise. `a` is the
share of the data that is left at a time (the papers' alpha bar), a number a sample,
`before` that of the time that a step goes to. Noise and normals are standard normal
numbers of x's shape, and inputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from shared.arrays import Array
from shared.definitions.schedules import Share
from shared.fields import Checked, NonNegative, Positive, Range, Size

Beta = Annotated[
    float, Range(1e-12, 1.0, "a number from 1e-12 up to, not including, 1")
]
Predictor = Callable[[Array, Array], Array]


# How much noise


@dataclass(frozen=True, kw_only=True)
class Noising(Checked):
    """The variance added at each time."""

    steps: Size = 1000

    def betas(self) -> Array:
        raise NotImplementedError

    def alpha_bars(self) -> Array:
        """What is left of the data after each: the product of 1 - beta."""
        return np.cumprod(1 - self.betas())

    def alpha_bar(self, t: Array) -> Array:
        """Give what is left of the data at times t, from -1 on, where it is 1."""
        return np.concatenate([[1.0], self.alpha_bars()])[t + 1]


@dataclass(frozen=True, kw_only=True)
class LinearNoise(Noising):
    """Ho, Jain, Abbeel 2020 (arXiv:2006.11239), section 4."""

    first: Beta = 1e-4
    last: Beta = 0.02

    def betas(self) -> Array:
        return np.linspace(self.first, self.last, self.steps)


@dataclass(frozen=True, kw_only=True)
class CosineNoise(Noising):
    """Nichol, Dhariwal 2021 (arXiv:2102.09672), equation 17, with betas of at most
    `largest`."""

    offset: NonNegative = 0.008
    largest: Beta = 0.999

    def betas(self) -> Array:
        f = np.linspace(0, 1, self.steps + 1)
        f = np.cos((f + self.offset) / (1 + self.offset) * np.pi / 2) ** 2
        return np.minimum(1 - f[1:] / f[:-1], self.largest)


# The data, the noise, what is between them, and the velocity: each of two others


def noised(x0: Array, noise: Array, a: Array) -> Array:
    """Draw from q(x_t | x_0): Ho et al. 2020, equation 4."""
    a = _beside(a, x0)
    return np.sqrt(a) * x0 + np.sqrt(1 - a) * noise


def x0_of_noise(x: Array, noise: Array, a: Array) -> Array:
    a = _beside(a, x)
    return (x - np.sqrt(1 - a) * noise) / np.sqrt(a)


def noise_of_x0(x: Array, x0: Array, a: Array) -> Array:
    a = _beside(a, x)
    return (x - np.sqrt(a) * x0) / np.sqrt(1 - a)


def velocity(x0: Array, noise: Array, a: Array) -> Array:
    """Compute v of Salimans, Ho 2022 (arXiv:2202.00512), section 4."""
    a = _beside(a, x0)
    return np.sqrt(a) * noise - np.sqrt(1 - a) * x0


def x0_of_velocity(x: Array, v: Array, a: Array) -> Array:
    a = _beside(a, x)
    return np.sqrt(a) * x - np.sqrt(1 - a) * v


def noise_of_velocity(x: Array, v: Array, a: Array) -> Array:
    a = _beside(a, x)
    return np.sqrt(1 - a) * x + np.sqrt(a) * v


# Taking it out


@dataclass(frozen=True, kw_only=True)
class Sampler(Checked):
    """Turns noise into data, step by step. limit: the data that a step believes in is
    clipped to so much on either side."""

    limit: Positive | None = None

    def step(
        self, x: Array, noise: Array, normal: Array, a: Array, before: Array
    ) -> Array:
        """One step, from the noise that a model sees in x."""
        raise NotImplementedError

    def sample(
        self,
        predict: Predictor,
        x: Array,
        normals: Array,
        noising: Noising,
        times: Array,
    ) -> Array:
        """Make the steps of all times, which rise: the last is taken first.

        predict: the noise in x [batch, ...] at times [batch]. normals: one a time.
        """
        befores = np.concatenate([[-1], times])[:-1]
        for t, before, normal in list(zip(times, befores, normals, strict=True))[::-1]:
            at = np.full(len(x), t)
            a = noising.alpha_bar(at)
            b = noising.alpha_bar(np.full(len(x), before))
            x = self.step(x, predict(x, at), normal, a, b)
        return x

    def _data(self, x: Array, noise: Array, a: Array) -> Array:
        x0 = x0_of_noise(x, noise, a)
        return x0 if self.limit is None else np.clip(x0, -self.limit, self.limit)


@dataclass(frozen=True, kw_only=True)
class DDPM(Sampler):
    """Ho et al. 2020, algorithm 2, with the mean of equation 7. The last step adds no
    noise.

    variance: "posterior" that of equation 7, "beta" the larger (section 3.2).
    """

    variance: Literal["posterior", "beta"] = "posterior"

    def step(
        self, x: Array, noise: Array, normal: Array, a: Array, before: Array
    ) -> Array:
        x0 = self._data(x, noise, a)
        a, before = _beside(a, x), _beside(before, x)
        alpha = a / before
        beta = 1 - alpha
        kept = (1 - before) / (1 - a)
        mean = np.sqrt(before) * beta / (1 - a) * x0 + np.sqrt(alpha) * kept * x
        variance = beta * kept if self.variance == "posterior" else beta
        return mean + np.where(before < 1, np.sqrt(variance), 0) * normal


@dataclass(frozen=True, kw_only=True)
class DDIM(Sampler):
    """Song, Meng, Ermon 2020 (arXiv:2010.02502), equations 12 and 16.

    eta: how much of DDPM's noise is added; 0 adds none, 1 is DDPM.
    """

    eta: Share = 0.0

    def step(
        self, x: Array, noise: Array, normal: Array, a: Array, before: Array
    ) -> Array:
        x0 = self._data(x, noise, a)
        if self.limit is not None:
            noise = noise_of_x0(x, x0, a)
        a, before = _beside(a, x), _beside(before, x)
        variance = self.eta**2 * (1 - before) / (1 - a) * (1 - a / before)
        towards = np.sqrt(np.maximum(1 - before - variance, 0))
        return np.sqrt(before) * x0 + towards * noise + np.sqrt(variance) * normal


@dataclass(frozen=True, kw_only=True)
class Times(Checked):
    """The times that a sampler stops at, rising, from 0 on: of Song et al. 2020,
    appendix D.2, floor(c i) and floor(c i^2). No time comes twice.

    number: how many, of `steps` at most.
    """

    number: Size
    spacing: Literal["linear", "quadratic"] = "linear"

    def of(self, steps: int) -> Array:
        n = self.number
        if n > steps:
            self.refuse("number", n, f"at most the {steps} steps that there are")
        i = np.arange(n)
        if self.spacing == "linear":
            return i * steps // n
        return np.maximum(i * i * steps // (n * n), i)


def _beside(a: Array, x: Array) -> Array:
    """One number a sample, to be multiplied with all of the sample."""
    return a.reshape(len(a), *[1] * (x.ndim - 1))
