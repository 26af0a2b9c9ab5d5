"""Norms of the channels of a map, of adjacent maps, and of vectors."""

import math
from typing import Any

import numpy as np
from keras import KerasTensor, layers, ops

from keras_impl import distributed
from keras_impl.layers.saved import Saved
from keras_impl.precision import exact
from shared.specs.base import BatchNormed, GroupNormed


class BatchNormalization(Saved, layers.BatchNormalization):
    """DIFF(bn-var): keeps the unbiased running variance (Ioffe 2015, algorithm 2).
    DIFF(bn-one): a single value a channel is refused, as by torch.
    DIFF(bn-frozen): what is not trainable keeps its statistics, and normalises by them.
    """

    def __init__(
        self,
        channels: int,
        epsilon: float,
        momentum: float,
        ndim: int = 4,
        *,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(epsilon=epsilon, momentum=momentum, name=name, dtype=dtype)
        self.channels, self.ndim = channels, ndim
        self.build((None,) * (ndim - 1) + (channels,))

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training or not self.trainable:
            return super().call(x, training=False)
        unknown = self.synchronized or None in x.shape
        if not unknown and math.prod(x.shape[:-1]) == 1:
            raise ValueError(
                f"batch norm in training of one value a channel: {x.shape}"
            )
        kept = self.moving_variance * self.momentum
        y = super().call(x, training=True)
        n = self._number(x)
        bessel = n / ops.maximum(n - 1, 1)
        self.moving_variance.assign(kept + (self.moving_variance - kept) * bessel)
        return y

    def _number(self, x: KerasTensor) -> KerasTensor:
        """What one channel's statistics are taken over."""
        n = ops.cast(ops.size(x) // ops.shape(x)[-1], self.moving_variance.dtype)
        return distributed.total([n])[0] if self.synchronized else n

    def _moments(
        self, x: KerasTensor, mask: KerasTensor | None
    ) -> tuple[KerasTensor, KerasTensor]:
        """DIFF(sync-variance): that of Keras, E[x^2] - E[x]^2 where processes share
        it, loses digits."""
        if not self.synchronized:
            mean = _mean(x)
            return mean, _mean(ops.square(x - mean))
        exact = ops.cast(x, self.moving_variance.dtype)
        n, axes = self._number(exact), self._reduction_axes
        mean = distributed.total([ops.sum(exact, axes)])[0] / n
        squares = ops.sum(ops.square(exact - mean), axes)
        variance = distributed.total([squares])[0] / n
        return ops.cast(mean, x.dtype), ops.cast(variance, x.dtype)


def _mean(x: KerasTensor) -> KerasTensor:
    """Give the mean of each channel. DIFF(long-sums): of the rows first, then of
    what they gave."""
    if len(x.shape) > 2:
        x = ops.mean(x, 1)
    return ops.mean(x, tuple(range(len(x.shape) - 1)))


def norm(channels: int, spec: BatchNormed) -> BatchNormalization:
    return BatchNormalization(channels, epsilon=spec.bn_eps, momentum=spec.bn_decay)


def norm1d(channels: int, spec: BatchNormed) -> BatchNormalization:
    return BatchNormalization(
        channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, ndim=3
    )


class GroupNormalization(Saved, layers.GroupNormalization):
    def __init__(
        self,
        channels: int,
        groups: int,
        epsilon: float,
        *,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(groups, epsilon=epsilon, name=name, dtype=dtype)
        self.channels = channels
        self.build((None, None, None, channels))


def group_norm(channels: int, spec: GroupNormed) -> GroupNormalization:
    return GroupNormalization(channels, spec.groups, epsilon=spec.gn_eps)


class LayerNormalization(Saved, layers.LayerNormalization):
    def __init__(
        self,
        width: int,
        epsilon: float,
        use_bias: bool = True,
        *,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(epsilon=epsilon, center=use_bias, name=name, dtype=dtype)
        self.width, self.use_bias = width, use_bias
        self.build((None, width))


def local_response_norm(
    x: KerasTensor, size: int, alpha: float, beta: float, k: float
) -> KerasTensor:
    """x / (k + alpha * sum of x^2 over `size` adjacent maps)^beta, alpha undivided.

    DIFF(lrn): Keras has none; a product with a band of ones, exp and log are faster
    than shifted sums and a power.
    """
    maps = np.arange(x.shape[-1])
    band = abs(maps[:, None] - maps) <= size // 2
    (exact_x,) = exact((x,))
    total = ops.matmul(ops.square(exact_x), ops.cast(band, exact_x.dtype))
    y = exact_x * ops.exp(-beta * ops.log(k + alpha * total))
    return ops.cast(y, x.dtype)


def standardized(x: KerasTensor, eps: float) -> KerasTensor:
    """Give vectors, along the last axis, a mean of 0 and a variance of 1: a layer norm
    without weights."""
    (exact_x,) = exact((x,))
    centred = exact_x - ops.mean(exact_x, -1, keepdims=True)
    variance = ops.mean(ops.square(centred), -1, keepdims=True)
    return ops.cast(centred * ops.rsqrt(variance + eps), x.dtype)


def unit(x: KerasTensor) -> KerasTensor:
    """Scale vectors, along the last axis, to length 1; 0 stays 0, with a gradient of 0.

    DIFF(unit-eps): ops.normalize divides by 1e-7 at least.
    """
    (exact_x,) = exact((x,))
    squares = ops.sum(ops.square(exact_x), -1, keepdims=True)
    above = squares > 0
    y = ops.where(above, exact_x / ops.sqrt(ops.where(above, squares, 1.0)), 0.0)
    return ops.cast(y, x.dtype)


class RMSNormalization(Saved, layers.RMSNormalization):
    """Vectors over the root of their mean square (Zhang and Sennrich 2019)."""

    def __init__(
        self, width: int, epsilon: float, *, name: str | None = None, dtype: Any = None
    ):
        # DIFF(bfloat16): Keras would round the scale too.
        super().__init__(epsilon=epsilon, name=name, dtype=dtype, autocast=False)
        self.width = width
        self.build((None, width))
