"""What all optimizers in JAX share."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

Rate = float | Callable[[Array], Any]
Mask = Any
# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "learning_rate": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "momentum_decay": (0.0, math.inf),
    "decay": (0.0, 1.0),
    "rho": (0.0, 1.0),
    "delta_0": (0.0, math.inf),
    "delta_min": (0.0, math.inf),
    "delta_max": (0.0, math.inf),
    "eta_minus": (0.0, 1.0),
    "eta_plus": (1.0, math.inf),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "beta3": (0.0, 1.0),
    "coefficient": (0.0, math.inf),
    "power": (0.0, math.inf),
    "eps1": (5e-324, math.inf),
    "eps2": (0.0, math.inf),
    "limit": (5e-324, math.inf),
    "gamma": (0.0, math.inf),
    "every": (1, math.inf),
    "batch_size": (1, math.inf),
    "steps": (1, math.inf),
    "d0": (5e-324, math.inf),
    "radius": (0.0, math.inf),
}


def check(kind: str, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        low, high = _ALLOWED.get(name, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value < high:
            allowed = f"from {low:g} up to, not including, {high:g}"
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


def used(setting: Any) -> bool:
    """Whether it may be other than 0 (it may be an array that is not known yet)."""
    return not isinstance(setting, int | float) or setting != 0


def rate_of(learning_rate: Rate, t: Array) -> Any:
    """Give the rate of update t, counted from 1."""
    return learning_rate(t - 1) if callable(learning_rate) else learning_rate


def decay_of_each(mask: Mask, weight_decay: float, params: Any) -> Any:
    """Give each tensor's weight decay."""
    tree = mask(params) if callable(mask) else mask
    if tree is None:
        return jax.tree.map(lambda _: weight_decay, params)
    return jax.tree.map(lambda reached: weight_decay if reached else 0.0, tree)


def zeros_like(params: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, params)


def coupled(grads: Any, params: Any, mask: Mask, weight_decay: float) -> Any:
    """Add the weight decay to the gradients."""
    if not used(weight_decay):
        return grads
    decays = decay_of_each(mask, weight_decay, params)
    return jax.tree.map(lambda g, x, d: g + d * x, grads, params, decays)


def mean(of: Any, new: Any, beta: Any) -> Any:
    """Move the average on by one value."""
    return jax.tree.map(lambda m, g: beta * m + (1 - beta) * g, of, new)


def mean_square(of: Any, new: Any, beta: Any) -> Any:
    return jax.tree.map(lambda v, g: beta * v + (1 - beta) * g * g, of, new)


def each(number: int, f: Callable[..., Any], params: Any, *trees: Any) -> list[Any]:
    """Apply f to every tensor and give its results, `number` of them and in the
    tensor's precision, as a tree each. A tree may hold None for a tensor."""
    leaves, structure = jax.tree.flatten(params)
    rest = [structure.flatten_up_to(tree) for tree in trees]
    found = [
        jax.tree.map(lambda a, x=x: a.astype(x.dtype), f(x, *arguments))
        for x, *arguments in zip(leaves, *rest, strict=True)
    ]
    columns = zip(*found, strict=True) if found else [()] * number
    return [structure.unflatten(column) for column in columns]


def norm(x: Array) -> Array:
    return jnp.sqrt(jnp.sum(jnp.square(x)))


def total(tree: Any) -> Any:
    return sum(jnp.sum(x) for x in jax.tree.leaves(tree))


def reached_by(mask: Mask, params: Any) -> Any:
    """Which tensors the weight decay reaches."""
    tree = mask(params) if callable(mask) else mask
    return jax.tree.map(lambda _: True, params) if tree is None else tree


def zeros(number: int) -> Callable[[Array], Any]:
    return lambda x: [jnp.zeros_like(x) for _ in range(number)]


def per_tensor(
    kind: Any, learning_rate: Rate, mask: Mask, start: Any, step: Any
) -> optax.GradientTransformation:
    """What is kept of a tensor is start(x), its update and what is kept then
    step(t, lr, reached, x, g, *kept); reached: by weight decay."""
    number = len(kind._fields) - 1

    def init(params: Any) -> Any:
        return kind(jnp.zeros((), jnp.int32), *each(number, start, params))

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        t, (_, *kept) = state.t + 1, state
        one = functools.partial(step, t, rate_of(learning_rate, t))
        reached = reached_by(mask, params)

        def swapped(x: Array, reached: bool, *rest: Any) -> Any:
            return one(reached, x, *rest)

        steps, *kept = each(number + 1, swapped, params, reached, grads, *kept)
        return steps, kind(t, *kept)

    return optax.GradientTransformation(init, update)


def adam_step(
    g: Array, m: Array, v: Array, t: Array, beta1: float, beta2: float, eps: float
) -> tuple[Array, Array, Array]:
    """Adam's step, before the learning rate, and its averages."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    scale1, scale2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
    return m * scale1 / (jnp.sqrt(v * scale2) + eps), m, v
