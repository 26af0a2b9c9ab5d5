"""Attention by scaled dot products."""

import math
from typing import Any

import keras
from keras import KerasTensor, layers, ops

from keras_impl import backends
from keras_impl.layers.dropout import Dropout
from keras_impl.layers.saved import Saved
from keras_impl.precision import exact


class Attention(Saved, layers.Layer):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it; not
    scaled: without the root. A bias is added to the scores.
    """

    def __init__(
        self,
        rate: float,
        causal: bool,
        scaled: bool = True,
        *,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.dropout = Dropout(rate, dtype=dtype)
        self.rate, self.causal, self.scaled = rate, causal, scaled

    def call(
        self,
        q: KerasTensor,
        k: KerasTensor,
        v: KerasTensor,
        bias: KerasTensor | None = None,
        training: bool | None = None,
    ) -> KerasTensor:
        given = (q, k, v) if bias is None else (q, k, v, bias)
        dropping = training and self.rate > 0
        if dropping or keras.backend.standardize_dtype(q.dtype) == "float64":
            return self._written(q, k, v, bias, training)
        # DIFF(attention): fused where that is fast; its softmax is in float32, and it
        # drops no probabilities.
        return backends.attend(self._written, self._fused, *given)

    def _written(
        self,
        q: KerasTensor,
        k: KerasTensor,
        v: KerasTensor,
        bias: KerasTensor | None = None,
        training: bool | None = None,
    ) -> KerasTensor:
        q = q / math.sqrt(q.shape[-1]) if self.scaled else q
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2))  # [..., heads, T, T]
        if bias is not None:
            scores = scores + bias
        if self.causal:
            past = ops.tril(ops.ones(scores.shape[-2:], "bool"))
            scores = ops.where(past, scores, -math.inf)
        (scores,) = exact((scores,))
        weights = ops.softmax(scores)
        if training:
            weights = self.dropout(weights)
        return ops.matmul(ops.cast(weights, v.dtype), v)

    def _fused(
        self,
        q: KerasTensor,
        k: KerasTensor,
        v: KerasTensor,
        bias: KerasTensor | None = None,
    ) -> KerasTensor:
        """Take Keras's own, which wants four axes and the heads third."""
        scores, causal = (*q.shape[:-1], k.shape[-2]), self.causal
        scale = None if self.scaled else 1.0
        if bias is not None:
            bias = ops.broadcast_to(bias, scores)
            if causal:  # the call takes a bias or that
                past = ops.tril(ops.ones(scores[-2:], "bool"))
                bias, causal = ops.where(past, bias, -math.inf), False
            bias = ops.reshape(bias, (-1, *scores[-3:]))
        flat = [
            ops.swapaxes(ops.reshape(x, (-1, *x.shape[-3:])), 1, 2) for x in (q, k, v)
        ]
        flash = None if bias is None else False  # cuDNN's wants biases of even lengths
        y = ops.dot_product_attention(
            *flat, bias, scale=scale, is_causal=causal, flash_attention=flash
        )
        return ops.reshape(ops.swapaxes(y, 1, 2), ops.shape(q))
