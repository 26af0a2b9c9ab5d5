"""Maps of another size."""

import numpy as np
from keras import KerasTensor, ops

from keras_impl.precision import exact
from shared.arrays import Array


def resize(x: KerasTensor, size: tuple[int, ...]) -> KerasTensor:
    """Give maps these rows and columns, bilinearly: pixels are areas, whose middles are
    read between the nearest four, and at the border the border alone.

    DIFF(resize): TensorFlow's own is in float32; here each axis is a product.
    """
    (y,) = exact((x,))
    rows, columns = (
        ops.convert_to_tensor(shares(n, m), y.dtype)
        for n, m in zip(x.shape[1:3], size, strict=True)
    )
    y = ops.einsum("ih,bhwc->biwc", rows, y)
    y = ops.einsum("jw,biwc->bijc", columns, y)
    return ops.cast(y, x.dtype)


def shares(n: int, m: int) -> Array:
    """Give, of m places, what each takes of n."""
    middles = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    return np.maximum(1 - np.abs(middles[:, None] - np.arange(n)), 0)


def repeat(x: KerasTensor, size: tuple[int, ...]) -> KerasTensor:
    """Give maps these rows and columns: place i is what stands at floor(i n / m).

    DIFF(nearest): Keras's own reads the middles of pixels.
    """
    for axis, m in enumerate(size, start=1):
        x = ops.take(x, np.arange(m) * x.shape[axis] // m, axis)
    return x
