"""What detectors find, of what they say of every place. Definition:
shared/definitions/detecting.py."""

import jax.numpy as jnp
from jax import Array

from jax_impl.boxes import NMS
from shared.definitions.detecting import Detecting


def detected(
    s: Detecting, boxes: Array, scores: Array
) -> tuple[Array, Array, Array, Array]:
    """Give boxes, scores, classes and whether there is one. boxes: [B, n, 4] or [B, n,
    classes, 4]; scores: [B, n, classes]."""
    batch, n, _ = scores.shape
    if boxes.ndim == 3:
        boxes = jnp.broadcast_to(boxes[:, :, None], (*scores.shape, 4))
    boxes = boxes.swapaxes(1, 2).reshape(-1, n, 4)  # [B * classes, n, 4]
    scores = scores.swapaxes(1, 2).reshape(-1, n)
    best = scores.argsort(-1, stable=True, descending=True)[:, : s.most]
    boxes, scores = _at(boxes, best), jnp.take_along_axis(scores, best, 1)
    nms = NMS(threshold=s.threshold, limit=min(s.limit, best.shape[1]))
    kept, valid = nms.select(boxes, scores, scores > s.least)
    boxes, scores = _at(boxes, kept), jnp.take_along_axis(scores, kept, 1)
    boxes = boxes.reshape(batch, -1, 4)  # [B, classes * kept, 4]
    scores, valid = scores.reshape(batch, -1), valid.reshape(batch, -1)
    ranked = jnp.where(valid, scores, -jnp.inf)
    order = ranked.argsort(-1, stable=True, descending=True)[:, : s.limit]
    of = order // kept.shape[1]
    valid = jnp.take_along_axis(valid, order, 1)
    boxes = jnp.where(valid[:, :, None], _at(boxes, order), 0.0)
    scores = jnp.where(valid, jnp.take_along_axis(scores, order, 1), 0.0)
    missing = (0, 0), (0, s.limit - order.shape[1])
    return (
        jnp.pad(boxes, (*missing, (0, 0))),
        jnp.pad(scores, missing),
        jnp.pad(jnp.where(valid, of, 0), missing),
        jnp.pad(valid.astype(jnp.int32), missing),
    )


def detected_of_levels(
    s: Detecting, boxes: Array, scores: Array, levels: tuple[int, ...]
) -> tuple[Array, Array, Array, Array]:
    """Give boxes, scores, classes and whether there is one, where each level has its
    best. boxes: [B, n, 4]; scores: [B, n, classes]; levels: how many of n each has."""
    classes, parts, start = scores.shape[-1], [], 0
    scores = scores.reshape(len(scores), -1)
    for number in levels:
        part = scores[:, start : start + number * classes]
        best = part.argsort(-1, stable=True, descending=True)[:, : s.most]
        parts.append(start + best)
        start += number * classes
    chosen = jnp.concatenate(parts, 1)
    boxes = _at(boxes, chosen // classes)
    scores, of = jnp.take_along_axis(scores, chosen, 1), chosen % classes
    nms = NMS(threshold=s.threshold, limit=s.limit)
    kept, valid = nms.select_by_class(boxes, scores, scores > s.least, of)
    return (
        jnp.where(valid[:, :, None], _at(boxes, kept), 0.0),
        jnp.where(valid, jnp.take_along_axis(scores, kept, 1), 0.0),
        jnp.where(valid, jnp.take_along_axis(of, kept, 1), 0),
        valid.astype(jnp.int32),
    )


def _at(boxes: Array, places: Array) -> Array:
    return jnp.take_along_axis(boxes, places[:, :, None], 1)
