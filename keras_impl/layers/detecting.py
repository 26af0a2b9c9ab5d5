"""What detectors find, of what they say of every place. Definition:
shared/definitions/detecting.py."""

import math

from keras import KerasTensor, ops

from keras_impl.boxes import NMS
from shared.definitions.detecting import Detecting


def detected(
    s: Detecting, boxes: KerasTensor, scores: KerasTensor
) -> tuple[KerasTensor, KerasTensor, KerasTensor, KerasTensor]:
    """Give boxes, scores, classes and whether there is one. boxes: [B, n, 4] or [B, n,
    classes, 4]; scores: [B, n, classes]."""
    _, n, classes = scores.shape
    if len(boxes.shape) == 3:
        boxes = ops.repeat(boxes[:, :, None], classes, 2)
    boxes = ops.reshape(ops.swapaxes(boxes, 1, 2), (-1, n, 4))  # [B * classes, n, 4]
    scores = ops.reshape(ops.swapaxes(scores, 1, 2), (-1, n))
    best = ops.argsort(-scores, -1)[:, : s.most]
    boxes, scores = _at(boxes, best), ops.take_along_axis(scores, best, 1)
    nms = NMS(threshold=s.threshold, limit=min(s.limit, best.shape[1]))
    kept, valid = nms.select(boxes, scores, scores > s.least)
    boxes, scores = _at(boxes, kept), ops.take_along_axis(scores, kept, 1)
    each = kept.shape[1]
    boxes = ops.reshape(boxes, (-1, classes * each, 4))  # [B, classes * kept, 4]
    scores, valid = (ops.reshape(v, (-1, classes * each)) for v in (scores, valid))
    ranked = ops.where(valid, scores, -math.inf)
    order = ops.argsort(-ranked, -1)[:, : s.limit]
    of = order // each
    valid = ops.take_along_axis(valid, order, 1)
    boxes = ops.where(valid[:, :, None], _at(boxes, order), 0.0)
    scores = ops.where(valid, ops.take_along_axis(scores, order, 1), 0.0)
    missing = (0, 0), (0, s.limit - order.shape[1])
    return (
        ops.pad(boxes, (*missing, (0, 0))),
        ops.pad(scores, missing),
        ops.pad(ops.where(valid, of, 0), missing),
        ops.pad(ops.cast(valid, "int32"), missing),
    )


def detected_of_levels(
    s: Detecting, boxes: KerasTensor, scores: KerasTensor, levels: tuple[int, ...]
) -> tuple[KerasTensor, KerasTensor, KerasTensor, KerasTensor]:
    """Give boxes, scores, classes and whether there is one, where each level has its
    best. boxes: [B, n, 4]; scores: [B, n, classes]; levels: how many of n each has."""
    classes, parts, start = scores.shape[-1], [], 0
    scores = ops.reshape(scores, (-1, sum(levels) * classes))
    for number in levels:
        part = scores[:, start : start + number * classes]
        parts.append(start + ops.argsort(-part, -1)[:, : s.most])
        start += number * classes
    chosen = ops.concatenate(parts, 1)
    boxes = _at(boxes, chosen // classes)
    scores, of = ops.take_along_axis(scores, chosen, 1), chosen % classes
    nms = NMS(threshold=s.threshold, limit=s.limit)
    kept, valid = nms.select_by_class(boxes, scores, scores > s.least, of)
    return (
        ops.where(valid[:, :, None], _at(boxes, kept), 0.0),
        ops.where(valid, ops.take_along_axis(scores, kept, 1), 0.0),
        ops.where(valid, ops.take_along_axis(of, kept, 1), 0),
        ops.cast(valid, "int32"),
    )


def _at(boxes: KerasTensor, places: KerasTensor) -> KerasTensor:
    return ops.take_along_axis(boxes, places[:, :, None], 1)
