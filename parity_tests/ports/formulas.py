"""Layers in NumPy, with any setting: what a guilty one is computed again with.

Everything here has its channels last; a convolution's weight is as PyTorch has it.
"""

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np

from parity_tests.compare import Array

_erf = np.vectorize(math.erf, otypes=[float])


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def gelu_tanh(x: Array) -> Array:
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + np.tanh(inner))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array, axis: int = -1) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": gelu,
    "gelu (tanh)": gelu_tanh,
    "silu": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu (0.01)": lambda x: np.where(x > 0, x, 0.01 * x),
    "leaky_relu (0.2)": lambda x: np.where(x > 0, x, 0.2 * x),
    "leaky_relu (0.3)": lambda x: np.where(x > 0, x, 0.3 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "softplus": lambda x: np.logaddexp(x, 0),
    "softmax": softmax,
    "sine": np.sin,
}


HARD: Mapping[str, Callable[[Array], Array]] = {
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_sigmoid (0.2)": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
}


def normed(
    x: Array,
    weights: Mapping[str, Array],
    eps: float,
    axes: tuple[int, ...] = (-1,),
    *,
    rms: bool = False,
    unbiased: bool = False,
) -> Array:
    """A layer norm; `rms`: without the mean, `unbiased`: by n - 1."""
    mean = 0.0 if rms else x.mean(axes, keepdims=True)
    n = math.prod(x.shape[a] for a in axes)
    variance = np.square(x - mean).mean(axes, keepdims=True)
    if unbiased:
        variance = variance * n / (n - 1)
    return scaled((x - mean) / np.sqrt(variance + eps), weights)


def batch_normed(
    x: Array, weights: Mapping[str, Array], eps: float, training: bool
) -> Array:
    """A batch norm by the batch's own statistics, or by those that run."""
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes) if training else weights["running_mean"]
    variance = x.var(axes) if training else weights["running_var"]
    return scaled((x - mean) / np.sqrt(variance + eps), weights)


def scaled(x: Array, weights: Mapping[str, Array]) -> Array:
    return x * weights.get("weight", 1.0) + weights.get("bias", 0.0)


def convolved(
    x: Array,
    weights: Mapping[str, Array],
    stride: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    dilation: tuple[int, ...],
    mode: str = "constant",
) -> Array:
    """A convolution with any groups, which its weight tells."""
    kernel = weights["weight"]
    sizes = kernel.shape[2:]
    padded = np.pad(x, ((0, 0), *pads, (0, 0)), mode)  # type: ignore[call-overload]
    places = [
        1 + (padded.shape[i + 1] - d * (k - 1) - 1) // s
        for i, (k, s, d) in enumerate(zip(sizes, stride, dilation, strict=True))
    ]
    groups = x.shape[-1] // kernel.shape[1]
    out = np.zeros((x.shape[0], *places, kernel.shape[0]))
    split = kernel.reshape(groups, -1, *kernel.shape[1:])
    for at in itertools.product(*map(range, sizes)):
        cut = tuple(
            slice(a * d, a * d + s * (n - 1) + 1, s)
            for a, s, d, n in zip(at, stride, dilation, places, strict=True)
        )
        part = padded[(slice(None), *cut)]
        part = part.reshape(*part.shape[:-1], groups, -1)
        by = split[(slice(None), slice(None), slice(None), *at)]  # type: ignore[arg-type]
        out += np.einsum("...gi,goi->...go", part, by).reshape(out.shape)
    return out + weights.get("bias", 0.0)


def same(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """How TensorFlow and XLA pad: the odd one behind."""
    wanted = (-(-size // stride) - 1) * stride + dilation * (kernel - 1) + 1
    total = max(wanted - size, 0)
    return total // 2, total - total // 2


def pooled(
    x: Array,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    pads: tuple[tuple[int, int], ...],
    how: str,
) -> Array:
    """Pooling; how: max, max over zeros, average, average with its padding counted."""
    fill = -np.inf if how == "max" else 0.0
    whole = ((0, 0), *pads, (0, 0))
    padded = np.pad(x, whole, constant_values=fill)
    ones = np.pad(np.ones_like(x), whole)
    windows = np.lib.stride_tricks.sliding_window_view
    axes = tuple(range(1, x.ndim - 1))
    steps: tuple[slice, ...] = (slice(None), *(slice(None, None, s) for s in stride))
    within = tuple(range(-len(size), 0))
    cut = windows(padded, size, axes)[steps]
    if how.startswith("max"):
        return cut.max(within)
    counted = windows(ones, size, axes)[steps]
    number = counted.sum(within) if how == "average" else math.prod(size)
    return cut.sum(within) / number


def linear(x: Array, weight: Array, bias: Array) -> Array:
    return x @ weight.T + bias


def reordered(x: Array, order: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """A map's axes in another order, then in one."""
    return x.transpose(0, *order).reshape(shape)


def interleaved(x: Array, channels: int) -> Array:
    """A flat map with its channels last in the place of first."""
    apart = x.reshape(x.shape[0], channels, -1)
    return apart.transpose(0, 2, 1).reshape(x.shape)


Act = Callable[[Array], Array]


def recurrent(
    x: Array,
    weights: Mapping[str, Array],
    kind: str,
    act: Act = np.tanh,
    gate: Act = sigmoid,
    *,
    order: tuple[int, ...] = (0, 1, 2, 3),
    forget: float = 0.0,
    reset_after: bool = True,
) -> Array:
    """An LSTM, GRU or plain recurrence over (batch, steps, size), from zeros.

    order: of the gates i, f, g, o in the weights; forget: what is added to f's bias.
    """
    wide, deep = weights["weight_ih"], weights["weight_hh"]
    h = c = np.zeros((x.shape[0], deep.shape[1]))
    b = weights.get("bias", weights.get("bias_ih", np.zeros(())))
    b_h = weights.get("bias_hh", np.zeros(()))
    steps = []
    for t in range(x.shape[1]):
        a, r = x[:, t] @ wide.T + b, h @ deep.T + b_h
        if kind == "lstm":
            parts = np.split(a + r, 4, -1)
            i, f, g, o = (parts[n] for n in order)
            c = gate(f + forget) * c + gate(i) * act(g)
            h = gate(o) * act(c)
        elif kind == "gru":
            (ar, az, an), (hr, hz, hn) = np.split(a, 3, -1), np.split(r, 3, -1)
            reset, keep = gate(ar + hr), gate(az + hz)
            if not reset_after:
                hn = (reset * h) @ np.split(deep, 3)[2].T
            inner = act(an + (reset * hn if reset_after else hn))
            h = (1 - keep) * inner + keep * h
        else:
            h = act(a + r)
        steps.append(h)
    return np.stack(steps, 1)
