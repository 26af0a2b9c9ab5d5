"""Maps of another size."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jax_impl.precision import exact


def resize(x: Array, size: tuple[int, ...]) -> Array:
    """Give maps these rows and columns, bilinearly: pixels are areas, whose middles are
    read between the nearest four, and at the border the border alone.

    DIFF(resize): unless told otherwise JAX's own smooths where maps become smaller.
    """
    (y,) = exact((x,))
    shape = (len(x), *size, x.shape[-1])
    return jax.image.resize(y, shape, "linear", antialias=False).astype(x.dtype)


def repeat(x: Array, size: tuple[int, ...]) -> Array:
    """Give maps these rows and columns: place i is what stands at floor(i n / m).

    DIFF(nearest): JAX's own reads the middles of pixels.
    """
    for axis, m in enumerate(size, start=1):
        x = jnp.take(x, np.arange(m) * x.shape[axis] // m, axis)
    return x
