"""How tokens are chosen, in Keras. Definitions, papers:
shared/definitions/decoding.py.

One file to lift: it needs nothing of this suite, and runs on every back end.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras import KerasTensor, config, ops, tree

Scorer = Callable[[KerasTensor, KerasTensor], KerasTensor]
CachedScorer = Callable[[KerasTensor, KerasTensor, Any], tuple[KerasTensor, Any]]

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


def greedy(logits: KerasTensor) -> KerasTensor:
    return ops.argmax(logits, -1)


@dataclass(frozen=True, kw_only=True)
class Sample(_Settings):
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def probabilities(self, logits: KerasTensor) -> KerasTensor:
        if self.top_k is None and self.top_p is None:
            return ops.softmax(logits / self.temperature)
        order = falling(logits)
        z = ops.take_along_axis(logits, order, -1)
        p = ops.softmax(z / self.temperature)
        ranks = ops.arange(p.shape[-1], dtype="int32")
        if self.top_k is not None:
            p = ops.where(ranks < self.top_k, p, 0.0)
            p = p / ops.sum(p, -1, keepdims=True)
        if self.top_p is not None and self.top_p < 1:
            before = ops.where(ranks > 0, ops.roll(ops.cumsum(p, -1), 1, -1), 0.0)
            p = ops.where(before < self.top_p, p, 0.0)
            p = p / ops.sum(p, -1, keepdims=True)
        return ops.take_along_axis(p, ops.argsort(order, -1), -1)

    def next_token(self, logits: KerasTensor, uniform: KerasTensor) -> KerasTensor:
        p = self.probabilities(logits)
        up_to = ops.cumsum(p, -1)
        passed = up_to <= uniform[..., None]
        return ops.minimum(ops.sum(ops.cast(passed, "int32"), -1), _last(p))


# Many at once


class Beams(NamedTuple):
    sequences: KerasTensor
    scores: KerasTensor
    lengths: KerasTensor
    finished: KerasTensor
    parents: KerasTensor


@dataclass(frozen=True, kw_only=True)
class BeamSearch(_Settings):
    width: int
    end: int
    length: int
    length_penalty: float = 0.0

    def start(self, batch: int) -> Beams:
        shape = (batch, self.width)
        first = ops.zeros(shape, config.floatx())
        return Beams(
            ops.full((*shape, self.length), self.end, "int32"),
            ops.where(ops.arange(self.width, dtype="int32") == 0, first, -math.inf),
            ops.zeros(shape, "int32"),
            ops.zeros(shape, "bool"),
            ops.zeros(shape, "int32"),
        )

    def step(
        self, beams: Beams, log_p: KerasTensor, position: int | KerasTensor
    ) -> Beams:
        scores, ranks = self._candidates(beams, log_p)
        best = falling(ranks)[:, : self.width]
        best = ops.cast(best, "int32")
        parents, tokens = best // log_p.shape[-1], best % log_p.shape[-1]
        sequences = ops.take_along_axis(beams.sequences, parents[..., None], 1)
        lengths = ops.take_along_axis(beams.lengths, parents, 1)
        finished = ops.take_along_axis(beams.finished, parents, 1)
        here = ops.arange(self.length, dtype="int32") == ops.cast(position, "int32")
        return Beams(
            ops.where(here, tokens[..., None], sequences),
            ops.take_along_axis(scores, best, 1),
            lengths + ops.cast(~finished, lengths.dtype),
            finished | (tokens == self.end),
            parents,
        )

    def margin(
        self, beams: Beams, log_p: KerasTensor, position: int | KerasTensor
    ) -> KerasTensor:
        ranks = self._candidates(beams, log_p)[1]
        best = ops.top_k(ranks, min(self.width + 1, ranks.shape[-1]))[0]
        higher, lower = best[:, :-1], best[:, 1:]
        gaps = ops.where(ops.isfinite(lower), higher - lower, math.inf)
        return ops.min(gaps, -1, initial=math.inf)

    def search(self, score: Scorer, batch: int) -> Beams:
        def unfinished(position: KerasTensor, *beams: KerasTensor) -> KerasTensor:
            return (position < self.length) & ~ops.all(Beams(*beams).finished)

        def follow(
            position: KerasTensor, *beams: KerasTensor
        ) -> tuple[KerasTensor, ...]:
            state = Beams(*beams)
            log_p = score(state.sequences, position)
            return position + 1, *self.step(state, log_p, position)

        start = ops.zeros((), "int32"), *self.start(batch)
        return Beams(*ops.while_loop(unfinished, follow, start)[1:])

    def search_cached(
        self, score: CachedScorer, cache: Any, batch: int
    ) -> tuple[Beams, KerasTensor]:
        def unfinished(position: KerasTensor, beams: Beams, *_: Any) -> KerasTensor:
            return (position < self.length) & ~ops.all(beams.finished)

        def onward(
            position: KerasTensor, beams: Beams, least: KerasTensor, cache: Any
        ) -> tuple[KerasTensor, Beams, KerasTensor, Any]:
            last = ops.take(beams.sequences, ops.maximum(position - 1, 0), -1)
            log_p, cache = score(last, position, cache)
            least = ops.minimum(least, self.margin(beams, log_p, position))
            beams = self.step(beams, log_p, position)
            return position + 1, beams, least, follow(cache, beams.parents)

        none = ops.full((batch,), math.inf, config.floatx())
        start = ops.zeros((), "int32"), self.start(batch), none, cache
        _, beams, least, _ = ops.while_loop(unfinished, onward, start)
        return beams, least

    def _candidates(
        self, beams: Beams, log_p: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        is_end = ops.arange(log_p.shape[-1], dtype="int32") == self.end
        only_end = ops.where(is_end, ops.zeros((), log_p.dtype), -math.inf)
        log_p = ops.where(beams.finished[..., None], only_end, log_p)
        scores = beams.scores[..., None] + log_p
        lengths = beams.lengths + ops.cast(~beams.finished, beams.lengths.dtype)
        ranks = scores / self.penalty(ops.cast(lengths, log_p.dtype))[..., None]
        flat = -1, self.width * log_p.shape[-1]
        return ops.reshape(scores, flat), ops.reshape(ranks, flat)

    def penalty(self, lengths: KerasTensor) -> KerasTensor:
        return ((5 + lengths) / 6) ** self.length_penalty


def follow(cache: Any, parents: KerasTensor) -> Any:
    shape = ops.shape(parents)
    rows = ops.reshape(ops.arange(shape[0] * shape[1], dtype="int32"), shape)
    order = ops.reshape(ops.take_along_axis(rows, parents, 1), (-1,))
    return tree.map_structure(lambda one: ops.take(one, order, 0), cache)


# What they have in common


def falling(values: KerasTensor) -> KerasTensor:
    # DIFF(equal-values): ops.top_k takes equal values in any order on torch.
    return ops.argsort(-values, -1)


def _last(p: KerasTensor) -> KerasTensor:
    left = ops.cast(ops.flip(p, -1) > 0, "int32")
    return p.shape[-1] - 1 - ops.cast(ops.argmax(left, -1), "int32")
