"""Boxes: how they are written, how they overlap, which are kept, which belong to which,
in PyTorch. Definitions, papers: shared/definitions/boxes.py.

One file to lift: it needs nothing of this suite.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

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


def xywh_to_xyxy(boxes: Tensor) -> Tensor:
    return torch.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1)


def xyxy_to_xywh(boxes: Tensor) -> Tensor:
    return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    first, last = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(first + last) / 2, last - first], -1)


def to_unit(boxes: Tensor, sizes: Tensor) -> Tensor:
    return boxes / _borders(sizes)


def to_pixels(boxes: Tensor, sizes: Tensor) -> Tensor:
    return boxes * _borders(sizes)


def clipped(boxes: Tensor, sizes: Tensor) -> Tensor:
    return torch.minimum(boxes.clamp(min=0.0), _borders(sizes))


def _borders(sizes: Tensor) -> Tensor:
    height, width = sizes[..., None, 0], sizes[..., None, 1]
    return torch.stack([width, height, width, height], -1)


# How they overlap


def area(boxes: Tensor) -> Tensor:
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0.0)
    return size[..., 0] * size[..., 1]


def iou(a: Tensor, b: Tensor) -> Tensor:
    intersection, union = _overlap(a, b)
    return _ratio(intersection, union)


def giou(a: Tensor, b: Tensor) -> Tensor:
    intersection, union = _overlap(a, b)
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = torch.minimum(a[..., :2], b[..., :2])
    last = torch.maximum(a[..., 2:], b[..., 2:])
    around = area(torch.cat([first, last], -1))
    return _ratio(intersection, union) - _ratio(around - union, around)


def _overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = torch.maximum(a[..., :2], b[..., :2])
    last = torch.minimum(a[..., 2:], b[..., 2:])
    intersection = area(torch.cat([first, last], -1))
    return intersection, area(a) + area(b) - intersection


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    return torch.where(b > 0, a / torch.where(b > 0, b, 1.0), 0.0)


# How one is said by another


@dataclass(frozen=True, kw_only=True)
class BoxCoder(_Settings):
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    largest: float = 4.135166556742356
    smallest: float = 1e-6

    def encode(self, boxes: Tensor, anchors: Tensor) -> Tensor:
        centre, size = self._centred(boxes)
        of_anchor, by = self._centred(anchors)
        offsets = torch.cat([(centre - of_anchor) / by, (size / by).log()], -1)
        return offsets * offsets.new_tensor(self.weights)

    def decode(self, codes: Tensor, anchors: Tensor) -> Tensor:
        of_anchor, by = self._centred(anchors)
        offsets = codes / codes.new_tensor(self.weights)
        centre = of_anchor + offsets[..., :2] * by
        half = offsets[..., 2:].clamp(max=self.largest).exp() * by / 2
        return torch.cat([centre - half, centre + half], -1)

    def _centred(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        boxes = xyxy_to_cxcywh(boxes)
        return boxes[..., :2], boxes[..., 2:].clamp(min=self.smallest)


# Which are kept


class Kept(NamedTuple):
    indices: Tensor
    valid: Tensor


@dataclass(frozen=True, kw_only=True)
class NMS(_Settings):
    threshold: float = 0.5
    limit: int = 100

    def select(self, boxes: Tensor, scores: Tensor, valid: Tensor) -> Kept:
        overlap = iou(boxes, boxes) > self.threshold
        return self._select(overlap, scores, valid)

    def select_by_class(
        self, boxes: Tensor, scores: Tensor, valid: Tensor, classes: Tensor
    ) -> Kept:
        overlap = iou(boxes, boxes) > self.threshold
        equal = classes[:, :, None] == classes[:, None, :]
        return self._select(overlap & equal, scores, valid)

    def _select(self, overlap: Tensor, scores: Tensor, valid: Tensor) -> Kept:
        # DIFF(equal-values): torch's sort takes equal values in any order.
        order = scores.argsort(dim=-1, descending=True, stable=True)
        overlap = torch.take_along_dim(overlap, order[:, :, None], 1)
        overlap = torch.take_along_dim(overlap, order[:, None, :], 2)
        possible = valid.gather(1, order)
        kept = _unsuppressed(overlap.triu(1), possible)
        first = kept.long().argsort(dim=-1, descending=True, stable=True)
        first = first[:, : self.limit]
        kept, indices = kept.gather(1, first), order.gather(1, first)
        missing = (0, self.limit - first.shape[-1])
        indices = F.pad(torch.where(kept, indices, 0), missing)
        return Kept(indices, F.pad(kept, missing))


def _unsuppressed(rivals: Tensor, possible: Tensor) -> Tensor:
    """Find the boxes that no kept one suppresses. rivals: [batch, n, n], a better
    one and which it would suppress. After as many rounds as a chain of rivals is
    long, nothing changes any more: what the greedy loop gives."""
    kept, before = possible, torch.zeros_like(possible)
    while not torch.equal(kept, before):
        suppressed = (rivals & kept[:, :, None]).any(1)
        kept, before = possible & ~suppressed, kept
    return kept


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

    def assign(self, anchors: Tensor, truths: Tensor, valid: Tensor) -> Tensor:
        overlaps = torch.where(valid[:, None], iou(anchors, truths), -1.0)
        overlaps = F.pad(overlaps, (0, 1), value=-1.0)  # where there is none
        best, which = overlaps.amax(-1), overlaps.argmax(-1)
        found = torch.where(best >= self.high, which, BETWEEN)
        found = torch.where(best < self.low, BACKGROUND, found)
        if self.force:
            places = torch.arange(overlaps.shape[1], device=overlaps.device)
            best_anchor = overlaps.argmax(1)
            forced = places[:, None] == best_anchor[:, None]
            forced = forced & (overlaps.amax(1) > 0)[:, None]
            found = torch.where(forced.any(-1), forced.long().argmax(-1), found)
        return found
