"""Maps read at places between their pixels."""

import jax.numpy as jnp
from jax import Array

from jax_impl.precision import exact


def sample_maps(x: Array, places: Array) -> Array:
    """Give what maps hold at places (x, y), from -1 to 1 between their borders:
    bilinear of the four pixels around, whose middles are read; outside is 0.

    x: [B, rows, columns, channels]. places: [B, n, 2]. Gives [B, n, channels].
    """
    rows, columns, channels = x.shape[1:]
    maps, places = exact((x.reshape(-1, rows * columns, channels), places))
    # A sum, then a product: a compiler that joins a product with the sum after
    # it, in one place and not in another, would find two floors of one number.
    across = (places[..., 0] + (1 - 1 / columns)) * (columns / 2)
    down = (places[..., 1] + (1 - 1 / rows)) * (rows / 2)
    left, top = jnp.floor(across), jnp.floor(down)
    found = jnp.zeros((), maps.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            weight = (1 - jnp.abs(down - row)) * (1 - jnp.abs(across - column))
            there = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
            place = row.clip(0, rows - 1) * columns + column.clip(0, columns - 1)
            which = place.astype(jnp.int32)[..., None]
            read = jnp.take_along_axis(maps, which, 1)  # [B, n, channels]
            found = found + read * jnp.where(there, weight, 0.0)[..., None]
    return found.astype(x.dtype)
