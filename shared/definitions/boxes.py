"""Boxes: how they are written, how they overlap, which are kept, which belong to which.
In NumPy these ARE the definitions; every `*_impl` is held against them.

A box is [..., 4] numbers, unless said xyxy: left, top, right, bottom. One whose right
is not right of its left, or whose bottom is not below its top, is empty. Numbers of
boxes that vary are padded arrays with a mask `valid`. Of equal values the one of lower
index comes first; a margin is the least gap by which anything was decided, one a
sample, infinite where there was nothing to decide.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from shared.arrays import Array
from shared.definitions.decoding import falling, lead
from shared.definitions.schedules import Share
from shared.errors import UsageError
from shared.fields import Checked, Positive, Size

BACKGROUND, BETWEEN = -1, -2


# How they are written


def xywh_to_xyxy(boxes: Array) -> Array:
    """Convert boxes of left, top, width, height to those of two corners."""
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1)


def xyxy_to_xywh(boxes: Array) -> Array:
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def cxcywh_to_xyxy(boxes: Array) -> Array:
    """Convert boxes of centre, width and height to those of two corners."""
    half = boxes[..., 2:] / 2
    return np.concatenate([boxes[..., :2] - half, boxes[..., :2] + half], -1)


def xyxy_to_cxcywh(boxes: Array) -> Array:
    first, last = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(first + last) / 2, last - first], -1)


def to_unit(boxes: Array, sizes: Array) -> Array:
    """Convert pixels to shares of the picture. sizes: [..., 2] heights and widths. Of
    every format."""
    return boxes / sizes[..., None, [1, 0, 1, 0]]


def to_pixels(boxes: Array, sizes: Array) -> Array:
    """Convert shares of the picture to pixels."""
    return boxes * sizes[..., None, [1, 0, 1, 0]]


def clipped(boxes: Array, sizes: Array) -> Array:
    """Cut boxes in pixels at the picture's borders."""
    return np.clip(boxes, 0, sizes[..., None, [1, 0, 1, 0]])


# How they overlap


def area(boxes: Array) -> Array:
    """Give the area of each box, which is 0 of an empty one."""
    return np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(-1)


def iou(a: Array, b: Array) -> Array:
    """Give the intersection over union of each of a [..., n, 4] with each of b
    [..., m, 4]; 0 where both are empty."""
    intersection, union = _overlap(a, b)
    return _ratio(intersection, union)


def giou(a: Array, b: Array) -> Array:
    """IoU less the share of the smallest box around both that neither fills
    (Rezatofighi et al. 2019, arXiv:1902.09630, algorithm 1); IoU where that box is
    empty."""
    intersection, union = _overlap(a, b)
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = np.minimum(a[..., :2], b[..., :2])
    last = np.maximum(a[..., 2:], b[..., 2:])
    around = area(np.concatenate([first, last], -1))
    return _ratio(intersection, union) - _ratio(around - union, around)


def _overlap(a: Array, b: Array) -> tuple[Array, Array]:
    a, b = a[..., :, None, :], b[..., None, :, :]
    first = np.maximum(a[..., :2], b[..., :2])
    last = np.minimum(a[..., 2:], b[..., 2:])
    intersection = area(np.concatenate([first, last], -1))
    return intersection, area(a) + area(b) - intersection


def _ratio(a: Array, b: Array) -> Array:
    return np.where(b > 0, a / np.where(b > 0, b, 1), 0)


# How one is said by another


@dataclass(frozen=True, kw_only=True)
class BoxCoder(Checked):
    """A box as its offsets from an anchor: Ren et al. 2015 (arXiv:1506.01497), equation
    2.

    weights: what the offsets of centre, width and height are multiplied by; SSD's
        variances (Liu et al. 2016, arXiv:1512.02325) are these, inverted.
    largest: the logarithm of a size is read as at most that; the default, log(1000/16),
        is Faster R-CNN's.
    smallest: a width or height counts as at least that, so that empty boxes have codes.
    """

    weights: tuple[Positive, Positive, Positive, Positive] = (1.0, 1.0, 1.0, 1.0)
    largest: Positive = 4.135166556742356
    smallest: Positive = 1e-6

    def encode(self, boxes: Array, anchors: Array) -> Array:
        centre, size = self._centred(boxes)
        of_anchor, by = self._centred(anchors)
        offsets = [(centre - of_anchor) / by, np.log(size / by)]
        return np.concatenate(offsets, -1) * np.array(self.weights)

    def decode(self, codes: Array, anchors: Array) -> Array:
        of_anchor, by = self._centred(anchors)
        offsets = codes / np.array(self.weights)
        centre = of_anchor + offsets[..., :2] * by
        half = np.exp(np.minimum(offsets[..., 2:], self.largest)) * by / 2
        return np.concatenate([centre - half, centre + half], -1)

    def _centred(self, boxes: Array) -> tuple[Array, Array]:
        boxes = xyxy_to_cxcywh(boxes)
        return boxes[..., :2], np.maximum(boxes[..., 2:], self.smallest)


# Which are kept


class Kept(NamedTuple):
    """Suppression gives what it kept.

    indices: [batch, limit] of the boxes that are kept, the best first, then 0s.
    valid: [batch, limit] where there is one.
    """

    indices: Array
    valid: Array


@dataclass(frozen=True, kw_only=True)
class NMS(Checked):
    """Non-maximum suppression: from the best score on, a box is kept unless one that is
    kept overlaps it by an IoU above the threshold.

    limit: so many are kept at most.
    """

    threshold: Share = 0.5
    limit: Size = 100

    def select(self, boxes: Array, scores: Array, valid: Array) -> Kept:
        """Select what stays. boxes: [batch, n, 4]; scores, valid: [batch, n]."""
        return self.select_by_class(boxes, scores, valid, np.zeros(scores.shape, int))

    def select_by_class(
        self, boxes: Array, scores: Array, valid: Array, classes: Array
    ) -> Kept:
        """Only boxes of equal class, [batch, n], suppress one another."""
        indices = np.zeros((len(boxes), self.limit), int)
        filled = np.full(indices.shape, False)
        for row, given in enumerate(zip(boxes, scores, valid, classes, strict=True)):
            kept, _ = self._greedily(*given)
            indices[row, : len(kept)], filled[row, : len(kept)] = kept, True
        return Kept(indices, filled)

    def margin(self, boxes: Array, scores: Array, valid: Array) -> Array:
        return self.margin_by_class(boxes, scores, valid, np.zeros(scores.shape, int))

    def margin_by_class(
        self, boxes: Array, scores: Array, valid: Array, classes: Array
    ) -> Array:
        """The least of the gaps between neighbouring scores and of those between the
        threshold and an overlap that was looked at."""
        every = zip(boxes, scores, valid, classes, strict=True)
        return np.array([self._greedily(*given)[1] for given in every])

    def _greedily(
        self, boxes: Array, scores: Array, valid: Array, classes: Array
    ) -> tuple[list[int], float]:
        order = falling(np.where(valid, scores, -np.inf))
        order = order[valid[order]]
        gaps = list(-np.diff(scores[order]))
        kept: list[int] = []
        for i in order:
            rivals = [j for j in kept if classes[j] == classes[i]]
            overlaps = iou(boxes[[i]], boxes[rivals])[0]
            gaps += list(np.abs(overlaps - self.threshold))
            if not (overlaps > self.threshold).any():
                kept.append(i)
        return kept[: self.limit], min(gaps, default=np.inf)


# Which belongs to which


@dataclass(frozen=True, kw_only=True)
class Matching(Checked):
    """Which true box an anchor is to find: Ren et al. 2015 (arXiv:1506.01497), section
    3.1.2.

    high: of the true boxes the one with the largest IoU, if it is at least that.
    low: an anchor with no IoU of at least that finds the background.
    force: the anchor with the largest IoU with a true box is to find that one, however
        small it is, but 0; of several the first.
    """

    high: Share = 0.7
    low: Share = 0.3
    force: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            self.refuse("low", self.low, f"a number of at most high, {self.high}")

    def assign(self, anchors: Array, truths: Array, valid: Array) -> Array:
        """[batch, n] indices of true boxes, BACKGROUND, or BETWEEN, which is neither.

        anchors: [n, 4] or [batch, n, 4]; truths: [batch, m, 4]; valid: [batch, m].
        """
        overlaps = self._overlaps(anchors, truths, valid)
        best = overlaps.max(-1)
        found = np.where(best >= self.high, overlaps.argmax(-1), BETWEEN)
        found = np.where(best < self.low, BACKGROUND, found)
        for row, truth in self._forced(overlaps):
            found[row, overlaps[row, :, truth].argmax()] = truth
        return found

    def margin(self, anchors: Array, truths: Array, valid: Array) -> Array:
        """The least of the gaps between an anchor's largest IoU and the thresholds, and
        by which a true box leads for an anchor that finds one, and an anchor for a true
        box that is forced upon it."""
        overlaps = self._overlaps(anchors, truths, valid)
        best = overlaps.max(-1)
        gaps = np.minimum(np.abs(best - self.high), np.abs(best - self.low))
        gaps = np.where(best >= self.high, np.minimum(gaps, lead(overlaps, 1)), gaps)
        least = np.where(valid.any(-1), gaps.min(-1), np.inf)
        for row, truth in self._forced(overlaps):
            of_anchors = overlaps[row, :, truth]
            least[row] = min(least[row], lead(of_anchors, 1), of_anchors.max())
        return least

    def _overlaps(self, anchors: Array, truths: Array, valid: Array) -> Array:
        """Give the overlaps, [batch, n, m + 1]: below 0 where there is no true box; the
        last is none."""
        found = np.where(valid[:, None], iou(anchors, truths), -1.0)
        return np.concatenate([found, np.full((*found.shape[:2], 1), -1.0)], -1)

    def _forced(self, overlaps: Array) -> list[tuple[int, int]]:
        """Samples and true boxes; the first comes last, and stays."""
        if not self.force:
            return []
        pairs = np.argwhere(overlaps.max(1) > 0)[::-1]
        return [(int(row), int(truth)) for row, truth in pairs]


# How good they are; a metric, of NumPy arrays alone


class Detected(NamedTuple):
    """What was found in every picture: boxes [pictures, n, 4], and [pictures, n]
    scores (of true boxes not looked at), classes and valid."""

    boxes: Array
    scores: Array
    classes: Array
    valid: Array


@dataclass(frozen=True, kw_only=True)
class MeanAP(Checked):
    """COCO's mean average precision (Lin et al. 2014, arXiv:1405.0312; its evaluation
    code): precision at 101 recalls, each the best at that recall or more; the mean over
    them, over thresholds of IoU and over the classes that have true boxes.

    Over boxes of all sizes together; true boxes that mark a crowd, which COCO's code
    does not count, are not known here. Where a detection overlaps two true boxes
    equally, the first is taken; COCO's code takes the last.

    limit: the so many best detections of a picture and class count.
    """

    thresholds: tuple[Share, ...] = tuple(np.linspace(0.5, 0.95, 10).tolist())
    limit: Size = 100

    def value(self, found: Detected, wanted: Detected) -> float:
        classes = np.unique(wanted.classes[wanted.valid])
        if not len(classes):
            raise UsageError("MeanAP: no true boxes; allowed: one or more")
        return float(np.mean([self.of_class(found, wanted, c) for c in classes]))

    def of_class(self, found: Detected, wanted: Detected, of: int) -> Array:
        """Give one average precision a threshold."""
        scores: list[Array] = []
        hits: list[Array] = []
        total = 0
        for picture in range(len(found.boxes)):
            boxes, given = _of_class(found, picture, of)
            truths, _ = _of_class(wanted, picture, of)
            best = falling(given)[: self.limit]
            scores.append(given[best])
            hits.append(self._hits(iou(boxes[best], truths)))
            total += len(truths)
        order = falling(np.concatenate(scores))
        right = np.concatenate(hits)[order].cumsum(0)
        return np.array([_interpolated(each, total) for each in right.T])

    def _hits(self, overlaps: Array) -> Array:
        """Say for each detection, from the best on, whether it takes a true box that
        none before it took: [detections, thresholds]."""
        hits = np.full((len(overlaps), len(self.thresholds)), False)
        for k, threshold in enumerate(self.thresholds):
            left = overlaps.copy()
            for i, of in enumerate(left):
                if of.max(initial=-1.0) >= threshold:
                    hits[i, k] = True
                    left[:, of.argmax()] = -1.0
        return hits


def _of_class(given: Detected, picture: int, of: int) -> tuple[Array, Array]:
    chosen = given.valid[picture] & (given.classes[picture] == of)
    return given.boxes[picture][chosen], given.scores[picture][chosen]


def _interpolated(right: Array, total: int) -> float:
    """Average the precision at points of recall. right: how many of the best 1, 2, ...
    detections are right."""
    precision = right / np.arange(1, len(right) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / total, np.linspace(0, 1, 101))
    return float(np.append(precision, 0.0)[places].mean())
