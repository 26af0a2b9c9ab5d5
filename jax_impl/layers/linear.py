"""Products with a matrix, and what flattens a map before them."""

from flax import nnx
from jax import Array


class Linear(nnx.Linear):
    """DIFF(matmul-2d): the gradient of a 3-D matmul is slow, so flatten to 2-D."""

    def __call__(self, x: Array) -> Array:
        y = super().__call__(x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], y.shape[-1])


def flatten(x: Array) -> Array:
    # DIFF(flatten): channels first, so that the next layer's weights mean the same.
    if x.ndim == 4:
        x = x.transpose(0, 3, 1, 2)
    return x.reshape(x.shape[0], -1)


def unflatten(x: Array, maps: tuple[int, int, int]) -> Array:
    # DIFF(flatten): the inverse.
    return x.reshape(-1, *maps).transpose(0, 2, 3, 1)
