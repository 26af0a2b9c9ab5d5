"""What anchors find. Objectives: shared/objectives/detection.py."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pytorch_impl import boxes, definitions
from pytorch_impl.precision import exact
from shared.objectives.detection import FocalDetection, MultiBox

Tensors = tuple[Tensor, ...]


def multibox(
    s: MultiBox, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    truths, *others = targets
    with exact((*model(*inputs), truths)) as (said, codes, truths):
        found, wanted, off = matched(s, model, codes, (truths, *others))
        hit = found >= 0  # [B, anchors]
        number = hit.sum(1, keepdim=True)
        each = F.cross_entropy(said.transpose(1, 2), wanted, reduction="none")
        counts = hit | hardest(each.detach(), hit, s.ratio * number)
        total = number.sum().clamp(min=1)
        of_classes = torch.where(counts, each, 0.0).sum() / total
        of_boxes = off.sum() / total
        loss = of_classes + of_boxes
    return {"loss": loss, "classes": of_classes, "boxes": of_boxes}


def focal_detection(
    s: FocalDetection, model: Any, inputs: Tensors, targets: Tensors, noise: Tensors
) -> dict[str, Tensor]:
    truths, *others = targets
    with exact((*model(*inputs), truths)) as (said, codes, truths):
        found, wanted, off = matched(s, model, codes, (truths, *others))
        counts = found != boxes.BETWEEN  # [B, anchors]
        number = (found >= 0).sum(1).clamp(min=1)
        numbers = torch.arange(said.shape[-1], device=said.device)
        there = (wanted[:, :, None] == numbers) & (found >= 0)[:, :, None]
        each = focal(s, said, there).sum(-1)
        of_classes = (torch.where(counts, each, 0.0).sum(1) / number).mean()
        of_boxes = (off.sum(1) / number).mean()
        loss = of_classes + of_boxes
    return {"loss": loss, "classes": of_classes, "boxes": of_boxes}


def matched(
    s: MultiBox | FocalDetection, model: Any, codes: Tensor, targets: Tensors
) -> Tensors:
    """Give which box each anchor is to find, of which class it is, and how far the
    code is off."""
    truths, classes, there = targets
    anchors = codes.new_tensor(model.spec.anchors)
    matching = boxes.Matching(**definitions.settings(s.matching))
    found = matching.assign(anchors, truths, there > 0)
    which = found.clamp(min=0)
    own = truths.gather(1, which[:, :, None].expand(-1, -1, 4))
    coder = boxes.BoxCoder(**definitions.settings(s.coder))
    apart = (codes - coder.encode(own, anchors)).abs()
    if s.beta:
        squared = 0.5 * apart**2 / s.beta
        apart = torch.where(apart < s.beta, squared, apart - 0.5 * s.beta)
    hit = found >= 0
    off = torch.where(hit, apart.sum(-1), 0.0)
    return found, torch.where(hit, classes.long().gather(1, which), 0), off


def hardest(losses: Tensor, hit: Tensor, number: Tensor) -> Tensor:
    """Choose in each picture so many of those that find no box, the largest first."""
    losses = torch.where(hit, -torch.inf, losses)
    order = losses.argsort(dim=1, descending=True, stable=True)
    return (order.argsort(dim=1) < number) & ~hit


def focal(s: FocalDetection, said: Tensor, there: Tensor) -> Tensor:
    sure = torch.where(there, said, -said)
    weight = torch.where(there, s.alpha, 1 - s.alpha).to(said)
    return weight * torch.sigmoid(-sure) ** s.gamma * F.softplus(-sure)
