"""What detectors find, of what they say of every place. Definition:
shared/definitions/detecting.py."""

import torch
import torch.nn.functional as F
from torch import Tensor

from pytorch_impl.boxes import NMS
from shared.definitions.detecting import Detecting


def detected(
    s: Detecting, boxes: Tensor, scores: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give boxes, scores, classes and whether there is one. boxes: [B, n, 4] or [B, n,
    classes, 4]; scores: [B, n, classes]."""
    batch, n, classes = scores.shape
    if boxes.ndim == 3:
        boxes = boxes[:, :, None].expand(-1, -1, classes, -1)
    boxes = boxes.transpose(1, 2).reshape(-1, n, 4)  # [B * classes, n, 4]
    scores = scores.transpose(1, 2).reshape(-1, n)
    # DIFF(equal-values): torch's sort takes equal values in any order.
    best = scores.argsort(dim=-1, descending=True, stable=True)[:, : s.most]
    boxes, scores = _at(boxes, best), scores.gather(1, best)
    nms = NMS(threshold=s.threshold, limit=min(s.limit, best.shape[1]))
    kept, valid = nms.select(boxes, scores, scores > s.least)
    boxes, scores = _at(boxes, kept), scores.gather(1, kept)
    boxes = boxes.reshape(batch, -1, 4)  # [B, classes * kept, 4]
    scores, valid = scores.reshape(batch, -1), valid.reshape(batch, -1)
    ranked = torch.where(valid, scores, -torch.inf)
    order = ranked.argsort(dim=-1, descending=True, stable=True)[:, : s.limit]
    of = order // kept.shape[1]
    valid = valid.gather(1, order)
    boxes = torch.where(valid[:, :, None], _at(boxes, order), 0.0)
    scores = torch.where(valid, scores.gather(1, order), 0.0)
    missing = (0, s.limit - order.shape[1])
    return (
        F.pad(boxes, (0, 0, *missing)),
        F.pad(scores, missing),
        F.pad(torch.where(valid, of, 0), missing),
        F.pad(valid.long(), missing),
    )


def detected_of_levels(
    s: Detecting, boxes: Tensor, scores: Tensor, levels: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give boxes, scores, classes and whether there is one, where each level has its
    best. boxes: [B, n, 4]; scores: [B, n, classes]; levels: how many of n each has."""
    classes, parts, start = scores.shape[-1], [], 0
    scores = scores.flatten(1)
    for part in torch.split(scores, [number * classes for number in levels], 1):
        best = part.argsort(dim=-1, descending=True, stable=True)[:, : s.most]
        parts.append(start + best)
        start += part.shape[1]
    chosen = torch.cat(parts, 1)
    boxes, scores = _at(boxes, chosen // classes), scores.gather(1, chosen)
    of = chosen % classes
    nms = NMS(threshold=s.threshold, limit=s.limit)
    kept, valid = nms.select_by_class(boxes, scores, scores > s.least, of)
    return (
        torch.where(valid[:, :, None], _at(boxes, kept), 0.0),
        torch.where(valid, scores.gather(1, kept), 0.0),
        torch.where(valid, of.gather(1, kept), 0),
        valid.long(),
    )


def _at(boxes: Tensor, places: Tensor) -> Tensor:
    return boxes.gather(1, places[:, :, None].expand(-1, -1, 4))
