"""Convolution, [B, channels, rows, columns], transposed too, and along time, [B,
channels, steps]: as the formula has it, in loops, and by matrix products."""

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from shared.arrays import Array
from shared.reference.module import Module, Operation, Parameter
from shared.specs.base import Conv1dSpec, ConvSpec, ConvTransposeSpec, Pair, Sides


def padded(x: Array, pads: Sides, value: float = 0.0) -> Array:
    """The maps with rows and columns of a value around them."""
    return np.pad(x, ((0, 0), (0, 0), *pads), constant_values=value)


def unpadded(x: Array, pads: Sides) -> Array:
    """The maps without what is around them, which is also padding's derivative."""
    (top, bottom), (left, right) = pads
    return x[:, :, top : x.shape[2] - bottom, left : x.shape[3] - right]


def windows(x: Array, size: Pair, stride: int) -> Array:
    """Give every place of a window: [B, channels, rows, columns, *size]."""
    return sliding_window_view(x, size, (2, 3))[:, :, ::stride, ::stride]


def add_windows(total: Array, parts: Array, size: Pair, stride: int) -> None:
    """Add each window's values where they were read: the derivative of `windows`.

    parts: [B, channels, rows, columns, *size]. Windows overlap, but at one place (i, j)
    inside them no two read the same pixel, so a place is one sum.
    """
    rows, columns = (stride * (n - 1) + 1 for n in parts.shape[2:4])
    for i, j in itertools.product(*map(range, size)):
        read = total[:, :, i : i + rows : stride, j : j + columns : stride]
        read += parts[..., i, j]


class LoopConvolution(Operation):
    """A convolution as it is defined, of x [B, m, ...] and the kernels W [o, m, i, j]:

    y[b, o, r, c] = sum over m, i, j of W[o, m, i, j] x[b, m, s r + i, s c + j]

    with the stride s and x padded. Each term is a product, so x's gradient is a sum of
    g W over the terms it stands in, and W's a sum of g x.
    """

    def __init__(self, stride: int, pads: Sides):
        self.stride, self.pads = stride, pads

    def forward(self, x: Array, w: Array) -> Array:
        self.x, self.w, s = padded(x, self.pads), w, self.stride
        size = (
            (n - k) // s + 1 for n, k in zip(self.x.shape[2:], w.shape[2:], strict=True)
        )
        y = np.zeros_like(x, shape=(len(x), len(w), *size))
        for b, o, r, c in np.ndindex(*y.shape):
            for m, i, j in np.ndindex(*w.shape[1:]):
                y[b, o, r, c] += w[o, m, i, j] * self.x[b, m, s * r + i, s * c + j]
        return y

    def backward(self, g: Array) -> tuple[Array, Array]:
        of_x, of_w, s = np.zeros_like(self.x), np.zeros_like(self.w), self.stride
        for b, o, r, c in np.ndindex(*g.shape):
            for m, i, j in np.ndindex(*self.w.shape[1:]):
                read = b, m, s * r + i, s * c + j
                of_x[read] += g[b, o, r, c] * self.w[o, m, i, j]
                of_w[o, m, i, j] += g[b, o, r, c] * self.x[read]
        return unpadded(of_x, self.pads), of_w


class Convolution(LoopConvolution):
    """Convolves by matrix products ("im2col"): with a window a row of X and a kernel a
    row of W it is the dense layer Y = X W^T, whose gradients are g W, added back where
    each window read, and g^T X."""

    def forward(self, x: Array, w: Array) -> Array:
        self.x, self.w = padded(x, self.pads), w
        self.read = windows(self.x, w.shape[2:], self.stride)
        y = np.tensordot(self.read, w, ((1, 4, 5), (1, 2, 3)))
        return y.transpose(0, 3, 1, 2)  # [B, o, rows, columns]

    def backward(self, g: Array) -> tuple[Array, Array]:
        of_w = np.tensordot(g, self.read, ((0, 2, 3), (0, 2, 3)))
        parts = np.tensordot(g, self.w, (1, 0)).transpose(0, 3, 1, 2, 4, 5)
        of_x = np.zeros_like(self.x)
        add_windows(of_x, parts, self.w.shape[2:], self.stride)
        return unpadded(of_x, self.pads), of_w


def conv(c: ConvSpec) -> "Conv2d":
    if c.groups != 1 or c.dilation != 1:
        raise NotImplementedError(f"a convolution in groups, or dilated: {c}")
    return Conv2d(c)


class Conv2d(Module):
    """The convolution with its kernels, plus a bias a map."""

    def __init__(self, c: ConvSpec):
        self.weight = Parameter((c.c_out, c.c_in, *c.kernel))
        self.bias = Parameter((c.c_out,)) if c.bias else None
        self.convolve = Convolution(c.stride, c.pads)

    def forward(self, x: Array) -> Array:
        y = self.convolve(x, self.weight.value)
        return y if self.bias is None else y + self.bias.value[:, None, None]

    def backward(self, g: Array) -> Array:
        of_x, of_weight = self.convolve.backward(g)
        self.weight.add(of_weight)
        if self.bias is not None:
            self.bias.add(g.sum((0, 2, 3)))
        return of_x


class Conv1d(Module):
    """The convolution of maps of one row."""

    def __init__(self, c: Conv1dSpec):
        self.weight = Parameter((c.c_out, c.c_in, c.k))
        self.bias = Parameter((c.c_out,)) if c.bias else None
        self.convolve = Convolution(c.stride, ((0, 0), c.pads))

    def forward(self, x: Array) -> Array:
        y = self.convolve(x[:, :, None], self.weight.value[:, :, None])[:, :, 0]
        return y if self.bias is None else y + self.bias.value[:, None]

    def backward(self, g: Array) -> Array:
        of_x, of_weight = self.convolve.backward(g[:, :, None])
        self.weight.add(of_weight[:, :, 0])
        if self.bias is not None:
            self.bias.add(g.sum((0, 2)))
        return of_x[:, :, 0]


class LoopTransposedConvolution(Operation):
    """A transposed convolution as it is defined, of x [B, m, ...] and the kernels
    W [m, o, i, j]: each value adds its multiple of the kernel,

    y[b, o, s r + i, s c + j] += W[m, o, i, j] x[b, m, r, c]

    and the sides are cut off. Each term is a product, so x's gradient is a sum of g W
    over the terms it stands in, and W's a sum of g x; what was cut off has none.
    """

    def __init__(self, stride: int, cuts: Sides):
        self.stride, self.cuts = stride, cuts

    def forward(self, x: Array, w: Array) -> Array:
        self.x, self.w, s = x, w, self.stride
        y = np.zeros_like(x, shape=self._whole())
        for b, m, r, c in np.ndindex(*x.shape):
            for o, i, j in np.ndindex(*w.shape[1:]):
                y[b, o, s * r + i, s * c + j] += w[m, o, i, j] * x[b, m, r, c]
        return cut(y, self.cuts)

    def backward(self, g: Array) -> tuple[Array, Array]:
        g, s = uncut(g, self.cuts), self.stride
        of_x, of_w = np.zeros_like(self.x), np.zeros_like(self.w)
        for b, m, r, c in np.ndindex(*self.x.shape):
            for o, i, j in np.ndindex(*self.w.shape[1:]):
                given = g[b, o, s * r + i, s * c + j]
                of_x[b, m, r, c] += given * self.w[m, o, i, j]
                of_w[m, o, i, j] += given * self.x[b, m, r, c]
        return of_x, of_w

    def _whole(self) -> tuple[int, ...]:
        """The shape of what is put out, before anything is cut off."""
        sizes = zip(self.x.shape[2:], self.w.shape[2:], strict=True)
        rows, columns = (self.stride * (n - 1) + k for n, k in sizes)
        return len(self.x), self.w.shape[1], rows, columns


class TransposedConvolution(LoopTransposedConvolution):
    """Does by matrix products what a convolution does backwards, and backwards what it
    does forwards: a value's multiples of a kernel are a window, added where it lies."""

    def forward(self, x: Array, w: Array) -> Array:
        self.x, self.w = x, w
        parts = np.tensordot(x, w, (1, 0)).transpose(0, 3, 1, 2, 4, 5)
        y = np.zeros_like(x, shape=self._whole())
        add_windows(y, parts, w.shape[2:], self.stride)
        return cut(y, self.cuts)

    def backward(self, g: Array) -> tuple[Array, Array]:
        read = windows(uncut(g, self.cuts), self.w.shape[2:], self.stride)
        of_x = np.tensordot(read, self.w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        of_w = np.tensordot(self.x, read, ((0, 2, 3), (0, 2, 3)))
        return of_x, of_w


def cut(y: Array, cuts: Sides) -> Array:
    """The maps without their sides; where a cut is below 0 with as many zeros more."""
    (top, bottom), (left, right) = cuts
    less = (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))
    more = (max(-top, 0), max(-bottom, 0)), (max(-left, 0), max(-right, 0))
    return padded(unpadded(y, less), more)


def uncut(g: Array, cuts: Sides) -> Array:
    """Zeros for the sides that were cut off: the derivative of `cut`."""
    (top, bottom), (left, right) = cuts
    return cut(g, ((-top, -bottom), (-left, -right)))


def conv_transpose(c: ConvTransposeSpec) -> "ConvTranspose2d":
    return ConvTranspose2d(c)


class ConvTranspose2d(Module):
    """The transposed convolution with its kernels, plus a bias a map."""

    def __init__(self, c: ConvTransposeSpec):
        self.weight = Parameter((c.c_in, c.c_out, *c.kernel))
        self.bias = Parameter((c.c_out,)) if c.bias else None
        self.spread = TransposedConvolution(c.stride, c.cuts)

    def forward(self, x: Array) -> Array:
        y = self.spread(x, self.weight.value)
        return y if self.bias is None else y + self.bias.value[:, None, None]

    def backward(self, g: Array) -> Array:
        of_x, of_weight = self.spread.backward(g)
        self.weight.add(of_weight)
        if self.bias is not None:
            self.bias.add(g.sum((0, 2, 3)))
        return of_x
