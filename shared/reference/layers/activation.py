"""Activations and other functions without tensors, each with its derivative."""

import math

import numpy as np

from shared.arrays import Array
from shared.reference.module import Operation

_erf = np.vectorize(math.erf, [float])  # NumPy has none


class Identity(Operation):
    def forward(self, x: Array) -> Array:
        return x

    def backward(self, g: Array) -> Array:
        return g


class Sigmoid(Operation):
    """y = 1 / (1 + exp(-x)), so y' = y (1 - y)."""

    def forward(self, x: Array) -> Array:
        self.y = sigmoid(x)
        return self.y

    def backward(self, g: Array) -> Array:
        return g * self.y * (1 - self.y)


def sigmoid(x: Array) -> Array:
    """Compute 1 / (1 + exp(-x)), without an exponential that overflows."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


class SiLU(Operation):
    """y = x s(x) with s the sigmoid, so y' = s (1 + x (1 - s))."""

    def forward(self, x: Array) -> Array:
        self.x, self.s = x, sigmoid(x)
        return x * self.s

    def backward(self, g: Array) -> Array:
        return g * self.s * (1 + self.x * (1 - self.s))


class Tanh(Operation):
    """y' = 1 - y^2."""

    def forward(self, x: Array) -> Array:
        self.y = np.tanh(x)
        return self.y

    def backward(self, g: Array) -> Array:
        return g * (1 - self.y**2)


class ScaledTanh(Operation):
    """y = A tanh(S x), so y' = A S (1 - tanh(S x)^2)."""

    def __init__(self, amplitude: float, slope: float):
        self.amplitude, self.slope = amplitude, slope

    def forward(self, x: Array) -> Array:
        self.squashed = np.tanh(self.slope * x)
        return self.amplitude * self.squashed

    def backward(self, g: Array) -> Array:
        return g * self.amplitude * self.slope * (1 - self.squashed**2)


class ReLU(Operation):
    """y' = 1 above 0 and 0 elsewhere, also at 0, where there is no derivative."""

    def forward(self, x: Array) -> Array:
        self.above = x > 0
        return np.where(self.above, x, 0)

    def backward(self, g: Array) -> Array:
        return np.where(self.above, g, 0)


class LeakyReLU(Operation):
    """y' = 1 above 0 and the slope elsewhere, also at 0."""

    def __init__(self, slope: float):
        self.slope = slope

    def forward(self, x: Array) -> Array:
        self.above = x > 0
        return np.where(self.above, x, self.slope * x)

    def backward(self, g: Array) -> Array:
        return np.where(self.above, g, self.slope * g)


class GELU(Operation):
    """y = x Phi(x), Phi the normal distribution's function and phi its density, so
    y' = Phi(x) + x phi(x)."""

    def forward(self, x: Array) -> Array:
        self.x = x
        self.phi = (0.5 * (1 + _erf(x / math.sqrt(2)))).astype(x.dtype)
        return x * self.phi

    def backward(self, g: Array) -> Array:
        density = np.exp(-(self.x**2) / 2) / math.sqrt(2 * math.pi)
        return g * (self.phi + self.x * density)


class TanhGELU(Operation):
    """y = x (1 + tanh u) / 2 with u = sqrt(2 / pi) (x + 0.044715 x^3), so
    y' = (1 + tanh u) / 2 + x (1 - tanh(u)^2) u' / 2."""

    SCALE, CUBE = math.sqrt(2 / math.pi), 0.044715

    def forward(self, x: Array) -> Array:
        self.x = x
        self.squashed = np.tanh(self.SCALE * (x + self.CUBE * x**3))
        return x * (1 + self.squashed) / 2

    def backward(self, g: Array) -> Array:
        slope = self.SCALE * (1 + 3 * self.CUBE * self.x**2)
        rising = self.x * (1 - self.squashed**2) * slope
        return g * (1 + self.squashed + rising) / 2


class Softmax(Operation):
    """p_i = exp(x_i) / sum_j exp(x_j) over the last axis, so dp_i/dx_j = p_i [i = j] -
    p_i p_j and dL/dx_j = p_j (g_j - sum_i g_i p_i)."""

    def forward(self, x: Array) -> Array:
        raised = np.exp(x - x.max(-1, keepdims=True))
        self.p = raised / raised.sum(-1, keepdims=True)
        return self.p

    def backward(self, g: Array) -> Array:
        return self.p * (g - (g * self.p).sum(-1, keepdims=True))


class Step(Operation):
    """1 above 0 and 0 elsewhere; its derivative is 0, and nothing learns through it."""

    def forward(self, x: Array) -> Array:
        return np.where(x > 0, np.ones_like(x), 0)

    def backward(self, g: Array) -> Array:
        return np.zeros_like(g)


# By the names that specs use.
ACTIVATIONS: dict[str, type[Operation]] = {
    "identity": Identity,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
}
