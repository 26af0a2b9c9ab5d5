"""Mixture of experts in Keras 3, [B, T, width].

Spec, names, papers: shared/specs/language/moe.py.
"""

from typing import Any

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Cache, RMSNormalization, Turn, ranked, roomy, turn
from keras_impl.models.language.llama import MLP, Llama, SelfAttention, linear
from keras_impl.precision import exact, full
from shared.specs.language.moe import MoESpec


class Experts(keras.Layer):
    """Jiang et al. 2024, section 2.1."""

    def __init__(self, spec: MoESpec):
        super().__init__()
        self.spec = spec
        self.gate = linear(spec.width, spec.experts)
        self.experts = [MLP(spec) for _ in range(spec.experts)]

    def call(
        self, x: KerasTensor, training: bool | None = None
    ) -> tuple[KerasTensor, KerasTensor]:
        scores = self.gate(x)  # [B, T, experts]
        shares = ops.cast(self.shares(scores, training), x.dtype)
        y = ops.zeros_like(x)
        for i, expert in enumerate(self.experts):
            y = y + shares[..., i : i + 1] * expert(x)
        return y, scores

    def shares(self, scores: KerasTensor, training: bool | None) -> KerasTensor:
        """What each expert gives of the sum; most give nothing."""
        s = self.spec
        (scores,) = exact((scores,))
        ranks = ranked(scores)
        shares = ops.softmax(scores) * ops.cast(ranks < s.chosen, scores.dtype)
        if s.normalized:
            shares = shares / ops.sum(shares, -1, keepdims=True)
        if s.capacity is not None and training:
            room = roomy(ranks, s.chosen, s.room(scores.shape[1]))
            shares = shares * ops.cast(room, scores.dtype)
        return shares


class Block(keras.Layer):
    def __init__(self, spec: MoESpec):
        super().__init__(autocast=False)  # DIFF(bfloat16): angles stay exact
        self.input_layernorm = RMSNormalization(spec.width, spec.rms_eps)
        self.self_attn = SelfAttention(spec)
        self.post_attention_layernorm = RMSNormalization(spec.width, spec.rms_eps)
        self.mlp = Experts(spec)

    def call(
        self,
        x: KerasTensor,
        by: Turn,
        training: bool | None = None,
    ) -> tuple[KerasTensor, KerasTensor]:
        x = x + self.self_attn(self.input_layernorm(x), by, None)
        y, scores = self.mlp(self.post_attention_layernorm(x), training=training)
        return x + y, scores

    def extend(
        self,
        x: KerasTensor,
        by: Turn,
        cache: Cache,
        places: KerasTensor,
        mask: KerasTensor,
    ) -> tuple[KerasTensor, Cache]:
        y = self.input_layernorm(x)
        y, cache = self.self_attn.extend(y, by, cache, places, mask)
        x = x + y
        y, _ = self.mlp(self.post_attention_layernorm(x), training=False)
        return x + y, cache


class MoE(Llama):
    block = Block

    def call(self, tokens: KerasTensor, training: bool | None = None) -> Any:
        """Logits; in training the scores of all routers as well."""
        places = ops.arange(tokens.shape[1], dtype="int32")
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        routes = []
        for block in self.blocks:
            x, scores = block(x, by, training=training)
            routes.append(full(scores))
        if not training:
            return self.head(x)
        return self.head(x), ops.stack(routes, 1)  # [B, depth, T, experts]
