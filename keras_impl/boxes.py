"""Boxes: how they are written, how they overlap, which are kept, which belong to which,
in Keras. Definitions, papers: shared/definitions/boxes.py.

One file to lift: it needs nothing of this suite, and runs on every back end.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from keras import KerasTensor, ops

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


def xywh_to_xyxy(boxes: KerasTensor) -> KerasTensor:
    return ops.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1)


def xyxy_to_xywh(boxes: KerasTensor) -> KerasTensor:
    return ops.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def cxcywh_to_xyxy(boxes: KerasTensor) -> KerasTensor:
    half = boxes[..., 2:] / 2
    return ops.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def xyxy_to_cxcywh(boxes: KerasTensor) -> KerasTensor:
    first, last = boxes[..., :2], boxes[..., 2:]
    return ops.concatenate([(first + last) / 2, last - first], -1)


def to_unit(boxes: KerasTensor, sizes: KerasTensor) -> KerasTensor:
    return boxes / _borders(sizes)


def to_pixels(boxes: KerasTensor, sizes: KerasTensor) -> KerasTensor:
    return boxes * _borders(sizes)


def clipped(boxes: KerasTensor, sizes: KerasTensor) -> KerasTensor:
    return ops.minimum(ops.maximum(boxes, 0.0), _borders(sizes))


def _borders(sizes: KerasTensor) -> KerasTensor:
    height, width = sizes[..., None, 0], sizes[..., None, 1]
    return ops.stack([width, height, width, height], -1)


# How they overlap


def area(boxes: KerasTensor) -> KerasTensor:
    size = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return size[..., 0] * size[..., 1]


def iou(a: KerasTensor, b: KerasTensor) -> KerasTensor:
    intersection, union = _overlap(a, b)
    return _ratio(intersection, union)


def giou(a: KerasTensor, b: KerasTensor) -> KerasTensor:
    intersection, union = _overlap(a, b)
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = ops.minimum(a[..., :2], b[..., :2])
    last = ops.maximum(a[..., 2:], b[..., 2:])
    around = area(ops.concatenate([first, last], -1))
    return _ratio(intersection, union) - _ratio(around - union, around)


def _overlap(a: KerasTensor, b: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = ops.maximum(a[..., :2], b[..., :2])
    last = ops.minimum(a[..., 2:], b[..., 2:])
    intersection = area(ops.concatenate([first, last], -1))
    return intersection, area(a) + area(b) - intersection


def _ratio(a: KerasTensor, b: KerasTensor) -> KerasTensor:
    return ops.where(b > 0, a / ops.where(b > 0, b, 1.0), 0.0)


# How one is said by another


@dataclass(frozen=True, kw_only=True)
class BoxCoder(_Settings):
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    largest: float = 4.135166556742356
    smallest: float = 1e-6

    def encode(self, boxes: KerasTensor, anchors: KerasTensor) -> KerasTensor:
        centre, size = self._centred(boxes)
        of_anchor, by = self._centred(anchors)
        offsets = ops.concatenate([(centre - of_anchor) / by, ops.log(size / by)], -1)
        return offsets * ops.convert_to_tensor(self.weights, offsets.dtype)

    def decode(self, codes: KerasTensor, anchors: KerasTensor) -> KerasTensor:
        of_anchor, by = self._centred(anchors)
        offsets = codes / ops.convert_to_tensor(self.weights, codes.dtype)
        centre = of_anchor + offsets[..., :2] * by
        half = ops.exp(ops.minimum(offsets[..., 2:], self.largest)) * by / 2
        return ops.concatenate([centre - half, centre + half], -1)

    def _centred(self, boxes: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        boxes = xyxy_to_cxcywh(boxes)
        return boxes[..., :2], ops.maximum(boxes[..., 2:], self.smallest)


# Which are kept


class Kept(NamedTuple):
    indices: KerasTensor
    valid: KerasTensor


@dataclass(frozen=True, kw_only=True)
class NMS(_Settings):
    threshold: float = 0.5
    limit: int = 100

    def select(
        self, boxes: KerasTensor, scores: KerasTensor, valid: KerasTensor
    ) -> Kept:
        overlap = iou(boxes, boxes) > self.threshold
        return self._select(overlap, scores, valid)

    def select_by_class(
        self,
        boxes: KerasTensor,
        scores: KerasTensor,
        valid: KerasTensor,
        classes: KerasTensor,
    ) -> Kept:
        overlap = iou(boxes, boxes) > self.threshold
        equal = classes[:, :, None] == classes[:, None, :]
        return self._select(overlap & equal, scores, valid)

    def _select(
        self, overlap: KerasTensor, scores: KerasTensor, valid: KerasTensor
    ) -> Kept:
        order = ops.argsort(-scores, -1)
        overlap = ops.take_along_axis(overlap, order[:, :, None], 1)
        overlap = ops.take_along_axis(overlap, order[:, None, :], 2)
        possible = ops.take_along_axis(valid, order, 1)
        kept = _unsuppressed(ops.triu(overlap, 1), possible)
        first = ops.argsort(ops.cast(~kept, "int32"), -1)
        first = first[:, : self.limit]
        kept = ops.take_along_axis(kept, first, 1)
        indices = ops.where(kept, ops.take_along_axis(order, first, 1), 0)
        missing = ((0, 0), (0, self.limit - first.shape[-1]))
        return Kept(ops.pad(indices, missing), ops.pad(kept, missing))


def _unsuppressed(rivals: KerasTensor, possible: KerasTensor) -> KerasTensor:
    """Find the boxes that no kept one suppresses. rivals: [batch, n, n], a better
    one and which it would suppress. After as many rounds as a chain of rivals is
    long, nothing changes any more: what the greedy loop gives."""

    def changes(kept: KerasTensor, before: KerasTensor) -> KerasTensor:
        return ops.any(kept != before)

    def again(
        kept: KerasTensor, before: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        suppressed = ops.any(rivals & kept[:, :, None], 1)
        return possible & ~suppressed, kept

    start = possible, ops.zeros_like(possible)
    return ops.while_loop(changes, again, start)[0]


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

    def assign(
        self, anchors: KerasTensor, truths: KerasTensor, valid: KerasTensor
    ) -> KerasTensor:
        overlaps = ops.where(valid[:, None], iou(anchors, truths), -1.0)
        nothing = ((0, 0), (0, 0), (0, 1))
        overlaps = ops.pad(overlaps, nothing, constant_values=-1.0)
        best, which = ops.max(overlaps, -1), ops.argmax(overlaps, -1)
        found = ops.where(best >= self.high, which, BETWEEN)
        found = ops.where(best < self.low, BACKGROUND, found)
        if self.force:
            places = ops.arange(overlaps.shape[1], dtype="int32")
            best_anchor = ops.cast(ops.argmax(overlaps, 1), "int32")
            forced = places[:, None] == best_anchor[:, None]
            forced = forced & (ops.max(overlaps, 1) > 0)[:, None]
            first = ops.argmax(ops.cast(forced, "int32"), -1)
            found = ops.where(ops.any(forced, -1), first, found)
        return found
