"""Norms of the channels of a map, of adjacent maps, and of vectors."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.precision import exact
from shared.specs.base import BatchNormed, GroupNormed


class BatchNorm(nnx.BatchNorm):
    """DIFF(bn-var): keeps the unbiased running variance (Ioffe 2015, algorithm 2).
    DIFF(fast-variance): the default E[x^2] - E[x]^2 loses digits.
    DIFF(bn-trace): assigning to `mean[...]` in a trace prints all of it; the statistics
    are set here, what is done with them is NNX's.
    DIFF(bn-one): a single value a channel is refused, as by torch.
    """

    def __init__(
        self, channels: int, epsilon: float, momentum: float, *, rngs: nnx.Rngs
    ):
        super().__init__(channels, epsilon=epsilon, momentum=momentum, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        if self.use_running_average:
            return super().__call__(x).astype(x.dtype)
        kept = self.mean.get_value(), self.var.get_value()
        exact = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        axes, n = range(x.ndim - 1), x.size // x.shape[-1]
        if n == 1:
            raise ValueError(
                f"batch norm in training of one value a channel: {x.shape}"
            )
        mean = exact.mean(axes)
        var = jnp.square(exact - mean).mean(axes)
        self.mean.set_value(mean)
        self.var.set_value(var)
        y = super().__call__(x, use_running_average=True)
        for held, old, new in zip(
            (self.mean, self.var), kept, (mean, var * (n / (n - 1))), strict=True
        ):
            held.set_value(old * self.momentum + new * (1 - self.momentum))
        return y.astype(x.dtype)


def norm(channels: int, spec: BatchNormed, *, rngs: nnx.Rngs) -> BatchNorm:
    return BatchNorm(channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, rngs=rngs)


def norm1d(channels: int, spec: BatchNormed, *, rngs: nnx.Rngs) -> BatchNorm:
    return norm(channels, spec, rngs=rngs)


class GroupNorm(nnx.GroupNorm):
    """DIFF(fast-variance): the default E[x^2] - E[x]^2 loses digits."""

    def __init__(self, channels: int, groups: int, epsilon: float, *, rngs: nnx.Rngs):
        super().__init__(
            channels, groups, epsilon=epsilon, use_fast_variance=False, rngs=rngs
        )

    def __call__(self, x: Array) -> Array:
        return super().__call__(x).astype(x.dtype)


def group_norm(channels: int, spec: GroupNormed, *, rngs: nnx.Rngs) -> GroupNorm:
    return GroupNorm(channels, spec.groups, epsilon=spec.gn_eps, rngs=rngs)


class LayerNorm(nnx.LayerNorm):
    """DIFF(fast-variance): the default E[x^2] - E[x]^2 loses digits."""

    def __init__(
        self, width: int, epsilon: float, use_bias: bool = True, *, rngs: nnx.Rngs
    ):
        super().__init__(
            width,
            epsilon=epsilon,
            use_bias=use_bias,
            use_fast_variance=False,
            rngs=rngs,
        )

    def __call__(self, x: Array) -> Array:
        return super().__call__(x).astype(x.dtype)


def local_response_norm(
    x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """x / (k + alpha * sum of x^2 over `size` adjacent maps)^beta, alpha undivided.

    DIFF(lrn): NNX has none; exp and log are faster than a power.
    """
    (exact_x,) = exact((x,))
    total = jax.lax.reduce_window(
        jnp.square(exact_x), 0.0, jax.lax.add, (1, 1, 1, size), (1, 1, 1, 1), "SAME"
    )
    y = exact_x * jnp.exp(-beta * jnp.log(k + alpha * total))
    return y.astype(x.dtype)


def standardized(x: Array, eps: float) -> Array:
    """Give vectors, along the last axis, a mean of 0 and a variance of 1: a layer norm
    without weights."""
    (exact_x,) = exact((x,))
    centred = exact_x - exact_x.mean(-1, keepdims=True)
    variance = jnp.square(centred).mean(-1, keepdims=True)
    return (centred * jax.lax.rsqrt(variance + eps)).astype(x.dtype)


def unit(x: Array) -> Array:
    """Scale vectors, along the last axis, to length 1; 0 stays 0, with a gradient of 0.

    DIFF(unit-eps): JAX has none; optax's safe_norm wants to be told a least length.
    """
    (exact_x,) = exact((x,))
    squares = jnp.square(exact_x).sum(-1, keepdims=True)
    above = squares > 0
    y = jnp.where(above, exact_x / jnp.sqrt(jnp.where(above, squares, 1.0)), 0.0)
    return y.astype(x.dtype)


class RMSNorm(nnx.RMSNorm):
    """Vectors over the root of their mean square (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, eps: float, *, rngs: nnx.Rngs):
        super().__init__(width, epsilon=eps, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        return super().__call__(x).astype(x.dtype)
