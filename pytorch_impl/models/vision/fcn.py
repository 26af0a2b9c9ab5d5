"""FCN, DeepLabV3 and LR-ASPP in PyTorch, BCHW.

Spec, names, papers: shared/specs/vision/fcn.py.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pytorch_impl.layers import Dropout, MapMean, conv, max_pool, norm, resize
from pytorch_impl.models.vision.mobilenet_v3 import InvertedResidual, conv_norm
from pytorch_impl.models.vision.resnet import Bottleneck
from shared.specs.base import ConvSpec
from shared.specs.vision.fcn import (
    DeepLabV3Spec,
    FCNSpec,
    Head,
    LRASPPSpec,
    TrunkSpec,
)

AnySpec = FCNSpec | DeepLabV3Spec


class Trunk(nn.Module):
    """A ResNet without its last layer: what each stage puts out."""

    def __init__(self, s: TrunkSpec):
        super().__init__()
        self.s = s
        stages = [[Bottleneck(b, s) for b in stage] for stage in s.stages]
        self.conv1 = conv(s.stem)
        self.bn1 = norm(s.stem.c_out, s)
        self.layer1 = nn.ModuleList(stages[0])
        self.layer2 = nn.ModuleList(stages[1])
        self.layer3 = nn.ModuleList(stages[2])
        self.layer4 = nn.ModuleList(stages[3])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = F.relu_(self.bn1(self.conv1(x)))  # [B, 64, H/2, W/2]
        x = max_pool(x, self.s.stem_pool)  # [B, 64, H/4, W/4]
        maps = []
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in blocks:
                x = block(x)
            maps.append(x)
        return tuple(maps)


def unit(c: ConvSpec, s: TrunkSpec) -> nn.Sequential:
    return nn.Sequential(conv(c), norm(c.c_out, s), nn.ReLU())


def head(convs: Head, spec: AnySpec) -> nn.ModuleList:
    """Make what FCN says of maps, and DeepLabV3 of the third stage's."""
    c1, c2 = convs
    dropout = Dropout(spec.head_dropout)
    return nn.ModuleList([*unit(c1, spec.trunk), dropout, conv(c2)])


class ASPP(nn.Module):
    """Branches that look near and far, and at all of the picture (fig. 5)."""

    def __init__(self, spec: DeepLabV3Spec):
        super().__init__()
        s, pooled = spec.trunk, unit(spec.pooled, spec.trunk)
        self.convs = nn.ModuleList(unit(c, s) for c in spec.branches)
        self.convs.append(nn.Sequential(MapMean(), *pooled))
        self.project = nn.Sequential(*unit(spec.project, s), Dropout(spec.dropout))

    def forward(self, x: Tensor) -> Tensor:
        *branches, pooled = self.convs
        found = [branch(x) for branch in branches]  # [B, 256, H/8, W/8]
        found.append(resize(pooled(x), x.shape[2:]))
        return self.project(torch.cat(found, 1))


def classifier(spec: AnySpec) -> nn.ModuleList:
    if isinstance(spec, FCNSpec):
        return head(spec.head, spec)
    convs = unit(spec.conv, spec.trunk)
    return nn.ModuleList([ASPP(spec), *convs, conv(spec.out)])


class Segmenter(nn.Module):
    def segment(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image)
        best, next_best = logits.topk(2)[0].unbind(-1)
        return logits.argmax(-1), best - next_best


class FCN(Segmenter):
    def __init__(self, spec: AnySpec):
        super().__init__()
        self.spec = spec
        self.backbone = Trunk(spec.trunk)
        self.classifier = classifier(spec)
        if spec.auxiliary:
            self.aux_classifier = head(spec.aux_head, spec)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, ...]:
        *_, third, x = self.backbone(image)  # [B, 2048, H/8, W/8]
        for layer in self.classifier:
            x = layer(x)
        logits = resize(x, image.shape[2:]).permute(0, 2, 3, 1)  # [B, H, W, classes]
        if not (self.training and self.spec.auxiliary):
            return logits
        for layer in self.aux_classifier:
            third = layer(third)
        return logits, resize(third, image.shape[2:]).permute(0, 2, 3, 1)


class DeepLabV3(FCN):
    """Another classifier on the same trunk."""


class LiteHead(nn.Module):
    """What the high maps say, weighed by their means, beside the low ones (fig. 10)."""

    def __init__(self, spec: LRASPPSpec):
        super().__init__()
        high = spec.high
        self.cbr = nn.Sequential(
            conv(high), norm(high.c_out, spec.head_norm), nn.ReLU()
        )
        self.scale = nn.Sequential(MapMean(), conv(high), nn.Sigmoid())
        self.low_classifier = conv(spec.low_classifier)
        self.high_classifier = conv(spec.high_classifier)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        x = self.cbr(high) * self.scale(high)  # [B, 128, H/16, W/16]
        x = resize(x, low.shape[2:])
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(Segmenter):
    def __init__(self, spec: LRASPPSpec):
        super().__init__()
        self.spec = spec
        self.backbone = nn.ModuleList(
            [
                conv_norm(spec.stem, spec, "hard_swish"),
                *[InvertedResidual(b, spec) for b in spec.blocks],
                conv_norm(spec.last, spec, "hard_swish"),
            ]
        )
        self.classifier = LiteHead(spec)

    def forward(self, image: Tensor) -> Tensor:
        x, maps = image, []
        for part in self.backbone:
            x = part(x)
            maps.append(x)
        x = self.classifier(maps[self.spec.low], x)  # [B, classes, H/8, W/8]
        return resize(x, image.shape[2:]).permute(0, 2, 3, 1)  # [B, H, W, classes]
