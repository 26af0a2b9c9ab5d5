"""RetinaNet in PyTorch, BCHW.

Spec, names, papers: shared/specs/vision/retinanet.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl import boxes, definitions
from pytorch_impl.layers import conv, detected_of_levels, repeat
from pytorch_impl.models.vision.fcn import Trunk
from pytorch_impl.precision import exact
from shared.specs.vision.retinanet import PyramidSpec, RetinaNetSpec


class LastLevels(nn.Module):
    """P6 and P7."""

    def __init__(self, s: PyramidSpec):
        super().__init__()
        self.p6 = conv(s.p6)
        self.p7 = conv(s.p7)

    def forward(self, p5: Tensor) -> tuple[Tensor, Tensor]:
        p6 = self.p6(p5)
        return p6, self.p7(F.relu(p6))


class Pyramid(nn.Module):
    """From the coarsest map down, each added to the next finer one (fig. 3)."""

    def __init__(self, s: PyramidSpec):
        super().__init__()
        self.inner_blocks = nn.ModuleList(nn.Sequential(conv(c)) for c in s.inner)
        self.layer_blocks = nn.ModuleList(nn.Sequential(conv(c)) for c in s.outer)
        self.extra_blocks = LastLevels(s)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        *finer, x = [block(x) for block, x in zip(self.inner_blocks, maps, strict=True)]
        sums = [x]
        for beside in finer[::-1]:
            x = beside + repeat(x, beside.shape[2:])
            sums.insert(0, x)
        found = [block(x) for block, x in zip(self.layer_blocks, sums, strict=True)]
        return (*found, *self.extra_blocks(found[-1]))  # [B, 256, H/8, W/8] first


class Backbone(nn.Module):
    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.body = Trunk(spec.trunk)
        self.fpn = Pyramid(spec.pyramid)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        _, *maps = self.body(x)
        return self.fpn(tuple(maps))


def tower(spec: RetinaNetSpec) -> nn.ModuleList:
    towers = [conv(spec.tower) for _ in range(spec.depth)]
    return nn.ModuleList(nn.Sequential(c, nn.ReLU()) for c in towers)


class ClassificationHead(nn.Module):
    """What is said of the classes at every anchor."""

    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.columns = spec.classes
        self.conv = tower(spec)
        self.cls_logits = conv(spec.of_classes)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        return said(maps, self.conv, self.cls_logits, self.columns)


class RegressionHead(nn.Module):
    """The code of a box at every anchor."""

    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.conv = tower(spec)
        self.bbox_reg = conv(spec.of_boxes)

    def forward(self, maps: tuple[Tensor, ...]) -> Tensor:
        return said(maps, self.conv, self.bbox_reg, 4)


def said(
    maps: tuple[Tensor, ...], convs: nn.ModuleList, last: nn.Module, columns: int
) -> Tensor:
    """Give so many numbers for each anchor; the levels share the layers."""
    found = []
    for x in maps:
        for layer in convs:
            x = layer(x)
        found.append(last(x).permute(0, 2, 3, 1).flatten(1))
    whole = torch.cat(found, 1)
    return whole.reshape(len(whole), -1, columns)  # [B, anchors, columns]


class Head(nn.Module):
    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.classification_head = ClassificationHead(spec)
        self.regression_head = RegressionHead(spec)

    def forward(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        return self.classification_head(maps), self.regression_head(maps)


class RetinaNet(nn.Module):
    def __init__(self, spec: RetinaNetSpec):
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
            scores = logits.sigmoid()
            return detected_of_levels(spec.detecting, places, scores, spec.levels)
