"""Flax NNX layers where its defaults differ from the others', or are slow."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from jax_impl.layers import forms
from shared.randomness import Draws
from shared.specs.base import BatchNormed, Conv1dSpec, ConvSpec, Pool, SqueezeSpec
from shared.specs.sequence.recurrent import Direction, StackSpec


# DIFF(rngs): NNX has no global generator; every constructor passes one down.
def conv(c: ConvSpec, *, rngs: nnx.Rngs) -> "Conv":
    return Conv(c, rngs=rngs)


class Conv(nnx.Conv):
    """A 2-D convolution in the form XLA's CPU is fast at.

    DIFF(conv-forms): value and gradients each have the form that suits their shapes.
    DIFF(grouped-conv): the gradient of a grouped convolution is ten to some hundred
    times slower there; a few groups at a time are one convolution of their own.
    DIFF(depthwise): one channel a group is a sum of shifted maps.
    """

    def __init__(self, c: ConvSpec, *, rngs: nnx.Rngs):
        super().__init__(
            c.c_in,
            c.c_out,
            c.kernel,
            c.stride,
            padding=c.pads,
            feature_group_count=c.groups,
            use_bias=c.bias,
            rngs=rngs,
        )
        self.c = c

    def __call__(self, x: Array) -> Array:
        if jax.default_backend() != "cpu":
            return super().__call__(x)
        bias = None if self.bias is None else self.bias[...]
        x, kernel, bias = self.promote_dtype(
            (x, self.kernel[...], bias), dtype=self.dtype
        )
        groups, stride, pads = self.c.groups, self.c.stride, self.c.pads
        if groups == self.c.c_in == self.c.c_out:
            y = forms.depthwise(x, kernel, stride, pads)
        elif groups == 1:
            y = forms.convolve(x, kernel, stride, pads)
        else:
            y = forms.grouped(x, kernel, groups, stride, pads)
        return y if bias is None else y + bias


def conv1d(c: Conv1dSpec, *, rngs: nnx.Rngs) -> "Conv1d":
    return Conv1d(c, rngs=rngs)


class Conv1d(nnx.Conv):
    """DIFF(conv-forms): as a map of one row, in the forms of `Conv`."""

    def __init__(self, c: Conv1dSpec, *, rngs: nnx.Rngs):
        super().__init__(
            c.c_in,
            c.c_out,
            (c.k,),
            c.stride,
            padding=(c.pads,),
            use_bias=c.bias,
            rngs=rngs,
        )
        self.c = c

    def __call__(self, x: Array) -> Array:
        if jax.default_backend() != "cpu":
            return super().__call__(x)
        bias = None if self.bias is None else self.bias[...]
        x, kernel, bias = self.promote_dtype(
            (x, self.kernel[...], bias), dtype=self.dtype
        )
        pads = ((0, 0), self.c.pads)
        y = forms.convolve(x[:, None], kernel[None], self.c.stride, pads)[:, 0]
        return y if bias is None else y + bias


class Linear(nnx.Linear):
    """DIFF(matmul-2d): the gradient of a 3-D matmul is slow, so flatten to 2-D."""

    def __call__(self, x: Array) -> Array:
        y = super().__call__(x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], -1)


class Embed(nnx.Embed):
    """DIFF(embed-dtype): keeps to the dtype of its weights, not of its construction."""

    def __init__(self, vocab_size: int, width: int, *, rngs: nnx.Rngs):
        super().__init__(vocab_size, width, rngs=rngs)
        self.dtype = None

    def attend(self, x: Array) -> Array:
        # DIFF(matmul-2d)
        y = super().attend(x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], -1)


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
            return super().__call__(x)
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
        return y


def norm(channels: int, spec: BatchNormed, *, rngs: nnx.Rngs) -> BatchNorm:
    return BatchNorm(channels, epsilon=spec.bn_eps, momentum=spec.bn_decay, rngs=rngs)


def norm1d(channels: int, spec: BatchNormed, *, rngs: nnx.Rngs) -> BatchNorm:
    return norm(channels, spec, rngs=rngs)


class LayerNorm(nnx.LayerNorm):
    """DIFF(fast-variance): the default E[x^2] - E[x]^2 loses digits."""

    def __init__(self, width: int, epsilon: float, *, rngs: nnx.Rngs):
        super().__init__(width, epsilon=epsilon, use_fast_variance=False, rngs=rngs)


class Dropout(nnx.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def __call__(self, x: Array) -> Array:
        if self.draws is None or self.deterministic:
            return super().__call__(x)
        keep = self.mask(self.draws, x.shape)
        return x * jnp.asarray(keep, x.dtype) / (1 - self.rate)

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

    def __call__(self, x: Array) -> Array:
        if self.deterministic or self.rate == 0:
            return x
        kept = super().__call__(jnp.ones(len(x), x.dtype))
        return x * kept.reshape(-1, *(1,) * (x.ndim - 1))


class Attention(nnx.Module):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it. A bias
    is added to the scores.
    DIFF(attention): jax.nn.dot_product_attention has its softmax in float32.
    """

    def __init__(self, rate: float, causal: bool, *, rngs: nnx.Rngs):
        self.dropout = Dropout(rate, rngs=rngs)
        self.causal = causal

    def __call__(
        self, q: Array, k: Array, v: Array, bias: Array | None = None
    ) -> Array:
        scores = q / math.sqrt(q.shape[-1]) @ k.mT  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            past = jnp.tril(jnp.ones(scores.shape[-2:], bool))
            scores = jnp.where(past, scores, -math.inf)
        weights = nnx.softmax(scores)
        if not self.dropout.deterministic:
            weights = self.dropout(weights)
        return weights @ v


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "relu": nnx.relu,
    "relu6": nnx.relu6,
    "silu": nnx.silu,
    "hard_swish": nnx.hard_swish,
    "hard_sigmoid": nnx.hard_sigmoid,
    "sigmoid": nnx.sigmoid,
    "gelu": partial(nnx.gelu, approximate=False),
    "gelu_tanh": partial(nnx.gelu, approximate=True),
}


class Activation(nnx.Module):
    """For lists of layers whose published names count it."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, x: Array) -> Array:
        return ACTIVATIONS[self.name](x)


class SqueezeExcitation(nnx.Module):
    """Channels weighed by what their means say (figure 1)."""

    def __init__(self, s: SqueezeSpec, *, rngs: nnx.Rngs):
        self.s = s
        self.fc1, self.fc2 = (conv(c, rngs=rngs) for c in s.convs)

    def __call__(self, x: Array) -> Array:
        y = self.fc1(x.mean((1, 2), keepdims=True))  # [B, 1, 1, squeezed]
        y = self.fc2(ACTIVATIONS[self.s.activation](y))
        return x * ACTIVATIONS[self.s.gate](y)


class MaxPool(nnx.Module):
    """For lists of layers whose published names count it."""

    def __init__(self, p: Pool):
        self.p = p

    def __call__(self, x: Array) -> Array:
        return max_pool(x, self.p)


# Hidden and cell: [layers * directions, B, hidden].
State = tuple[Array, Array]


class StackedLSTM(nnx.Module):
    """DIFF(lstm-scan): JAX has no LSTM with torch's parameters; the product with the
    inputs is one matmul, what is left is scanned."""

    def __init__(self, spec: StackSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        for direction in sum(spec.directions, ()):
            for name, shape in direction.shapes.items():
                setattr(self, name, nnx.Param(jnp.zeros(shape)))
        self.dropouts = nnx.List(
            Dropout(spec.dropout, rngs=rngs) for _ in range(spec.gaps)
        )

    def __call__(self, x: Array) -> tuple[Array, State]:
        states: list[State] = []
        for k, directions in enumerate(self.spec.directions):
            if k and not self.dropouts[k - 1].deterministic:
                x = self.dropouts[k - 1](x)
            found = [self.scan(x, direction) for direction in directions]
            x = jnp.concatenate([y for y, _ in found], -1)
            states.extend(state for _, state in found)
        h, c = (jnp.stack(s) for s in zip(*states, strict=True))
        return x, (h, c)

    def scan(self, x: Array, d: Direction) -> tuple[Array, State]:
        w_ih, w_hh, b_ih, b_hh = (getattr(self, name)[...] for name in d.shapes)
        batch, length, _ = x.shape
        steps = x.swapaxes(0, 1).reshape(length * batch, -1)
        gates = (steps @ w_ih.T + (b_ih + b_hh)).reshape(length, batch, -1)
        y, state = recur(gates, w_hh.T, d.backward)
        return y.swapaxes(0, 1), state


def _cell(state: State, gates: Array, w: Array) -> tuple[State, tuple[Array, ...]]:
    h, c = state
    i, f, g, o = jnp.split(gates + h @ w, 4, -1)
    i, f, g, o = nnx.sigmoid(i), nnx.sigmoid(f), jnp.tanh(g), nnx.sigmoid(o)
    c = f * c + i * g
    return (o * jnp.tanh(c), c), (i, f, g, o)


def _zeros(gates: Array) -> State:
    zeros = jnp.zeros((gates.shape[1], gates.shape[2] // 4), gates.dtype)
    return zeros, zeros


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def recur(gates: Array, w: Array, reverse: bool) -> tuple[Array, State]:
    """gates: [T, B, 4 * hidden], of the inputs; w: [hidden, 4 * hidden].

    DIFF(lstm-gradient): left to itself JAX adds to the gradient of w at every step;
    with the derivative written out it is one product over all steps.
    """

    def step(state: State, gates: Array) -> tuple[State, Array]:
        state, _ = _cell(state, gates, w)
        return state, state[0]

    state, y = jax.lax.scan(step, _zeros(gates), gates, reverse=reverse)
    return y, state


@recur.defjvp
def _recur_jvp(reverse: bool, primals: Any, tangents: Any) -> Any:
    (gates, w), (dgates, dw) = primals, tangents

    def step(state: State, gates: Array) -> Any:
        after, found = _cell(state, gates, w)
        return after, (state, after, found)

    state, seen = jax.lax.scan(step, _zeros(gates), gates, reverse=reverse)
    (h, c), (y, c_after), (i, f, g, o) = seen
    squashed = jnp.tanh(c_after)
    # How the next cell depends on the gates before their squashing, and on itself.
    of_gates = (i * (1 - i) * g, f * (1 - f) * c, i * (1 - g * g))
    factors = (of_gates, f, o * (1 - squashed * squashed), o * (1 - o) * squashed)

    def change(dstate: State, at: Any) -> tuple[State, Array]:
        (dh, dc), (dz, (of_gates, f, of_cell, of_output)) = dstate, at
        *parts, do = jnp.split(dz + dh @ w, 4, -1)
        pairs = zip(of_gates, parts, strict=True)
        dc = f * dc + sum(factor * part for factor, part in pairs)
        dh = of_cell * dc + of_output * do
        return (dh, dc), dh

    flat = h.reshape(-1, h.shape[-1]) @ dw
    dgates = dgates + flat.reshape(gates.shape)
    dstate, dy = jax.lax.scan(change, _zeros(gates), (dgates, factors), reverse=reverse)
    return (y, state), (dy, dstate)


def max_pool(x: Array, p: Pool) -> Array:
    pads = p.reach(*x.shape[1:3])
    if jax.default_backend() == "cpu":  # DIFF(pooling)
        return forms.max_pool(x, p.size, p.stride, pads)
    return nnx.max_pool(x, (p.size,) * 2, (p.stride,) * 2, pads)


def max_pool1d(x: Array, size: int) -> Array:
    """Windows beside each other; the last is as short as it falls."""
    last = -x.shape[1] % size
    if jax.default_backend() == "cpu":  # DIFF(pooling): a map of one column
        y = forms.max_pool(x[:, :, None], (size, 1), size, ((0, last), (0, 0)))
        return y[:, :, 0]
    return nnx.max_pool(x, (size,), (size,), ((0, last),))


def avg_pool(x: Array, p: Pool) -> Array:
    if jax.default_backend() == "cpu":  # DIFF(pooling)
        y = forms.mean_pool(x, p.size, p.stride, p.pads)
    else:
        y = nnx.avg_pool(x, (p.size,) * 2, (p.stride,) * 2, p.pads)
    if not p.count_pads:
        rows, columns = (jnp.array(n, y.dtype) for n in p.inside(*x.shape[1:3]))
        y = y * p.size**2 / (rows[:, None, None] * columns[:, None])
    return y


def adaptive_avg_pool(x: Array, size: tuple[int, int]) -> Array:
    """Means over windows from floor(i n / size) to ceil((i + 1) n / size).

    DIFF(adaptive-pool): NNX has none.
    """
    for axis, count in enumerate(size, start=1):
        n = x.shape[axis]
        if n != count:
            windows = [(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
            means = [
                jax.lax.slice_in_dim(x, start, stop, axis=axis).mean(axis)
                for start, stop in windows
            ]
            x = jnp.stack(means, axis)
    return x


def local_response_norm(
    x: Array, size: int, alpha: float, beta: float, k: float
) -> Array:
    """x / (k + alpha * sum of x^2 over `size` adjacent maps)^beta, alpha undivided.

    DIFF(lrn): NNX has none; exp and log are faster than a power.
    """
    total = jax.lax.reduce_window(
        jnp.square(x), 0.0, jax.lax.add, (1, 1, 1, size), (1, 1, 1, 1), "SAME"
    )
    return x * jnp.exp(-beta * jnp.log(k + alpha * total))


def flatten(x: Array) -> Array:
    # DIFF(flatten): channels first, so that the next layer's weights mean the same.
    if x.ndim == 4:
        x = x.transpose(0, 3, 1, 2)
    return x.reshape(x.shape[0], -1)


def leaky_relu(x: Array, slope: float) -> Array:
    # DIFF(leaky-relu): the gradient of JAX's own is 1 at 0, torch's is the slope.
    return jnp.where(x > 0, x, slope * x)
