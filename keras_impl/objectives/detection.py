"""What anchors find. Objectives: shared/objectives/detection.py."""

import math
from typing import Any

from keras import KerasTensor, ops

from keras_impl import boxes, definitions
from keras_impl.precision import exact
from shared.objectives.detection import FocalDetection, MultiBox

Tensors = tuple[KerasTensor, ...]


def multibox(
    s: MultiBox, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    truths, *others = targets
    said, codes, truths = exact((*model(*inputs, training=True), truths))
    found, wanted, off = matched(s, model, codes, (truths, *others))
    hit = found >= 0  # [B, anchors]
    number = ops.sum(ops.cast(hit, said.dtype), 1, keepdims=True)
    right = ops.take_along_axis(said, wanted[:, :, None], 2)[:, :, 0]
    each = ops.logsumexp(said, -1) - right
    counts = hit | hardest(ops.stop_gradient(each), hit, s.ratio * number)
    total = ops.maximum(ops.sum(number), 1.0)
    of_classes = ops.sum(ops.where(counts, each, 0.0)) / total
    of_boxes = ops.sum(off) / total
    loss = of_classes + of_boxes
    return {"loss": loss, "classes": of_classes, "boxes": of_boxes}


def focal_detection(
    s: FocalDetection, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, KerasTensor]:
    truths, *others = targets
    said, codes, truths = exact((*model(*inputs, training=True), truths))
    found, wanted, off = matched(s, model, codes, (truths, *others))
    counts = found != boxes.BETWEEN  # [B, anchors]
    number = ops.maximum(ops.sum(ops.cast(found >= 0, said.dtype), 1), 1.0)
    numbers = ops.arange(said.shape[-1], dtype="int32")
    there = (wanted[:, :, None] == numbers) & (found >= 0)[:, :, None]
    each = ops.sum(focal(s, said, there), -1)
    of_classes = ops.mean(ops.sum(ops.where(counts, each, 0.0), 1) / number)
    of_boxes = ops.mean(ops.sum(off, 1) / number)
    loss = of_classes + of_boxes
    return {"loss": loss, "classes": of_classes, "boxes": of_boxes}


def matched(
    s: MultiBox | FocalDetection, model: Any, codes: KerasTensor, targets: Tensors
) -> Tensors:
    """Give which box each anchor is to find, of which class it is, and how far the
    code is off."""
    truths, classes, there = targets
    anchors = ops.convert_to_tensor(model.spec.anchors, codes.dtype)
    matching = boxes.Matching(**definitions.settings(s.matching))
    found = ops.cast(matching.assign(anchors, truths, there > 0), "int32")
    which = ops.maximum(found, 0)
    own = ops.take_along_axis(truths, which[:, :, None], 1)
    coder = boxes.BoxCoder(**definitions.settings(s.coder))
    apart = ops.abs(codes - coder.encode(own, anchors))
    if s.beta:
        squared = 0.5 * apart**2 / s.beta
        apart = ops.where(apart < s.beta, squared, apart - 0.5 * s.beta)
    hit = found >= 0
    off = ops.where(hit, ops.sum(apart, -1), 0.0)
    labels = ops.take_along_axis(ops.cast(classes, "int32"), which, 1)
    return found, ops.where(hit, labels, 0), off


def hardest(losses: KerasTensor, hit: KerasTensor, number: KerasTensor) -> KerasTensor:
    """Choose in each picture so many of those that find no box, the largest first."""
    losses = ops.where(hit, -math.inf, losses)
    rank = ops.argsort(ops.argsort(-losses, 1), 1)
    return (ops.cast(rank, number.dtype) < number) & ~hit


def focal(s: FocalDetection, said: KerasTensor, there: KerasTensor) -> KerasTensor:
    sure = ops.where(there, said, -said)
    own = ops.cast(there, said.dtype)
    weight = s.alpha * own + (1 - s.alpha) * (1 - own)
    return weight * ops.sigmoid(-sure) ** s.gamma * ops.softplus(-sure)
