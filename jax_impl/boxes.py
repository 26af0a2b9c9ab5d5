"""Boxes: how they are written, how they overlap, which are kept, which belong to which,
in JAX. Definitions, papers: shared/definitions/boxes.py.

One file to lift: it needs nothing of this suite.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

BACKGROUND, BETWEEN = -1, -2

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "weights": (5e-324, math.inf),
    "largest": (5e-324, math.inf),
    "smallest": (5e-324, math.inf),
    "threshold": (0.0, 1.0 + 2**-52),
    "limit": (1, math.inf),
    "high": (0.0, 1.0 + 2**-52),
    "low": (0.0, math.inf),  # and at most high
    "force": (False, 2),
}


class _Settings:
    """Refuses what is not allowed."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            low, high = _ALLOWED[name]
            numbers = value if isinstance(value, tuple) else (value,)
            if any(not low <= v < high for v in numbers):
                self.refuse(name, f"from {low:g} up to, not including, {high:g}")

    def refuse(self, name: str, allowed: str) -> None:
        said = f"{type(self).__name__}: {name} is {getattr(self, name)!r}"
        raise ValueError(f"{said}; allowed: {allowed}")


# How they are written


def xywh_to_xyxy(boxes: Array) -> Array:
    return jnp.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1)


def xyxy_to_xywh(boxes: Array) -> Array:
    return jnp.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def cxcywh_to_xyxy(boxes: Array) -> Array:
    half = boxes[..., 2:] / 2
    return jnp.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def xyxy_to_cxcywh(boxes: Array) -> Array:
    first, last = boxes[..., :2], boxes[..., 2:]
    return jnp.concatenate([(first + last) / 2, last - first], -1)


def to_unit(boxes: Array, sizes: Array) -> Array:
    return boxes / _borders(sizes)


def to_pixels(boxes: Array, sizes: Array) -> Array:
    return boxes * _borders(sizes)


def clipped(boxes: Array, sizes: Array) -> Array:
    return jnp.minimum(jnp.maximum(boxes, 0.0), _borders(sizes))


def _borders(sizes: Array) -> Array:
    height, width = sizes[..., None, 0], sizes[..., None, 1]
    return jnp.stack([width, height, width, height], -1)


# How they overlap


def area(boxes: Array) -> Array:
    size = jnp.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return size[..., 0] * size[..., 1]


def iou(a: Array, b: Array) -> Array:
    intersection, union = _overlap(a, b)
    return _ratio(intersection, union)


def giou(a: Array, b: Array) -> Array:
    intersection, union = _overlap(a, b)
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = jnp.minimum(a[..., :2], b[..., :2])
    last = jnp.maximum(a[..., 2:], b[..., 2:])
    around = area(jnp.concatenate([first, last], -1))
    return _ratio(intersection, union) - _ratio(around - union, around)


def _overlap(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = jnp.maximum(a[..., :2], b[..., :2])
    last = jnp.minimum(a[..., 2:], b[..., 2:])
    intersection = area(jnp.concatenate([first, last], -1))
    return intersection, area(a) + area(b) - intersection


def _ratio(a: Array, b: Array) -> Array:
    return jnp.where(b > 0, a / jnp.where(b > 0, b, 1.0), 0.0)


# How one is said by another


@dataclass(frozen=True, kw_only=True)
class BoxCoder(_Settings):
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    largest: float = 4.135166556742356
    smallest: float = 1e-6

    def encode(self, boxes: Array, anchors: Array) -> Array:
        centre, size = self._centred(boxes)
        of_anchor, by = self._centred(anchors)
        offsets = jnp.concatenate([(centre - of_anchor) / by, jnp.log(size / by)], -1)
        return offsets * jnp.asarray(self.weights, offsets.dtype)

    def decode(self, codes: Array, anchors: Array) -> Array:
        of_anchor, by = self._centred(anchors)
        offsets = codes / jnp.asarray(self.weights, codes.dtype)
        centre = of_anchor + offsets[..., :2] * by
        half = jnp.exp(jnp.minimum(offsets[..., 2:], self.largest)) * by / 2
        return jnp.concatenate([centre - half, centre + half], -1)

    def _centred(self, boxes: Array) -> tuple[Array, Array]:
        boxes = xyxy_to_cxcywh(boxes)
        return boxes[..., :2], jnp.maximum(boxes[..., 2:], self.smallest)


# Which are kept


class Kept(NamedTuple):
    indices: Array
    valid: Array


@dataclass(frozen=True, kw_only=True)
class NMS(_Settings):
    threshold: float = 0.5
    limit: int = 100

    def select(self, boxes: Array, scores: Array, valid: Array) -> Kept:
        overlap = iou(boxes, boxes) > self.threshold
        return self._select(overlap, scores, valid)

    def select_by_class(
        self, boxes: Array, scores: Array, valid: Array, classes: Array
    ) -> Kept:
        overlap = iou(boxes, boxes) > self.threshold
        equal = classes[:, :, None] == classes[:, None, :]
        return self._select(overlap & equal, scores, valid)

    def _select(self, overlap: Array, scores: Array, valid: Array) -> Kept:
        order = scores.argsort(-1, stable=True, descending=True)
        overlap = jnp.take_along_axis(overlap, order[:, :, None], 1)
        overlap = jnp.take_along_axis(overlap, order[:, None, :], 2)
        possible = jnp.take_along_axis(valid, order, 1)
        kept = _unsuppressed(jnp.triu(overlap, 1), possible)
        first = kept.argsort(-1, stable=True, descending=True)
        first = first[:, : self.limit]
        kept = jnp.take_along_axis(kept, first, 1)
        indices = jnp.where(kept, jnp.take_along_axis(order, first, 1), 0)
        missing = ((0, 0), (0, self.limit - first.shape[-1]))
        return Kept(jnp.pad(indices, missing), jnp.pad(kept, missing))


def _unsuppressed(rivals: Array, possible: Array) -> Array:
    """Find the boxes that no kept one suppresses. rivals: [batch, n, n], a better
    one and which it would suppress. After as many rounds as a chain of rivals is
    long, nothing changes any more: what the greedy loop gives."""

    def changes(state: tuple[Array, Array]) -> Array:
        kept, before = state
        return (kept != before).any()

    def again(state: tuple[Array, Array]) -> tuple[Array, Array]:
        kept, _ = state
        suppressed = (rivals & kept[:, :, None]).any(1)
        return possible & ~suppressed, kept

    start = possible, jnp.zeros_like(possible)
    return jax.lax.while_loop(changes, again, start)[0]


# Which belongs to which


@dataclass(frozen=True, kw_only=True)
class Matching(_Settings):
    high: float = 0.7
    low: float = 0.3
    force: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            self.refuse("low", f"at most high, {self.high}")

    def assign(self, anchors: Array, truths: Array, valid: Array) -> Array:
        overlaps = jnp.where(valid[:, None], iou(anchors, truths), -1.0)
        nothing = ((0, 0), (0, 0), (0, 1))
        overlaps = jnp.pad(overlaps, nothing, constant_values=-1.0)
        best, which = overlaps.max(-1), overlaps.argmax(-1)
        found = jnp.where(best >= self.high, which, BETWEEN)
        found = jnp.where(best < self.low, BACKGROUND, found)
        if self.force:
            places = jnp.arange(overlaps.shape[1])
            best_anchor = overlaps.argmax(1)
            forced = places[:, None] == best_anchor[:, None]
            forced = forced & (overlaps.max(1) > 0)[:, None]
            found = jnp.where(forced.any(-1), forced.argmax(-1), found)
        return found
