"""Keras layers with every size given, built at once, where the defaults differ.

DIFF(lazy): a Keras layer has no weights until its first call; these are built when
they are made, so that a model has names and shapes from the start.
"""

import importlib
import math
from collections.abc import Callable
from typing import Any, Self

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from keras.src import backend
from numpy.typing import NDArray

from keras_impl import backends, distributed
from shared.randomness import Draws
from shared.specs.base import (
    BatchNormed,
    Conv1dSpec,
    ConvSpec,
    Pool,
    Spec,
    SqueezeSpec,
    from_plain,
    to_plain,
)
from shared.specs.sequence.recurrent import Direction, StackSpec


class SpecModel(keras.Model):
    """A keras.Model that is saved with its spec, so that `.keras` files load."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        keras.saving.register_keras_serializable("triptych")(cls)

    def __init__(self, spec: Spec):
        super().__init__()
        self.spec: Any = spec

    def get_config(self) -> dict[str, Any]:
        return {"spec": to_plain(self.spec)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        family = importlib.import_module(
            cls.__module__.replace("keras_impl.models", "shared.specs")
        )
        return cls(from_plain(getattr(family, f"{cls.__name__}Spec"), config["spec"]))


# Channels that a convolution needs to be worth its calls.
WIDE = 32


def conv(c: ConvSpec) -> "Conv2D":
    return Conv2D(c)


class Conv2D(layers.Conv2D):
    """DIFF(padding): "same" is asymmetric at stride 2, so pad here, then "valid";
    at stride 1 "same" is right and spares a copy.
    DIFF(grouped-conv): the gradient of a grouped convolution is up to some hundred
    times slower on a CPU; a few groups at a time are one convolution of their own.
    DIFF(depthwise): one channel a group has an operation of its own.
    """

    def __init__(self, c: ConvSpec):
        super().__init__(
            c.c_out,
            c.kernel,
            c.stride,
            padding="same" if c.keeps_size else "valid",
            groups=c.groups,
            use_bias=c.bias,
        )
        self.c = c
        self.build((None, None, None, c.c_in))

    def call(self, x: KerasTensor) -> KerasTensor:
        if not self.c.keeps_size and any(map(any, self.c.pads)):
            x = ops.pad(x, ((0, 0), *self.c.pads, (0, 0)))
        if self.groups == 1 or not backends.splits_groups():
            return super().call(x)
        if self.groups == self.filters == x.shape[-1]:
            kernel = ops.reshape(self.kernel, (*self.kernel_size, self.filters, 1))
            y = ops.depthwise_conv(x, kernel, self.strides, self.padding)
        else:
            y = self.convolve_groups(x)
        return y + self.bias if self.use_bias else y

    def convolve_groups(self, x: KerasTensor) -> KerasTensor:
        """Narrow groups are joined to a convolution of WIDE channels, whose kernel is
        zero between them."""
        *window, c_in, c_out = self.kernel.shape
        shape = (*window, c_in, self.groups, c_out // self.groups)
        kernels = ops.reshape(self.kernel, shape)
        ends = np.arange(0, self.groups, max(1, WIDE // c_in))[1:]
        if not ends.size:
            return ops.conv(x, dense(kernels), self.strides, self.padding)
        parts = zip(
            ops.split(x, ends * c_in, axis=-1),
            ops.split(kernels, ends, axis=-2),
            strict=True,
        )
        found = [
            ops.conv(maps, dense(part), self.strides, self.padding)
            for maps, part in parts
        ]
        return ops.concatenate(found, axis=-1)


def dense(kernels: KerasTensor) -> KerasTensor:
    """kernels: [rows, columns, c_in of a group, groups, c_out of a group]."""
    *window, c_in, groups, c_out = kernels.shape
    own = ops.eye(groups, dtype=kernels.dtype)[:, None, :, None]
    shape = (*window, groups * c_in, groups * c_out)
    return ops.reshape(kernels[:, :, None] * own, shape)


def conv1d(c: Conv1dSpec) -> "Conv1D":
    return Conv1D(c)


class Conv1D(layers.Conv1D):
    """DIFF(padding): "same" depends on the length; here it is padded as told."""

    def __init__(self, c: Conv1dSpec):
        super().__init__(c.c_out, c.k, c.stride, padding="valid", use_bias=c.bias)
        self.c = c
        self.build((None, None, c.c_in))

    def call(self, x: KerasTensor) -> KerasTensor:
        if any(self.c.pads):
            x = ops.pad(x, ((0, 0), self.c.pads, (0, 0)))
        return super().call(x)


class Dense(layers.Dense):
    def __init__(self, c_in: int, c_out: int, use_bias: bool = True):
        super().__init__(c_out, use_bias=use_bias)
        self.build((None, c_in))


class Embedding(layers.Embedding):
    def __init__(self, vocab_size: int, width: int):
        super().__init__(vocab_size, width)
        self.build()


class BatchNormalization(layers.BatchNormalization):
    """DIFF(bn-var): keeps the unbiased running variance (Ioffe 2015, algorithm 2).
    DIFF(bn-one): a single value a channel is refused, as by torch.
    """

    def __init__(self, channels: int, epsilon: float, momentum: float, ndim: int = 4):
        super().__init__(epsilon=epsilon, momentum=momentum)
        self.build((None,) * (ndim - 1) + (channels,))

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training:
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
        n = ops.cast(ops.size(x) // ops.shape(x)[-1], x.dtype)
        return distributed.total([n])[0] if self.synchronized else n

    def _moments(
        self, x: KerasTensor, mask: KerasTensor | None
    ) -> tuple[KerasTensor, KerasTensor]:
        """DIFF(sync-variance): that of Keras, E[x^2] - E[x]^2 where processes share
        it, loses digits."""
        if not self.synchronized:
            mean = _mean(x)
            return mean, _mean(ops.square(x - mean))
        exact = ops.cast(x, self.variable_dtype)
        n, axes = self._number(exact), self._reduction_axes
        mean = distributed.total([ops.sum(exact, axes)])[0] / n
        squares = ops.sum(ops.square(exact - mean), axes)
        variance = distributed.total([squares])[0] / n
        return ops.cast(mean, x.dtype), ops.cast(variance, x.dtype)


def _mean(x: KerasTensor) -> KerasTensor:
    """Of each channel. DIFF(long-sums): of the rows first, then of what they gave."""
    if len(x.shape) > 2:
        x = ops.mean(x, 1)
    return ops.mean(x, tuple(range(len(x.shape) - 1)))


def norm(channels: int, spec: BatchNormed) -> BatchNormalization:
    return BatchNormalization(channels, epsilon=spec.bn_eps, momentum=spec.bn_decay)


def norm1d(channels: int, spec: BatchNormed) -> BatchNormalization:
    return BatchNormalization(
        channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, ndim=3
    )


class LayerNormalization(layers.LayerNormalization):
    def __init__(self, width: int, epsilon: float):
        super().__init__(epsilon=epsilon)
        self.build((None, width))


class Dropout(layers.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if self.draws is None or not training:
            return super().call(x, training=training)
        keep = self.mask(self.draws, tuple(x.shape))
        return x * ops.cast(keep, x.dtype) / (1 - self.rate)

    def mask(self, draws: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        return draws.keep(shape, self.rate)


class MapDropout(Dropout):
    """Of maps: DIFF(randomness): the suite's mask is drawn channels first."""

    def mask(self, draws: Draws, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        batch, *size, channels = shape
        return np.moveaxis(super().mask(draws, (batch, channels, *size)), 1, -1)


class DropPath(Dropout):
    """What a branch adds to a sample, all of it kept or dropped (Huang et al. 2016,
    arXiv:1603.09382)."""

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training or self.rate == 0:
            return x
        ones = ops.ones_like(x[(slice(None), *(0,) * (len(x.shape) - 1))])
        kept = super().call(ones, training=True)
        return x * ops.reshape(kept, (-1, *(1,) * (len(x.shape) - 1)))


class Attention(layers.Layer):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it. A bias
    is added to the scores.
    DIFF(attention): ops.dot_product_attention computes in float32.
    """

    def __init__(self, rate: float, causal: bool):
        super().__init__()
        self.dropout = Dropout(rate)
        self.causal = causal

    def call(
        self,
        q: KerasTensor,
        k: KerasTensor,
        v: KerasTensor,
        bias: KerasTensor | None = None,
        training: bool | None = None,
    ) -> KerasTensor:
        q = q / math.sqrt(q.shape[-1])
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2))  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            past = ops.tril(ops.ones(scores.shape[-2:], "bool"))
            scores = ops.where(past, scores, -math.inf)
        weights = ops.softmax(scores)
        if training:
            weights = self.dropout(weights)
        return ops.matmul(weights, v)


class Activation(keras.Layer):
    """For lists of layers whose published names count it."""

    def __init__(self, function: str):
        super().__init__()
        self.function = function

    def call(self, x: KerasTensor) -> KerasTensor:
        return ACTIVATIONS[self.function](x)


class SqueezeExcitation(keras.Layer):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec):
        super().__init__()
        self.s = s
        self.fc1, self.fc2 = map(conv, s.convs)

    def call(self, x: KerasTensor) -> KerasTensor:
        y = self.fc1(ops.mean(x, (1, 2), keepdims=True))  # [B, 1, 1, squeezed]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)


class MaxPooling2D(keras.Layer):
    """For lists of layers whose published names count it."""

    def __init__(self, p: Pool):
        super().__init__()
        self.p = p

    def call(self, x: KerasTensor) -> KerasTensor:
        return max_pool(x, self.p)


# Hidden and cell: [layers * directions, B, hidden].
State = tuple[KerasTensor, KerasTensor]


class StackedLSTM(keras.Layer):
    """DIFF(lstm-biases): Keras's LSTM has one bias, one layer and one direction; this
    one has torch's parameters and calls the function below Keras's (cuDNN on a GPU)."""

    def __init__(self, spec: StackSpec):
        super().__init__()
        self.spec = spec
        if backend.backend() == "tensorflow" and keras.distribution.list_devices("gpu"):
            self.supports_jit = False  # XLA cannot compile cuDNN's LSTM
        for direction in sum(spec.directions, ()):
            for name, shape in direction.shapes.items():
                setattr(self, name, self.add_weight(shape, "zeros", name=name))
        self.dropouts = [Dropout(spec.dropout) for _ in range(spec.gaps)]

    def call(
        self, x: KerasTensor, training: bool | None = None
    ) -> tuple[KerasTensor, State]:
        states: list[State] = []
        for k, directions in enumerate(self.spec.directions):
            if k and training:
                x = self.dropouts[k - 1](x, training=True)
            found = [self.scan(x, direction) for direction in directions]
            x = ops.concatenate([y for y, _ in found], -1)
            states.extend(state for _, state in found)
        h, c = (ops.stack(s) for s in zip(*states, strict=True))
        return x, (h, c)

    def scan(self, x: KerasTensor, d: Direction) -> tuple[KerasTensor, State]:
        w_ih, w_hh, b_ih, b_hh = (getattr(self, name) for name in d.shapes)
        w_ih, w_hh, bias = ops.transpose(w_ih), ops.transpose(w_hh), b_ih + b_hh
        zeros = ops.zeros((ops.shape(x)[0], d.hidden), x.dtype)
        if d.backward:  # not go_backwards: its output's order is the back end's
            x = ops.flip(x, 1)
        try:
            _, y, state = backend.lstm(
                x,
                zeros,
                zeros,
                mask=None,
                kernel=w_ih,
                recurrent_kernel=w_hh,
                bias=bias,
                activation=keras.activations.tanh,
                recurrent_activation=keras.activations.sigmoid,
                return_sequences=True,
            )
        except NotImplementedError:  # no cuDNN
            gates = ops.matmul(x, w_ih) + bias  # [B, T, 4 * hidden]
            both = recur(gates, w_hh)
            y, state = both[..., : d.hidden], ops.split(both[:, -1], 2, -1)
        h, c = state
        return ops.flip(y, 1) if d.backward else y, (h, c)


@ops.custom_gradient
def recur(gates: KerasTensor, w: KerasTensor) -> Any:
    """gates: [B, T, 4 * hidden], of the inputs; w: [hidden, 4 * hidden]. What it gives
    is hidden and cell of every step, beside each other.

    DIFF(lstm-gradient): left to itself the gradient of a loop adds to that of w at
    every step; with the derivative written out it is one product over all steps.
    """
    hidden = w.shape[0]
    zeros = ops.zeros((ops.shape(gates)[0], hidden), gates.dtype)

    def step(gates: KerasTensor, state: list[KerasTensor]) -> Any:
        h, c = state
        i, f, g, o = ops.split(gates + ops.matmul(h, w), 4, -1)
        i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
        c = f * c + i * g
        h = o * ops.tanh(c)
        return ops.concatenate([h, c], -1), [h, c]

    _, seen, _ = backend.rnn(step, gates, [zeros, zeros])

    def gradient(*args: Any, upstream: Any = None) -> Any:
        (upstream,) = (upstream,) if args == () else args
        return _back(gates, w, seen, upstream)

    return seen, gradient


def _back(
    gates: KerasTensor, w: KerasTensor, seen: KerasTensor, upstream: KerasTensor
) -> tuple[KerasTensor, KerasTensor]:
    """The gradients of the gates and of w. What a step computed is computed anew, all
    steps at once: cheaper than to keep it."""
    zeros = ops.zeros_like(seen[:, :1])
    h, before = ops.split(ops.concatenate([zeros, seen[:, :-1]], 1), 2, -1)
    i, f, g, o = ops.split(gates + ops.matmul(h, w), 4, -1)
    i, f, g, o = ops.sigmoid(i), ops.sigmoid(f), ops.tanh(g), ops.sigmoid(o)
    c = ops.split(seen, 2, -1)[1]
    squashed = ops.tanh(c)
    # How the next cell depends on the gates before their squashing, and on itself.
    of_gates = [i * (1 - i) * g, f * (1 - f) * before, i * (1 - g * g)]
    factors = [*of_gates, f, o * (1 - squashed * squashed), o * (1 - o) * squashed]
    turned = ops.flip(ops.concatenate([upstream, *factors], -1), 1)
    across = ops.transpose(w)

    def step(at: KerasTensor, state: list[KerasTensor]) -> Any:
        dh, dc, of_i, of_f, of_g, f, of_cell, of_output = ops.split(at, 8, -1)
        dh = dh + state[0]
        dc = dc + state[1] + of_cell * dh
        dz = ops.concatenate([of_i * dc, of_f * dc, of_g * dc, of_output * dh], -1)
        return dz, [ops.matmul(dz, across), f * dc]

    _, dz, _ = backend.rnn(step, turned, ops.split(zeros[:, 0], 2, -1))
    dz = ops.flip(dz, 1)
    rows = ops.transpose(ops.reshape(h, (-1, h.shape[-1])))
    return dz, ops.matmul(rows, ops.reshape(dz, (-1, dz.shape[-1])))


def max_pool(x: KerasTensor, p: Pool) -> KerasTensor:
    # DIFF(pool-padding): "same" pads to one side at stride 2; outside counts as -inf.
    pads = p.reach(*x.shape[1:3]) if p.ceil else p.pads
    if any(map(any, pads)):
        x = ops.pad(x, ((0, 0), *pads, (0, 0)), constant_values=-math.inf)
    return ops.max_pool(x, p.size, p.stride, "valid", data_format="channels_last")


def max_pool1d(x: KerasTensor, size: int) -> KerasTensor:
    """Windows beside each other; the last is as short as it falls."""
    # DIFF(pool-padding): "same" would shorten the first window too.
    missing = -x.shape[1] % size
    if missing:
        around = ((0, 0), (0, missing), (0, 0))
        x = ops.pad(x, around, constant_values=-math.inf)
    return ops.max_pool(x, size, size, "valid", data_format="channels_last")


def avg_pool(x: KerasTensor, p: Pool) -> KerasTensor:
    _, *size, _ = x.shape
    if any(map(any, p.pads)):
        x = ops.pad(x, ((0, 0), *p.pads, (0, 0)))
    y = ops.average_pool(x, p.size, p.stride, "valid", data_format="channels_last")
    if not p.count_pads:
        rows, columns = (ops.convert_to_tensor(n, y.dtype) for n in p.inside(*size))
        y = y * p.size**2 / (rows[:, None, None] * columns[:, None])
    return y


def adaptive_avg_pool(x: KerasTensor, size: tuple[int, int]) -> KerasTensor:
    """Means over windows from floor(i n / size) to ceil((i + 1) n / size).

    DIFF(adaptive-pool): Keras has one since 3.13 only.
    """
    for axis, count in enumerate(size, start=1):
        n = x.shape[axis]
        if n != count:
            windows = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
            before = (slice(None),) * axis
            means = [
                ops.mean(x[(*before, slice(start, stop))], axis)
                for start, stop in windows
            ]
            x = ops.stack(means, axis)
    return x


def local_response_norm(
    x: KerasTensor, size: int, alpha: float, beta: float, k: float
) -> KerasTensor:
    """x / (k + alpha * sum of x^2 over `size` adjacent maps)^beta, alpha undivided.

    DIFF(lrn): Keras has none; a product with a band of ones, exp and log are faster
    than shifted sums and a power.
    """
    maps = np.arange(x.shape[-1])
    band = abs(maps[:, None] - maps) <= size // 2
    total = ops.matmul(ops.square(x), ops.cast(band, x.dtype))
    return x * ops.exp(-beta * ops.log(k + alpha * total))


def flatten(x: KerasTensor) -> KerasTensor:
    # DIFF(flatten): channels first, so that the next layer's weights mean the same.
    if len(x.shape) == 4:
        x = ops.transpose(x, (0, 3, 1, 2))
    return ops.reshape(x, (-1, math.prod(x.shape[1:])))


def gelu(x: KerasTensor) -> KerasTensor:
    # DIFF(gelu-float32): ops.gelu on TensorFlow passes a constant through float32.
    return 0.5 * x * (1 + ops.erf(x / math.sqrt(2)))


def leaky_relu(x: KerasTensor, slope: float) -> KerasTensor:
    # DIFF(leaky-relu): TensorFlow's own keeps the slope in float32.
    return ops.where(x > 0, x, slope * x)


def gelu_tanh(x: KerasTensor) -> KerasTensor:
    # DIFF(gelu-float32): ops.gelu on TensorFlow passes a constant through float32.
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + ops.tanh(inner))


ACTIVATIONS: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    "identity": lambda x: x,
    "relu": ops.relu,
    "relu6": ops.relu6,
    "silu": ops.silu,
    "hard_swish": ops.hard_swish,
    "hard_sigmoid": ops.hard_sigmoid,
    "sigmoid": ops.sigmoid,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
}
