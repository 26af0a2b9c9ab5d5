"""Keras layers with every size given, built at once, where the defaults differ.

DIFF(lazy): a Keras layer has no weights until its first call; these are built when
they are made, so that a model has names and shapes from the start.
"""

import importlib
import math
from typing import Any, Self

import keras
from keras import KerasTensor, layers, ops

from shared.randomness import Draws
from shared.specs.base import Spec, from_plain, to_plain


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
            f"shared.specs.{cls.__module__.split('.')[-1]}"
        )
        return cls(from_plain(getattr(family, f"{cls.__name__}Spec"), config["spec"]))


class Conv2D(layers.Conv2D):
    """DIFF(padding): "same" is asymmetric at stride 2, so pad here, then "valid"."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        k: int,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        use_bias: bool = True,
    ):
        super().__init__(
            c_out, k, stride, padding="valid", groups=groups, use_bias=use_bias
        )
        self.pad = padding
        self.build((None, None, None, c_in))

    def call(self, x: KerasTensor) -> KerasTensor:
        if self.pad:
            x = ops.pad(x, [[0, 0], [self.pad] * 2, [self.pad] * 2, [0, 0]])
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
    """DIFF(bn-var): keeps the unbiased running variance (Ioffe 2015, algorithm 2)."""

    def __init__(self, channels: int, epsilon: float, momentum: float, ndim: int = 4):
        super().__init__(epsilon=epsilon, momentum=momentum)
        self.build((None,) * (ndim - 1) + (channels,))

    def call(self, x: KerasTensor, training: bool | None = None) -> KerasTensor:
        if not training:
            return super().call(x, training=False)
        kept = self.moving_variance * self.momentum
        y = super().call(x, training=True)
        n = ops.size(x) // ops.shape(x)[-1]
        bessel = ops.cast(n, x.dtype) / ops.cast(n - 1, x.dtype)
        self.moving_variance.assign(kept + (self.moving_variance - kept) * bessel)
        return y


class LayerNormalization(layers.LayerNormalization):
    def __init__(self, width: int, epsilon: float):
        super().__init__(epsilon=epsilon)
        self.build((None, width))


class Dropout(layers.Dropout):
    """DIFF(randomness): draws its own mask, or in parity mode the suite's."""

    draws: Draws | None = None

    def call(self, x: KerasTensor, training: bool = False) -> KerasTensor:
        if self.draws is None or not training:
            return super().call(x, training=training)
        keep = self.draws.keep(tuple(x.shape), self.rate)
        return x * ops.cast(keep, x.dtype) / (1 - self.rate)


class Attention(layers.Layer):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [B, heads, T, d]; causal: a token sees itself and those before it.
    DIFF(attention): ops.dot_product_attention computes in float32.
    """

    def __init__(self, rate: float, causal: bool):
        super().__init__()
        self.dropout = Dropout(rate)
        self.causal = causal

    def call(
        self, q: KerasTensor, k: KerasTensor, v: KerasTensor, training: bool = False
    ) -> KerasTensor:
        q = q / math.sqrt(q.shape[-1])
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2))  # [B, heads, T, T]
        if self.causal:
            past = ops.tril(ops.ones(scores.shape[-2:], "bool"))
            scores = ops.where(past, scores, -math.inf)
        weights = ops.softmax(scores)
        if training and self.dropout.rate > 0:
            weights = self.dropout(weights)
        return ops.matmul(weights, v)


def max_pool(x: KerasTensor, size: int, stride: int, padding: int) -> KerasTensor:
    # DIFF(pool-padding): "same" pads to one side at stride 2; outside counts as -inf.
    if padding:
        pads = [[0, 0], [padding] * 2, [padding] * 2, [0, 0]]
        x = ops.pad(x, pads, constant_values=-float("inf"))
    return ops.max_pool(x, size, stride, "valid", data_format="channels_last")


def gelu_tanh(x: KerasTensor) -> KerasTensor:
    # DIFF(gelu-float32): ops.gelu on TensorFlow passes a constant through float32.
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1 + ops.tanh(inner))
