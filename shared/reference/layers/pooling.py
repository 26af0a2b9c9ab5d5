"""Pooling, [B, channels, rows, columns]: as it is defined, in loops, and by windows."""

import math

import numpy as np

from shared.arrays import Array
from shared.reference.layers.convolution import add_windows, padded, unpadded, windows
from shared.reference.module import Operation
from shared.specs.base import Pool, Sides


class _Pool2d(Operation):
    """What both pools share. pads: of the last input."""

    value = 0.0  # of the padding
    pads: Sides

    def __init__(self, p: Pool):
        self.p, self.window = p, (p.size, p.size)

    def _padded(self, x: Array) -> Array:
        self.pads = self.p.reach(*x.shape[2:])
        self.shape = x.shape
        return padded(x, self.pads, self.value)

    def _read(self, r: int, c: int) -> tuple[slice, slice]:
        """Give the rows and columns of a window."""
        top, left = self.p.stride * r, self.p.stride * c
        return slice(top, top + self.p.size), slice(left, left + self.p.size)


class LoopMaxPool2d(_Pool2d):
    """The largest of each window, to which goes all of the gradient; of equals to the
    first."""

    value = -math.inf

    def forward(self, x: Array) -> Array:
        self.x = self._padded(x)
        size = self.p.map_size(*x.shape[2:])
        y = np.zeros_like(x, shape=(*x.shape[:2], *size))
        for b, m, r, c in np.ndindex(*y.shape):
            y[b, m, r, c] = self.x[b, m, *self._read(r, c)].max()
        return y

    def backward(self, g: Array) -> Array:
        of_x = np.zeros_like(self.x)
        for b, m, r, c in np.ndindex(*g.shape):
            read = b, m, *self._read(r, c)
            first = np.unravel_index(self.x[read].argmax(), self.window)
            of_x[read][first] += g[b, m, r, c]
        return unpadded(of_x, self.pads)


class MaxPool2d(LoopMaxPool2d):
    """Takes the maximum of all windows at once."""

    def forward(self, x: Array) -> Array:
        self.x = self._padded(x)
        places = windows(self.x, self.window, self.p.stride)
        flat = places.reshape(*places.shape[:4], -1)
        self.first = flat.argmax(-1)[..., None]
        return np.take_along_axis(flat, self.first, -1)[..., 0]

    def backward(self, g: Array) -> Array:
        of_x = np.zeros_like(self.x)
        chosen = self.first == np.arange(self.p.size**2)
        parts = (chosen * g[..., None]).reshape(*g.shape, *self.window)
        add_windows(of_x, parts, self.window, self.p.stride)
        return unpadded(of_x, self.pads)


class MaxPool1d(Operation):
    """The largest of each window along time, [B, channels, steps]. Windows lie beside
    each other, the last as short as it falls; of equals the first has the gradient."""

    def __init__(self, size: int):
        self.size = size

    def forward(self, x: Array) -> Array:
        self.steps = x.shape[2]
        missing = -self.steps % self.size
        x = np.pad(x, ((0, 0), (0, 0), (0, missing)), constant_values=-math.inf)
        x = x.reshape(*x.shape[:2], -1, self.size)
        self.first = x.argmax(-1)[..., None]
        return x.max(-1)

    def backward(self, g: Array) -> Array:
        chosen = self.first == np.arange(self.size)
        of_x = (chosen * g[..., None]).reshape(*g.shape[:2], -1)
        return of_x[:, :, : self.steps]


class LoopAvgPool2d(_Pool2d):
    """The mean of each window, so each of its n values has g / n; n counts padding or
    does not, as the spec says."""

    def _counts(self) -> Array:
        """How many values each window is a mean over: [rows, columns]."""
        if self.p.count_pads:
            return np.full(self.p.map_size(*self.shape[2:]), self.p.size**2)
        rows, columns = self.p.inside(*self.shape[2:])
        return np.outer(rows, columns)

    def forward(self, x: Array) -> Array:
        full, counts = self._padded(x), self._counts()
        y = np.zeros_like(x, shape=(*x.shape[:2], *counts.shape))
        for b, m, r, c in np.ndindex(*y.shape):
            y[b, m, r, c] = full[b, m, *self._read(r, c)].sum() / counts[r, c]
        return y

    def backward(self, g: Array) -> Array:
        of_x, counts = (
            padded(np.zeros_like(g, shape=self.shape), self.pads),
            self._counts(),
        )
        for b, m, r, c in np.ndindex(*g.shape):
            of_x[b, m, *self._read(r, c)] += g[b, m, r, c] / counts[r, c]
        return unpadded(of_x, self.pads)


class AvgPool2d(LoopAvgPool2d):
    """Takes the mean of all windows at once."""

    def forward(self, x: Array) -> Array:
        total = windows(self._padded(x), self.window, self.p.stride).sum((4, 5))
        return total / self._counts().astype(x.dtype)

    def backward(self, g: Array) -> Array:
        of_x = padded(np.zeros_like(g, shape=self.shape), self.pads)
        shares = (g / self._counts().astype(g.dtype))[..., None, None]
        parts = np.broadcast_to(shares, (*g.shape, *self.window))
        add_windows(of_x, parts, self.window, self.p.stride)
        return unpadded(of_x, self.pads)


class Flatten(Operation):
    """Lays all of a sample's maps in a row."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, g: Array) -> Array:
        return g.reshape(self.shape)


class Unflatten(Operation):
    """Makes maps, (channels, rows, columns), of a sample's numbers in a row."""

    def __init__(self, maps: tuple[int, int, int]):
        self.maps = maps

    def forward(self, x: Array) -> Array:
        return x.reshape(-1, *self.maps)

    def backward(self, g: Array) -> Array:
        return g.reshape(len(g), -1)


class Scalar(Operation):
    """Takes a sample's one number out of its row or map: [B]."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.reshape(-1)

    def backward(self, g: Array) -> Array:
        return g.reshape(self.shape)


class MeanOfMap(Operation):
    """Each map's mean, or of steps in time, so each of its n values has g / n."""

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.mean(tuple(range(2, x.ndim)))

    def backward(self, g: Array) -> Array:
        share = g / math.prod(self.shape[2:])
        ones = (1,) * (len(self.shape) - 2)
        return np.broadcast_to(share.reshape(*g.shape, *ones), self.shape)


class MaxOfMap(Operation):
    """Each map's largest value; equals share the gradient."""

    def forward(self, x: Array) -> Array:
        self.places = tuple(range(2, x.ndim))
        y = x.max(self.places, keepdims=True)
        self.largest = x == y
        return y.reshape(y.shape[:2])

    def backward(self, g: Array) -> Array:
        count = self.largest.sum(self.places, keepdims=True).astype(g.dtype)
        return self.largest * (g.reshape(count.shape) / count)
