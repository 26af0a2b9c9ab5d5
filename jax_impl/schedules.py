"""The learning-rate schedules in JAX.
Definitions, papers: shared/definitions/schedules.py.

As in optax a schedule is a function of the number of updates done; here it gives the
factor, and `scheduled` multiplies a learning rate by it. One file to lift.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

Factor = Callable[[Array], Any]

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "steps": (1, math.inf),
    "every": (1, math.inf),
    "period": (1, math.inf),
    "growth": (1, math.inf),
    "leg": (1, math.inf),
    "warmup": (1, math.inf),
    "patience": (0, math.inf),
    "cooldown": (0, math.inf),
    "threshold": (0.0, 1.0),
    "gamma": (5e-324, 1.0 + 2**-52),
    "power": (5e-324, math.inf),
    "start": (0.0, 1.0 + 2**-52),
    "final": (0.0, 1.0 + 2**-52),
    "lowest": (0.0, 1.0 + 2**-52),
}


def _check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
    at = settings.get("at", ())
    if any(b <= a for a, b in pairwise((0, *at))):
        raise ValueError(f"{kind}: at is {at!r}; allowed: rising numbers above 0")
    if "leg" in settings and 2 * settings["leg"] >= settings["steps"]:
        raise ValueError(
            f"{kind}: leg is {settings['leg']!r}; allowed: below half of steps"
        )


def scheduled(learning_rate: float, factor: Factor) -> Factor:
    return lambda t: learning_rate * factor(t)


def constant() -> Factor:
    return lambda t: 1.0


# In steps


def step(*, every: int, gamma: float = 0.1) -> Factor:
    _check("step", locals())
    return lambda t: gamma ** _real(t // every)


def multi_step(*, at: tuple[int, ...], gamma: float = 0.1) -> Factor:
    _check("multi_step", locals())
    return lambda t: gamma ** _real((t >= jnp.asarray(at, int)).sum())


# In curves


def exponential(*, gamma: float) -> Factor:
    _check("exponential", locals())
    return lambda t: gamma ** _real(t)


def polynomial(*, steps: int, power: float = 1.0, final: float = 0.0) -> Factor:
    _check("polynomial", locals())

    def factor(t: Array) -> Array:
        done = jnp.minimum(_real(t) / steps, 1.0)
        return final + (1 - final) * (1 - done) ** power

    return factor


def cosine(*, steps: int, final: float = 0.0) -> Factor:
    _check("cosine", locals())
    return lambda t: _cosine(jnp.minimum(_real(t) / steps, 1.0), final)


def warm_restarts(*, period: int, growth: int = 1, final: float = 0.0) -> Factor:
    _check("warm_restarts", locals())
    # Where each round starts, as far as a counter can count; one round repeats.
    starts, length = [0], period
    while growth > 1 and starts[-1] + length < 2**31:
        starts.append(starts[-1] + length)
        length *= growth
    lengths = [period * growth**i for i in range(len(starts))]

    def factor(t: Array) -> Array:
        i = (t >= jnp.asarray(starts[1:], int)).sum()
        length = jnp.asarray(lengths, float)[i]
        done = jnp.mod(_real(t - jnp.asarray(starts)[i]), length) / length
        return _cosine(done, final)

    return factor


def one_cycle(
    *, steps: int, leg: int, start: float = 0.1, final: float = 1e-3
) -> Factor:
    # DIFF(one-cycle): libraries have cosines, or legs of other lengths, unless told.
    _check("one_cycle", locals())

    def factor(t: Array) -> Array:
        height = 1 - jnp.abs(_real(t) - leg) / leg
        done = jnp.minimum((_real(t) - 2 * leg) / (steps - 2 * leg), 1.0)
        return jnp.where(
            t < 2 * leg,
            start + (1 - start) * height,
            start + (final - start) * done,
        )

    return factor


def inverse_sqrt(*, warmup: int) -> Factor:
    _check("inverse_sqrt", locals())

    def factor(t: Array) -> Array:
        step = _real(t) + 1
        return jnp.minimum(jnp.sqrt(warmup / step), step / warmup)

    return factor


def _cosine(done: Array, final: float) -> Array:
    return final + (1 - final) * (1 + jnp.cos(jnp.pi * done)) / 2


# Before another


def warmup(*, steps: int, then: Factor | None = None) -> Factor:
    _check("warmup", locals())
    after = constant() if then is None else then

    def factor(t: Array) -> Array:
        rising = (_real(t) + 1) / (steps + 1)
        return jnp.where(t < steps, rising, after(jnp.maximum(t - steps, 0)))

    return factor


def _real(t: Array) -> Array:
    """DIFF(int-division): JAX divides int32 in float32, whatever else is in float64."""
    return jnp.asarray(t, float)


# After a metric


class PlateauState(NamedTuple):
    factor: Array
    best: Array
    waited: Array
    cooling: Array


def reduce_on_plateau(
    *,
    gamma: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    cooldown: int = 0,
    lowest: float = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Make a transformation to chain after an optimizer; its `update` is given what is
    observed as `value`."""
    # DIFF(plateau): optax's own waits one observation less.
    settings = locals()
    _check("reduce_on_plateau", settings)

    def init(params: Any) -> PlateauState:
        none = jnp.zeros((), int)
        return PlateauState(_real(1), _real(jnp.inf), none, none)

    def update(
        updates: Any, state: PlateauState, params: Any = None, *, value: Any, **_: Any
    ) -> tuple[Any, PlateauState]:
        state = _observe(state, _real(value), **settings)
        scaled = jax.tree.map(lambda u: u * state.factor.astype(u.dtype), updates)
        return scaled, state

    return optax.GradientTransformationExtraArgs(init, update)


def _observe(
    state: PlateauState,
    value: Array,
    *,
    gamma: float,
    patience: int,
    threshold: float,
    cooldown: int,
    lowest: float,
) -> PlateauState:
    factor, best, waited, cooling = state
    margin = jnp.where(jnp.isfinite(best), threshold * jnp.abs(best), 0.0)
    better = value < best - margin
    waited = jnp.where(better | (cooling > 0), 0, waited + 1)
    cooling = jnp.maximum(cooling - 1, 0)
    over = waited > patience
    lowered = jnp.minimum(factor, jnp.maximum(factor * gamma, lowest))
    return PlateauState(
        jnp.where(over, lowered, factor),
        jnp.where(better, value, best),
        jnp.where(over, 0, waited),
        jnp.where(over, cooldown, cooling),
    )
