"""What anchors find. Objectives: shared/objectives/detection.py."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jax_impl import boxes, definitions
from jax_impl.precision import exact
from shared.objectives.detection import FocalDetection, MultiBox

Arrays = tuple[Array, ...]


def multibox(
    s: MultiBox, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    truths, *others = targets
    said, codes, truths = exact((*model(*inputs), truths))
    found, wanted, off = matched(s, model, codes, (truths, *others))
    hit = found >= 0  # [B, anchors]
    number = hit.sum(1, keepdims=True)
    right = jnp.take_along_axis(said, wanted[:, :, None], 2)[:, :, 0]
    each = jax.nn.logsumexp(said, -1) - right
    counts = hit | hardest(jax.lax.stop_gradient(each), hit, s.ratio * number)
    total = jnp.maximum(number.sum(), 1)
    of_classes = jnp.where(counts, each, 0.0).sum() / total
    of_boxes = off.sum() / total
    loss = of_classes + of_boxes
    return {"loss": loss, "classes": of_classes, "boxes": of_boxes}


def focal_detection(
    s: FocalDetection, model: Any, inputs: Arrays, targets: Arrays, noise: Arrays
) -> dict[str, Array]:
    truths, *others = targets
    said, codes, truths = exact((*model(*inputs), truths))
    found, wanted, off = matched(s, model, codes, (truths, *others))
    counts = found != boxes.BETWEEN  # [B, anchors]
    number = jnp.maximum((found >= 0).sum(1), 1)
    numbers = jnp.arange(said.shape[-1])
    there = (wanted[:, :, None] == numbers) & (found >= 0)[:, :, None]
    each = focal(s, said, there).sum(-1)
    of_classes = (jnp.where(counts, each, 0.0).sum(1) / number).mean()
    of_boxes = (off.sum(1) / number).mean()
    loss = of_classes + of_boxes
    return {"loss": loss, "classes": of_classes, "boxes": of_boxes}


def matched(
    s: MultiBox | FocalDetection, model: Any, codes: Array, targets: Arrays
) -> Arrays:
    """Give which box each anchor is to find, of which class it is, and how far the
    code is off."""
    truths, classes, there = targets
    anchors = jnp.asarray(model.spec.anchors, codes.dtype)
    matching = boxes.Matching(**definitions.settings(s.matching))
    found = matching.assign(anchors, truths, there > 0)
    which = jnp.maximum(found, 0)
    own = jnp.take_along_axis(truths, which[:, :, None], 1)
    coder = boxes.BoxCoder(**definitions.settings(s.coder))
    apart = jnp.abs(codes - coder.encode(own, anchors))
    if s.beta:
        squared = 0.5 * apart**2 / s.beta
        apart = jnp.where(apart < s.beta, squared, apart - 0.5 * s.beta)
    hit = found >= 0
    off = jnp.where(hit, apart.sum(-1), 0.0)
    labels = jnp.take_along_axis(classes, which, 1)
    return found, jnp.where(hit, labels, 0), off


def hardest(losses: Array, hit: Array, number: Array) -> Array:
    """Choose in each picture so many of those that find no box, the largest first."""
    losses = jnp.where(hit, -jnp.inf, losses)
    order = losses.argsort(1, stable=True, descending=True)
    return (order.argsort(1) < number) & ~hit


def focal(s: FocalDetection, said: Array, there: Array) -> Array:
    sure = jnp.where(there, said, -said)
    weight = jnp.where(there, s.alpha, 1 - s.alpha).astype(said.dtype)
    return weight * jax.nn.sigmoid(-sure) ** s.gamma * jax.nn.softplus(-sure)
