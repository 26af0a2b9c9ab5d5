"""SSD in PyTorch, BCHW.

Spec, names, paper: shared/specs/vision/ssd.py.
"""

import torch
from torch import Tensor, nn

from pytorch_impl import boxes, definitions
from pytorch_impl.layers import MaxPool2d, conv, detected, unit
from pytorch_impl.precision import exact
from shared.specs.base import ConvSpec
from shared.specs.vision.ssd import SSDSpec


def stage(convs: tuple[ConvSpec, ...]) -> list[nn.Module]:
    return [layer for c in convs for layer in (conv(c), nn.ReLU())]


def features(spec: SSDSpec) -> nn.Sequential:
    """Build VGG until the maps that the first anchors stand on."""
    first, *others = spec.convs
    found = stage(first)
    for pool, convs in zip(spec.pools, others, strict=True):
        found += [MaxPool2d(pool), *stage(convs)]
    return nn.Sequential(*found)


def deep(spec: SSDSpec) -> nn.Sequential:
    """Build VGG's last stage, and fc6 and fc7 as convolutions."""
    before, convs, behind, fc6, fc7 = spec.deep
    last = nn.Sequential(MaxPool2d(behind), *stage((fc6, fc7)))
    return nn.Sequential(MaxPool2d(before), *stage(convs), last)


class Backbone(nn.Module):
    """The maps that anchors stand on (fig. 2)."""

    def __init__(self, spec: SSDSpec):
        super().__init__()
        self.scale_weight = nn.Parameter(torch.zeros(spec.c_outs[0]))
        self.features = features(spec)
        blocks = [nn.Sequential(*stage(convs)) for convs in spec.blocks]
        self.extra = nn.ModuleList([deep(spec), *blocks])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.features(x)  # [B, 512, 38, 38]
        normed = self.scale_weight * unit(x.permute(0, 2, 3, 1))
        maps = [normed.permute(0, 3, 1, 2)]
        for block in self.extra:
            x = block(x)
            maps.append(x)
        return tuple(maps)


class ScoringHead(nn.Module):
    """So many numbers for each anchor of each map."""

    def __init__(self, convs: tuple[ConvSpec, ...], columns: int):
        super().__init__()
        self.module_list = nn.ModuleList(conv(c) for c in convs)
        self.columns = columns

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        said = [
            layer(x).permute(0, 2, 3, 1).flatten(1)
            for layer, x in zip(self.module_list, maps, strict=True)
        ]
        whole = torch.cat(said, 1)
        return whole.reshape(len(whole), -1, self.columns)  # [B, anchors, columns]


class Head(nn.Module):
    def __init__(self, spec: SSDSpec):
        super().__init__()
        self.classification_head = ScoringHead(spec.of_classes, spec.classes)
        self.regression_head = ScoringHead(spec.of_boxes, 4)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        return self.classification_head(maps), self.regression_head(maps)


class SSD(nn.Module):
    def __init__(self, spec: SSDSpec):
        super().__init__()
        self.spec = spec
        self.backbone = Backbone(spec)
        self.head = Head(spec)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.head(self.backbone(image))

    def detect(self, image: Tensor) -> tuple[Tensor, ...]:
        """Give boxes in pixels, the best first, their scores and classes, and which of
        them are there."""
        spec = self.spec
        coder = boxes.BoxCoder(**definitions.settings(spec.coder))
        with exact(self(image)) as (logits, codes):
            places = coder.decode(codes, codes.new_tensor(spec.anchors))
            places = boxes.clipped(places, codes.new_tensor(spec.image_size))
            scores = logits.softmax(-1)[:, :, 1:]  # without the background
            places, scores, classes, there = detected(spec.detecting, places, scores)
        return places, scores, classes + there, there
