"""Mixture of experts in JAX (Flax NNX), [B, T, width].

Spec, names, papers: shared/specs/language/moe.py.
"""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import Cache, RMSNorm, Turn, ranked, roomy, turn
from jax_impl.models.language.llama import MLP, Llama, SelfAttention, linear
from jax_impl.precision import exact, full
from shared.specs.language.moe import MoESpec


class Experts(nnx.Module):
    """Jiang et al. 2024, section 2.1."""

    def __init__(self, spec: MoESpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.deterministic = False
        self.gate = linear(spec.width, spec.experts, rngs=rngs)
        self.experts = nnx.List(MLP(spec, rngs=rngs) for _ in range(spec.experts))

    def __call__(self, x: Array) -> tuple[Array, Array]:
        scores = self.gate(x)  # [B, T, experts]
        shares = self.shares(scores).astype(x.dtype)
        y = jnp.zeros_like(x)
        for i, expert in enumerate(self.experts):
            y = y + shares[..., i : i + 1] * expert(x)
        return y, scores

    def shares(self, scores: Array) -> Array:
        """What each expert gives of the sum; most give nothing."""
        s = self.spec
        (scores,) = exact((scores,))
        ranks = ranked(scores)
        shares = nnx.softmax(scores) * (ranks < s.chosen)
        if s.normalized:
            shares = shares / shares.sum(-1, keepdims=True)
        if s.capacity is not None and not self.deterministic:
            shares = shares * roomy(ranks, s.chosen, s.room(scores.shape[1]))
        return shares


class Block(nnx.Module):
    def __init__(self, spec: MoESpec, *, rngs: nnx.Rngs):
        self.input_layernorm = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)
        self.self_attn = SelfAttention(spec, rngs=rngs)
        self.post_attention_layernorm = RMSNorm(spec.width, spec.rms_eps, rngs=rngs)
        self.mlp = Experts(spec, rngs=rngs)

    def __call__(self, x: Array, by: Turn) -> tuple[Array, Array]:
        x = x + self.self_attn(self.input_layernorm(x), by, None)
        y, scores = self.mlp(self.post_attention_layernorm(x))
        return x + y, scores

    def extend(
        self, x: Array, by: Turn, cache: Cache, places: Array, mask: Array
    ) -> tuple[Array, Cache]:
        y = self.input_layernorm(x)
        y, cache = self.self_attn.extend(y, by, cache, places, mask)
        x = x + y
        y, _ = self.mlp(self.post_attention_layernorm(x))
        return x + y, cache


class MoE(Llama):
    block = Block

    def __init__(self, spec: MoESpec, *, rngs: nnx.Rngs):
        super().__init__(spec, rngs=rngs)
        self.deterministic = False

    def __call__(self, tokens: Array) -> Any:
        """Logits; in training the scores of all routers as well."""
        places = jnp.arange(tokens.shape[1])
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        routes = []
        for block in self.blocks:
            x, scores = block(x, by)
            routes.append(full(scores))
        if self.deterministic:
            return self.head(x)
        return self.head(x), jnp.stack(routes, 1)  # [B, depth, T, experts]
