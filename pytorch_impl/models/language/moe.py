"""Mixture of experts in PyTorch, [B, T, width].

Spec, names, papers: shared/specs/language/moe.py.
"""

from typing import Any

import torch
from torch import Tensor, nn

from pytorch_impl.layers import Cache, RMSNorm, Turn, ranked, roomy, turn
from pytorch_impl.models.language.llama import MLP, Llama, SelfAttention, linear
from pytorch_impl.precision import exact, full
from shared.specs.language.moe import MoESpec


class Experts(nn.Module):
    """Jiang et al. 2024, section 2.1."""

    def __init__(self, spec: MoESpec):
        super().__init__()
        self.spec = spec
        self.gate = linear(spec.width, spec.experts)
        self.experts = nn.ModuleList(MLP(spec) for _ in range(spec.experts))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.gate(x)  # [B, T, experts]
        shares = self.shares(scores).to(x.dtype)
        y = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            y = y + shares[..., i : i + 1] * expert(x)
        return y, scores

    def shares(self, scores: Tensor) -> Tensor:
        """What each expert gives of the sum; most give nothing."""
        s = self.spec
        with exact((scores,)) as (scores,):
            ranks = ranked(scores)
            shares = scores.softmax(-1) * (ranks < s.chosen)
            if s.normalized:
                shares = shares / shares.sum(-1, keepdim=True)
            if s.capacity is not None and self.training:
                shares = shares * roomy(ranks, s.chosen, s.room(scores.shape[1]))
        return shares


class Block(nn.Module):
    def __init__(self, spec: MoESpec):
        super().__init__()
        self.input_layernorm = RMSNorm(spec.width, spec.rms_eps)
        self.self_attn = SelfAttention(spec)
        self.post_attention_layernorm = RMSNorm(spec.width, spec.rms_eps)
        self.mlp = Experts(spec)

    def forward(self, x: Tensor, by: Turn) -> tuple[Tensor, Tensor]:
        x = x + self.self_attn(self.input_layernorm(x), by, None)
        y, scores = self.mlp(self.post_attention_layernorm(x))
        return x + y, scores

    def extend(
        self, x: Tensor, by: Turn, cache: Cache, places: Tensor, mask: Tensor
    ) -> Tensor:
        y = self.input_layernorm(x)
        x = x + self.self_attn.extend(y, by, cache, places, mask)
        y, _ = self.mlp(self.post_attention_layernorm(x))
        return x + y


class MoE(Llama):
    block = Block

    def forward(self, tokens: Tensor) -> Any:
        """Logits; in training the scores of all routers as well."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.embed_tokens(tokens)  # [B, T, width]
        by = turn(places, self.spec.frequencies)
        routes = []
        for block in self.blocks:
            x, scores = block(x, by)
            routes.append(full(scores))
        if not self.training:
            return self.head(x)
        return self.head(x), torch.stack(routes, 1)  # [B, depth, T, experts]
