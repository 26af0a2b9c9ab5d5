"""How tokens are chosen, one after another. In NumPy these ARE the definitions; every
`*_impl` is held against them.

Logits and log probabilities are [..., vocabulary]; -inf forbids a token, and at least
one is allowed. Of equal values the one of lower index comes first. What is random is an
input: a uniform number from 0 to 1 a token.

A margin is the least gap by which anything was decided: where it is next to nothing,
rounding may decide otherwise. It is infinite where there was nothing to decide.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from shared.arrays import Array
from shared.fields import Checked, Index, NonNegative, Positive, Range, Size

Part = Annotated[float, Range(5e-324, 1.0 + 2**-52, "a number above 0, at most 1")]
Scorer = Callable[[Array, int], Array]
CachedScorer = Callable[[Array, int, Any], tuple[Array, Any]]


# One token


def greedy(logits: Array) -> Array:
    """Choose the token with the highest logit."""
    return logits.argmax(-1)


def greedy_margin(logits: Array) -> Array:
    """Give by how much the highest logit leads the next."""
    return lead(logits, 1)


@dataclass(frozen=True, kw_only=True)
class Sample(Checked):
    """Draws a token from softmax(logits / temperature), of which filters leave a part.

    top_k: the so many likeliest are left (Fan, Lewis, Dauphin 2018, arXiv:1805.04833,
        section 5.4); all, where the vocabulary has no more.
    top_p: of those the fewest likeliest that have this much of the probability together
        (Holtzman et al. 2019, arXiv:1904.09751, equations 2 and 3); 1 leaves all.
    """

    temperature: Positive = 1.0
    top_k: Size | None = None
    top_p: Part | None = None

    def probabilities(self, logits: Array) -> Array:
        """Give the probabilities of the tokens that the filters leave, and 0 for the
        others."""
        order, p, before = self._ranked(logits)
        if self.top_p is not None and self.top_p < 1:
            p = np.where(before < self.top_p, p, 0)
        p = p / p.sum(-1, keepdims=True)
        return np.take_along_axis(p, order.argsort(-1), -1)

    def next_token(self, logits: Array, uniform: Array) -> Array:
        """Choose the first token whose cumulated probability exceeds `uniform`."""
        p = self.probabilities(logits)
        up_to = p.cumsum(-1)
        passed = up_to <= uniform[..., None]
        return np.minimum(passed.sum(-1), _last(p))

    def margin(self, logits: Array, uniform: Array) -> Array:
        """Give the least of three gaps: of logits at top_k, of probabilities at top_p
        and at the uniform number."""
        gaps = [lead(logits, self.top_k or logits.shape[-1])]
        if self.top_p is not None and self.top_p < 1:
            _, p, before = self._ranked(logits)
            decided = (p > 0) & (before > 0)
            gaps.append(_least(np.abs(before - self.top_p), decided))
        p = self.probabilities(logits)
        up_to = p.cumsum(-1)
        borders = (p > 0) & (np.arange(p.shape[-1]) < _last(p)[..., None])
        gaps.append(_least(np.abs(up_to - uniform[..., None]), borders))
        return np.minimum.reduce(gaps)

    def _ranked(self, logits: Array) -> tuple[Array, Array, Array]:
        """The tokens from the likeliest on, their probabilities within the top k, and
        what those before them have together."""
        order = falling(logits)
        z = np.take_along_axis(logits, order, -1)
        p = np.exp((z - z[..., :1]) / self.temperature)
        if self.top_k is not None:
            p = np.where(np.arange(p.shape[-1]) < self.top_k, p, 0)
        p = p / p.sum(-1, keepdims=True)
        before = np.zeros_like(p)
        before[..., 1:] = p.cumsum(-1)[..., :-1]
        return order, p, before


# Many at once


class Beams(NamedTuple):
    """The best sequences so far, the best first.

    sequences: [batch, width, length] tokens; after the end token more of it.
    scores: [batch, width] log probabilities; -inf where there is no sequence yet.
    lengths: [batch, width] tokens up to the end token, which counts.
    finished: [batch, width] whether the end token was said.
    parents: [batch, width] the beam that each continues; what a model keeps of its
        beams (a cache) has to follow.
    """

    sequences: Array
    scores: Array
    lengths: Array
    finished: Array
    parents: Array


@dataclass(frozen=True, kw_only=True)
class BeamSearch(Checked):
    """Keeps the best `width` sequences, by log probability over the length penalty of
    Wu et al. 2016 (arXiv:1609.08144), equation 14, without the penalty for coverage. A
    finished sequence keeps its place as long as no other is better.

    end: the token that ends a sequence.
    length: the most tokens, the end token among them.
    length_penalty: the paper's alpha.
    """

    width: Size
    end: Index
    length: Size
    length_penalty: NonNegative = 0.0

    def start(self, batch: int) -> Beams:
        """Begin with one empty sequence each, and places for the others."""
        shape = (batch, self.width)
        scores = np.where(np.arange(self.width) == 0, 0.0, -np.inf)
        return Beams(
            np.full((*shape, self.length), self.end),
            np.broadcast_to(scores, shape),
            np.zeros(shape, int),
            np.full(shape, False),
            np.zeros(shape, int),
        )

    def step(self, beams: Beams, log_p: Array, position: int) -> Beams:
        """Keep the best continuations. log_p: [batch, width, vocabulary]."""
        scores, ranks = self._candidates(beams, log_p)
        best = falling(ranks)[:, : self.width]
        parents, tokens = np.divmod(best, log_p.shape[-1])
        sequences = np.take_along_axis(beams.sequences, parents[..., None], 1)
        lengths = np.take_along_axis(beams.lengths, parents, 1)
        finished = np.take_along_axis(beams.finished, parents, 1)
        here = np.arange(self.length) == position
        return Beams(
            np.where(here, tokens[..., None], sequences),
            np.take_along_axis(scores, best, 1),
            lengths + ~finished,
            finished | (tokens == self.end),
            parents,
        )

    def margin(self, beams: Beams, log_p: Array, position: int) -> Array:
        """Give the least gap between neighbours among the best and the first left
        out."""
        ranks = -np.sort(-self._candidates(beams, log_p)[1], -1)[:, : self.width + 1]
        gaps = _gap(ranks[:, :-1], ranks[:, 1:])
        return gaps.min(-1, initial=np.inf)

    def search(self, score: Scorer, batch: int) -> Beams:
        """Steps until all are finished; score: of sequences [batch, width, length] and
        the position that comes next, the log probabilities of its tokens."""
        beams = self.start(batch)
        for position in range(self.length):
            if beams.finished.all():
                break
            beams = self.step(beams, score(beams.sequences, position), position)
        return beams

    def search_cached(
        self, score: CachedScorer, cache: Any, batch: int
    ) -> tuple[Beams, Array]:
        """The same of a model that reads each token once; beside the beams the least
        margin of each row.

        cache: arrays [batch * width, ...], in tuples or lists, which follow the beams.
        score: of the tokens said last [batch, width], of the position that comes next
            and of the cache, the log probabilities and the cache then. Before the first
            position `end` was said.
        """
        beams, least = self.start(batch), np.full(batch, np.inf)
        for position in range(self.length):
            if beams.finished.all():
                break
            last = beams.sequences[..., max(position - 1, 0)]
            log_p, cache = score(last, position, cache)
            least = np.minimum(least, self.margin(beams, log_p, position))
            beams = self.step(beams, log_p, position)
            cache = follow(cache, beams.parents)
        return beams, least

    def _candidates(self, beams: Beams, log_p: Array) -> tuple[Array, Array]:
        """Give each continuation's log probability and what it is ranked by, [batch,
        width * vocabulary]."""
        only_end = np.where(np.arange(log_p.shape[-1]) == self.end, 0.0, -np.inf)
        log_p = np.where(beams.finished[..., None], only_end, log_p)
        scores = beams.scores[..., None] + log_p
        lengths = beams.lengths + ~beams.finished
        ranks = scores / self.penalty(lengths)[..., None]
        flat = len(scores), -1
        return scores.reshape(flat), ranks.reshape(flat)

    def penalty(self, lengths: Array) -> Array:
        """Compute ((5 + length) / 6) ^ alpha."""
        return ((5 + lengths) / 6) ** self.length_penalty


def follow(cache: Any, parents: Array) -> Any:
    """What is kept of each beam, [batch * width, ...], in the order of its parents."""
    if isinstance(cache, np.ndarray):
        rows = np.arange(parents.size).reshape(parents.shape)
        return cache[np.take_along_axis(rows, parents, 1).ravel()]
    return type(cache)(follow(one, parents) for one in cache)


# What they have in common


def falling(values: Array) -> Array:
    """Give the order from the highest on, along the last axis."""
    return np.argsort(-values, -1, kind="stable")


def _last(p: Array) -> Array:
    """The last token that is left."""
    return p.shape[-1] - 1 - (p[..., ::-1] > 0).argmax(-1)


def lead(values: Array, k: int) -> Array:
    """Give by how much the k-th highest value leads the next."""
    ranked = -np.sort(-values, -1)
    if k >= ranked.shape[-1]:
        return np.full(values.shape[:-1], np.inf)
    return _gap(ranked[..., k - 1], ranked[..., k])


def _gap(higher: Array, lower: Array) -> Array:
    """The gap of two scores is infinite where the lower one is forbidden."""
    some = np.isfinite(lower)
    return np.where(some, np.where(some, higher, 0) - np.where(some, lower, 0), np.inf)


def _least(gaps: Array, decided: Array) -> Array:
    return np.where(decided, gaps, np.inf).min(-1, initial=np.inf)
