"""Norms. Those of a batch and of a layer write x as (x - mean) / sqrt(var + eps), and
mean and var are of x themselves, so their derivatives are sums over what they were
taken over."""

import numpy as np

from shared.arrays import Array
from shared.reference.module import Module, Operation, Parameter
from shared.specs.base import GroupNormed


class BatchNorm(Module):
    """Ioffe and Szegedy 2015, [B, channels, ...]: statistics of each channel over all
    else in the batch in training, the running ones in evaluation, which training moves
    by 1 - decay.

    The batch's variance is divided by n, what the running one learns of by n - 1.
    """

    def __init__(self, channels: int, eps: float, decay: float):
        self.eps, self.decay = eps, decay
        self.weight, self.bias = Parameter((channels,)), Parameter((channels,))
        self.running_mean = Parameter((channels,), trainable=False)
        self.running_var = Parameter((channels,), trainable=False)

    def forward(self, x: Array) -> Array:
        self.axes = (0, *range(2, x.ndim))
        mean, var = self.running_mean.value, self.running_var.value
        if self.training:
            mean, var = self.observe(x)
        self.scale = beside(1 / np.sqrt(var + self.eps), x)
        self.normed = (x - beside(mean, x)) * self.scale
        return self.normed * beside(self.weight.value, x) + beside(self.bias.value, x)

    def observe(self, x: Array) -> tuple[Array, Array]:
        """The batch's statistics, of which the running ones learn."""
        n, d = x.size // x.shape[1], self.decay
        if n == 1:
            raise ValueError(
                f"batch norm in training of one value a channel: {x.shape}"
            )
        mean, var = x.mean(self.axes), x.var(self.axes)
        unbiased = var * (n / (n - 1))
        for kept, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            kept.value = d * kept.value + (1 - d) * new
        return mean, var

    def backward(self, g: Array) -> Array:
        self.weight.add((g * self.normed).sum(self.axes))
        self.bias.add(g.sum(self.axes))
        g = g * beside(self.weight.value, g)
        if self.training:
            g = unnormed(g, self.normed, self.axes)
        return g * self.scale


def beside(of_channels: Array, x: Array) -> Array:
    """Numbers of channels in a shape that is broadcast over [B, channels, ...]."""
    return of_channels.reshape(-1, *(1,) * (x.ndim - 2))


class GroupNorm(Module):
    """Wu and He 2018 (arXiv:1803.08494), [B, channels, ...]: each sample's own
    statistics, over the places and the channels of a group."""

    def __init__(self, channels: int, groups: int, eps: float):
        self.groups, self.eps = groups, eps
        self.weight, self.bias = Parameter((channels,)), Parameter((channels,))

    def forward(self, x: Array) -> Array:
        grouped = x.reshape(len(x), self.groups, -1)
        mean, var = grouped.mean(-1, keepdims=True), grouped.var(-1, keepdims=True)
        self.scale = 1 / np.sqrt(var + self.eps)
        self.normed = (grouped - mean) * self.scale
        y = self.normed.reshape(x.shape)
        return y * beside(self.weight.value, x) + beside(self.bias.value, x)

    def backward(self, g: Array) -> Array:
        axes = (0, *range(2, g.ndim))
        self.weight.add((g * self.normed.reshape(g.shape)).sum(axes))
        self.bias.add(g.sum(axes))
        grouped = (g * beside(self.weight.value, g)).reshape(self.normed.shape)
        return (unnormed(grouped, self.normed, -1) * self.scale).reshape(g.shape)


def group_norm(channels: int, spec: GroupNormed) -> GroupNorm:
    return GroupNorm(channels, spec.groups, spec.gn_eps)


class LayerNorm(Module):
    """Ba, Kiros and Hinton 2016 (arXiv:1607.06450): each sample's own statistics, over
    the last axis, in training and evaluation alike."""

    def __init__(self, width: int, eps: float, bias: bool = True):
        self.eps = eps
        self.weight = Parameter((width,))
        self.bias = Parameter((width,)) if bias else None

    def forward(self, x: Array) -> Array:
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        self.scale = 1 / np.sqrt(var + self.eps)
        self.normed = (x - mean) * self.scale
        y = self.normed * self.weight.value
        return y if self.bias is None else y + self.bias.value

    def backward(self, g: Array) -> Array:
        axes = tuple(range(g.ndim - 1))
        self.weight.add((g * self.normed).sum(axes))
        if self.bias is not None:
            self.bias.add(g.sum(axes))
        return unnormed(g * self.weight.value, self.normed, -1) * self.scale


def unnormed(g: Array, normed: Array, axis: int | tuple[int, ...]) -> Array:
    """Give the gradient in front of the statistics, times sqrt(var + eps).

    With z = (x - mean) s and s = 1 / sqrt(var + eps): dmean/dx_j = 1 / n and ds/dx_j =
    -s^2 z_j / n, so dL/dx_j = s (g_j - mean of g - z_j mean of g z).
    """
    mean = g.mean(axis, keepdims=True)
    return g - mean - normed * (g * normed).mean(axis, keepdims=True)


class Standardized(Operation):
    """A layer norm without weights."""

    def __init__(self, eps: float):
        self.eps = eps

    def forward(self, x: Array) -> Array:
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        self.scale = 1 / np.sqrt(var + self.eps)
        self.normed = (x - mean) * self.scale
        return self.normed

    def backward(self, g: Array) -> Array:
        return unnormed(g, self.normed, -1) * self.scale


class Modulated(Operation):
    """y = (1 + scale) z + shift with z the tokens' norm, which has no weights; scale
    and shift are of all tokens, so their gradients are sums over them."""

    def __init__(self, eps: float):
        self.norm = Standardized(eps)

    def forward(self, x: Array, shift: Array, scale: Array) -> Array:
        self.z: Array = self.norm(x)
        self.scale = scale
        return self.z * (1 + scale) + shift

    def backward(self, g: Array) -> tuple[Array, Array, Array]:
        of_shift = g.sum(1, keepdims=True)
        of_scale = (g * self.z).sum(1, keepdims=True)
        return self.norm.backward(g * (1 + self.scale)), of_shift, of_scale


class Unit(Operation):
    """y = x / |x| over the last axis; 0 stays 0, and its gradient is 0.

    With r = |x|: dr/dx_j = y_j, so dL/dx_j = (g_j - y_j sum_i g_i y_i) / r.
    """

    def forward(self, x: Array) -> Array:
        length = np.sqrt(np.square(x).sum(-1, keepdims=True))
        self.inverse = np.where(length > 0, 1 / np.where(length > 0, length, 1), 0)
        self.y = x * self.inverse
        return self.y

    def backward(self, g: Array) -> Array:
        along = (g * self.y).sum(-1, keepdims=True)
        return (g - self.y * along) * self.inverse
