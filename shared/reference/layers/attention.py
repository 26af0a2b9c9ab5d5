"""Scaled dot-product attention."""

import math

import numpy as np

from shared.arrays import Array
from shared.reference.layers.activation import Softmax
from shared.reference.layers.dropout import Dropout
from shared.reference.module import Module


class Attention(Module):
    """softmax(q k^T / sqrt(d)) v (Vaswani 2017, eq. 1), its probabilities dropped.

    q, k, v: [..., heads, T, d]; causal: a token sees itself and those before it; with a
    band no more than so many of these.
    With s = q k^T / sqrt(d), p = softmax(s), y = p v: dL/dv = p^T g, dL/dp = g v^T,
    dL/dq = dL/ds k / sqrt(d), dL/dk = (dL/ds)^T q / sqrt(d). A score of -inf has p = 0,
    so its gradient is 0 by itself.
    """

    def __init__(self, rate: float, causal: bool, band: int | None = None):
        self.dropout = Dropout(rate)
        self.softmax = Softmax()
        self.causal, self.band = causal, band

    def forward(self, q: Array, k: Array, v: Array) -> Array:
        self.scale = 1 / math.sqrt(q.shape[-1])
        self.q, self.k, self.v = q, k, v
        scores = q @ k.mT * self.scale  # [..., heads, T, T]
        if self.causal:
            future = np.triu(np.ones(scores.shape[-2:], bool), 1)
            scores = np.where(future, -math.inf, scores)
        if self.band is not None:
            far = np.tril(np.ones(scores.shape[-2:], bool), -self.band)
            scores = np.where(far, -math.inf, scores)
        self.p = self.softmax(scores)
        if self.training:
            self.p = self.dropout(self.p)
        return self.p @ v

    def backward(self, g: Array) -> tuple[Array, Array, Array]:
        of_p = g @ self.v.mT
        if self.training:
            of_p = self.dropout.backward(of_p)
        of_scores = self.softmax.backward(of_p) * self.scale
        return of_scores @ self.k, of_scores.mT @ self.q, self.p.mT @ g
