"""Rotary positions (Su et al. 2021, equation 34)."""

import jax.numpy as jnp
from jax import Array

from jax_impl.precision import exact

Turn = tuple[Array, Array]  # cosines and sines, [T, d / 2]


def turn(places: Array, frequencies: tuple[float, ...]) -> Turn:
    """Give how far each place turns each pair, in the precision of the parameters."""
    (rates,) = exact((jnp.asarray(frequencies),))
    angles = places[:, None] * rates
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: Array, by: Turn, interleaved: bool) -> Array:
    """Turn the pairs of vectors [..., T, d]: neighbours, or one of each half."""
    cos, sin = by
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else jnp.split(x, 2, -1)
    turned = a * cos - b * sin, a * sin + b * cos
    if interleaved:
        return jnp.stack(turned, -1).reshape(x.shape).astype(x.dtype)
    return jnp.concatenate(turned, -1).astype(x.dtype)
