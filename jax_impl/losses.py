"""The losses in JAX. Definitions, papers: shared/losses.py.

A loss is a function of what the model put out and what was wanted, in this order, made
by a function of its settings. One file to lift: it needs nothing of this suite.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

Loss = Callable[..., Array]


def mse() -> Loss:
    return lambda y, target: jnp.square(y - target).sum() / max(y.size, 1)


def cross_entropy(*, label_smoothing: float = 0.0, ignore: int | None = None) -> Loss:
    def loss(z: Array, target: Array) -> Array:
        classes = z.shape[-1]
        counts = target != (-1 if ignore is None else ignore)
        spread = label_smoothing / classes
        chosen = jax.nn.one_hot(jnp.where(counts, target, 0), classes, dtype=z.dtype)
        wanted = (1 - label_smoothing) * chosen + spread
        each = -(wanted * jax.nn.log_softmax(z)).sum(-1)
        return (each * counts).sum() / jnp.maximum(counts.sum(), 1)

    return loss
