"""Pools as specs describe them: windows of a maximum or a mean."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import forms
from shared.specs.base import Pool


class MaxPool(nnx.Module):
    """A maximum as a layer, for lists of layers whose published names count it."""

    def __init__(self, p: Pool):
        self.p = p

    def __call__(self, x: Array) -> Array:
        return max_pool(x, self.p)


class MapMean(nnx.Module):
    """The mean of each map, as a map of one place."""

    def __call__(self, x: Array) -> Array:
        return x.mean((1, 2), keepdims=True)


def max_pool(x: Array, p: Pool) -> Array:
    pads = p.reach(*x.shape[1:3])
    return forms.on_cpu(
        lambda x: forms.max_pool(x, p.size, p.stride, pads),  # DIFF(pooling)
        lambda x: nnx.max_pool(x, (p.size,) * 2, (p.stride,) * 2, pads),
        x,
    )


def max_pool1d(x: Array, size: int) -> Array:
    """Take the maximum of windows side by side; the last is as short as it falls."""
    pads = (0, -x.shape[1] % size), (0, 0)
    y = forms.on_cpu(
        lambda x: forms.max_pool(x, (size, 1), size, pads),  # DIFF(pooling)
        lambda x: nnx.max_pool(x, (size, 1), (size, 1), pads),
        x[:, :, None],  # a map of one column
    )
    return y[:, :, 0]


def avg_pool(x: Array, p: Pool) -> Array:
    y = forms.on_cpu(
        lambda x: forms.mean_pool(x, p.size, p.stride, p.pads),  # DIFF(pooling)
        lambda x: nnx.avg_pool(x, (p.size,) * 2, (p.stride,) * 2, p.pads),
        x,
    )
    if not p.count_pads:
        rows, columns = (jnp.array(n, y.dtype) for n in p.inside(*x.shape[1:3]))
        y = y * p.size**2 / (rows[:, None, None] * columns[:, None])
    return y


def adaptive_avg_pool(x: Array, size: tuple[int, int]) -> Array:
    """Means over windows from floor(i n / size) to ceil((i + 1) n / size).

    DIFF(adaptive-pool): NNX has none.
    """
    for axis, count in enumerate(size, start=1):
        n = x.shape[axis]
        if n != count:
            windows = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
            means = [
                jax.lax.slice_in_dim(x, start, stop, axis=axis).mean(axis)
                for start, stop in windows
            ]
            x = jnp.stack(means, axis)
    return x
