"""Attention by scaled dot products."""

import math
from typing import Any

from keras import KerasTensor, layers, ops

from keras_impl.layers.dropout import Dropout
from keras_impl.layers.saved import Saved


class Attention(Saved, layers.Layer):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it. A bias
    is added to the scores.
    DIFF(attention): ops.dot_product_attention computes in float32.
    """

    def __init__(
        self, rate: float, causal: bool, *, name: str | None = None, dtype: Any = None
    ):
        super().__init__(name=name, dtype=dtype)
        self.dropout = Dropout(rate, dtype=dtype)
        self.rate, self.causal = rate, causal

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
