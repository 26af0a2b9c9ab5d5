"""How tokens are chosen, in JAX. Definitions, papers:
shared/definitions/decoding.py.

One file to lift: it needs nothing of this suite.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

Scorer = Callable[[Array, Array], Array]
CachedScorer = Callable[[Array, Array, Any], tuple[Array, Any]]

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


def greedy(logits: Array) -> Array:
    return logits.argmax(-1)


@dataclass(frozen=True, kw_only=True)
class Sample(_Settings):
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def probabilities(self, logits: Array) -> Array:
        if self.top_k is None and self.top_p is None:
            return jax.nn.softmax(logits / self.temperature)
        order = falling(logits)
        z = jnp.take_along_axis(logits, order, -1)
        p = jax.nn.softmax(z / self.temperature)
        if self.top_k is not None:
            p = jnp.where(jnp.arange(p.shape[-1]) < self.top_k, p, 0.0)
            p = p / p.sum(-1, keepdims=True)
        if self.top_p is not None and self.top_p < 1:
            before = jnp.roll(p.cumsum(-1), 1, -1).at[..., 0].set(0.0)
            p = jnp.where(before < self.top_p, p, 0.0)
            p = p / p.sum(-1, keepdims=True)
        return jnp.take_along_axis(p, order.argsort(-1), -1)

    def next_token(self, logits: Array, uniform: Array) -> Array:
        p = self.probabilities(logits)
        up_to = p.cumsum(-1)
        passed = up_to <= uniform[..., None]
        return jnp.minimum(passed.sum(-1), _last(p))


# Many at once


class Beams(NamedTuple):
    sequences: Array
    scores: Array
    lengths: Array
    finished: Array
    parents: Array


@dataclass(frozen=True, kw_only=True)
class BeamSearch(_Settings):
    width: int
    end: int
    length: int
    length_penalty: float = 0.0

    def start(self, batch: int) -> Beams:
        shape = (batch, self.width)
        return Beams(
            jnp.full((*shape, self.length), self.end),
            jnp.full(shape, -math.inf).at[:, 0].set(0.0),
            jnp.zeros(shape, int),
            jnp.zeros(shape, bool),
            jnp.zeros(shape, int),
        )

    def step(self, beams: Beams, log_p: Array, position: int | Array) -> Beams:
        scores, ranks = self._candidates(beams, log_p)
        best = jax.lax.top_k(ranks, self.width)[1]
        parents, tokens = best // log_p.shape[-1], best % log_p.shape[-1]
        sequences = jnp.take_along_axis(beams.sequences, parents[..., None], 1)
        lengths = jnp.take_along_axis(beams.lengths, parents, 1)
        finished = jnp.take_along_axis(beams.finished, parents, 1)
        here = jnp.arange(self.length) == position
        return Beams(
            jnp.where(here, tokens[..., None], sequences),
            jnp.take_along_axis(scores, best, 1),
            lengths + ~finished,
            finished | (tokens == self.end),
            parents.astype(beams.parents.dtype),
        )

    def margin(self, beams: Beams, log_p: Array, position: int | Array) -> Array:
        ranks = self._candidates(beams, log_p)[1]
        best = jax.lax.top_k(ranks, min(self.width + 1, ranks.shape[-1]))[0]
        higher, lower = best[:, :-1], best[:, 1:]
        gaps = jnp.where(jnp.isfinite(lower), higher - lower, math.inf)
        return gaps.min(-1, initial=math.inf)

    def search(self, score: Scorer, batch: int) -> Beams:
        def unfinished(state: tuple[Array, Beams]) -> Array:
            position, beams = state
            return (position < self.length) & ~beams.finished.all()

        def follow(state: tuple[Array, Beams]) -> tuple[Array, Beams]:
            position, beams = state
            log_p = score(beams.sequences, position)
            return position + 1, self.step(beams, log_p, position)

        start = jnp.asarray(0), self.start(batch)
        return jax.lax.while_loop(unfinished, follow, start)[1]

    def search_cached(
        self, score: CachedScorer, cache: Any, batch: int
    ) -> tuple[Beams, Array]:
        def unfinished(state: tuple[Array, Beams, Array, Any]) -> Array:
            position, beams, _, _ = state
            return (position < self.length) & ~beams.finished.all()

        def onward(
            state: tuple[Array, Beams, Array, Any],
        ) -> tuple[Array, Beams, Array, Any]:
            position, beams, least, cache = state
            last = jnp.take(beams.sequences, jnp.maximum(position - 1, 0), -1)
            log_p, cache = score(last, position, cache)
            least = jnp.minimum(least, self.margin(beams, log_p, position))
            beams = self.step(beams, log_p, position)
            return position + 1, beams, least, follow(cache, beams.parents)

        start = jnp.asarray(0), self.start(batch), jnp.full(batch, math.inf), cache
        _, beams, least, _ = jax.lax.while_loop(unfinished, onward, start)
        return beams, least

    def _candidates(self, beams: Beams, log_p: Array) -> tuple[Array, Array]:
        is_end = jnp.arange(log_p.shape[-1]) == self.end
        only_end = jnp.where(is_end, 0.0, -math.inf)
        log_p = jnp.where(beams.finished[..., None], only_end, log_p)
        scores = beams.scores[..., None] + log_p
        lengths = beams.lengths + ~beams.finished
        ranks = scores / self.penalty(lengths)[..., None]
        flat = len(scores), -1
        return scores.reshape(flat), ranks.reshape(flat)

    def penalty(self, lengths: Array) -> Array:
        return ((5 + lengths) / 6) ** self.length_penalty


def follow(cache: Any, parents: Array) -> Any:
    rows = jnp.arange(parents.size).reshape(parents.shape)
    order = jnp.take_along_axis(rows, parents, 1).ravel()
    return jax.tree.map(lambda one: one[order], cache)


# What they have in common


def falling(values: Array) -> Array:
    return values.argsort(-1, stable=True, descending=True)


def _last(p: Array) -> Array:
    return p.shape[-1] - 1 - (p[..., ::-1] > 0).argmax(-1)
