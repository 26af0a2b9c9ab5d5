"""How tokens are chosen, in PyTorch. Definitions, papers:
shared/definitions/decoding.py.

One file to lift: it needs nothing of this suite.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Scorer = Callable[[Tensor, int], Tensor]
CachedScorer = Callable[[Tensor, int, Any], tuple[Tensor, Any]]

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "temperature": (5e-324, math.inf),
    "top_k": (1, math.inf),
    "top_p": (5e-324, 1.0 + 2**-52),
    "width": (1, math.inf),
    "end": (0, math.inf),
    "length": (1, math.inf),
    "length_penalty": (0.0, math.inf),
}


class _Settings:
    """Refuses what is not allowed."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            low, high = _ALLOWED[name]
            if value is not None and not low <= value < high:
                allowed = f"from {low:g} up to, not including, {high:g}"
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


# One token


def greedy(logits: Tensor) -> Tensor:
    return logits.argmax(-1)


@dataclass(frozen=True, kw_only=True)
class Sample(_Settings):
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def probabilities(self, logits: Tensor) -> Tensor:
        if self.top_k is None and self.top_p is None:
            return torch.softmax(logits / self.temperature, -1)
        order = falling(logits)
        p = torch.softmax(logits.gather(-1, order) / self.temperature, -1)
        if self.top_k is not None:
            ranks = torch.arange(p.shape[-1], device=p.device)
            p = torch.where(ranks < self.top_k, p, 0.0)
            p = p / p.sum(-1, keepdim=True)
        if self.top_p is not None and self.top_p < 1:
            before = p.cumsum(-1).roll(1, -1)
            before[..., 0] = 0.0
            p = torch.where(before < self.top_p, p, 0.0)
            p = p / p.sum(-1, keepdim=True)
        return p.gather(-1, order.argsort(-1))

    def next_token(self, logits: Tensor, uniform: Tensor) -> Tensor:
        p = self.probabilities(logits)
        up_to = p.cumsum(-1)
        passed = up_to <= uniform[..., None]
        return torch.minimum(passed.sum(-1), _last(p))


# Many at once


class Beams(NamedTuple):
    sequences: Tensor
    scores: Tensor
    lengths: Tensor
    finished: Tensor
    parents: Tensor


@dataclass(frozen=True, kw_only=True)
class BeamSearch(_Settings):
    width: int
    end: int
    length: int
    length_penalty: float = 0.0

    def start(self, batch: int, device: torch.device | None = None) -> Beams:
        shape = (batch, self.width)
        scores = torch.full(shape, -math.inf, device=device)
        scores[:, 0] = 0.0
        return Beams(
            torch.full((*shape, self.length), self.end, device=device),
            scores,
            torch.zeros(shape, dtype=torch.long, device=device),
            torch.zeros(shape, dtype=torch.bool, device=device),
            torch.zeros(shape, dtype=torch.long, device=device),
        )

    def step(self, beams: Beams, log_p: Tensor, position: int | Tensor) -> Beams:
        scores, ranks = self._candidates(beams, log_p)
        best = falling(ranks)[:, : self.width]
        parents, tokens = best // log_p.shape[-1], best % log_p.shape[-1]
        sequences = torch.take_along_dim(beams.sequences, parents[..., None], 1)
        lengths = beams.lengths.gather(1, parents)
        finished = beams.finished.gather(1, parents)
        here = torch.arange(self.length, device=log_p.device) == position
        return Beams(
            torch.where(here, tokens[..., None], sequences),
            scores.gather(1, best),
            lengths + ~finished,
            finished | (tokens == self.end),
            parents,
        )

    def margin(self, beams: Beams, log_p: Tensor, position: int | Tensor) -> Tensor:
        ranks = F.pad(self._candidates(beams, log_p)[1], (0, 1), value=-math.inf)
        best = ranks.topk(min(self.width + 1, ranks.shape[-1])).values
        higher, lower = best[:, :-1], best[:, 1:]
        return torch.where(lower.isfinite(), higher - lower, math.inf).amin(-1)

    def search(
        self, score: Scorer, batch: int, device: torch.device | None = None
    ) -> Beams:
        beams = self.start(batch, device)
        for position in range(self.length):
            if beams.finished.all():
                break
            beams = self.step(beams, score(beams.sequences, position), position)
        return beams

    def search_cached(
        self,
        score: CachedScorer,
        cache: Any,
        batch: int,
        device: torch.device | None = None,
    ) -> tuple[Beams, Tensor]:
        beams = self.start(batch, device)
        least = torch.full((batch,), math.inf, device=device)
        for position in range(self.length):
            if beams.finished.all():
                break
            last = beams.sequences[..., max(position - 1, 0)]
            log_p, cache = score(last, position, cache)
            least = torch.minimum(least, self.margin(beams, log_p, position))
            beams = self.step(beams, log_p, position)
            cache = follow(cache, beams.parents)
        return beams, least

    def _candidates(self, beams: Beams, log_p: Tensor) -> tuple[Tensor, Tensor]:
        is_end = torch.arange(log_p.shape[-1], device=log_p.device) == self.end
        only_end = torch.where(is_end, 0.0, -math.inf).to(log_p)
        log_p = torch.where(beams.finished[..., None], only_end, log_p)
        scores = beams.scores[..., None] + log_p
        lengths = beams.lengths + ~beams.finished
        ranks = scores / self.penalty(lengths.to(log_p))[..., None]
        return scores.flatten(1), ranks.flatten(1)

    def penalty(self, lengths: Tensor) -> Tensor:
        return ((5 + lengths) / 6) ** self.length_penalty


def follow(cache: Any, parents: Tensor) -> Any:
    if isinstance(cache, Tensor):
        rows = torch.arange(parents.numel(), device=parents.device)
        return cache[rows.reshape(parents.shape).gather(1, parents).flatten()]
    return type(cache)(follow(one, parents) for one in cache)


# What they have in common


def falling(values: Tensor) -> Tensor:
    # DIFF(equal-values): torch's sort and topk take equal values in any order.
    return values.argsort(dim=-1, descending=True, stable=True)


def _last(p: Tensor) -> Tensor:
    return p.shape[-1] - 1 - (p.flip(-1) > 0).long().argmax(-1)
