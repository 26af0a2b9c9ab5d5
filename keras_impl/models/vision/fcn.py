"""FCN, DeepLabV3 and LR-ASPP in Keras 3, BHWC.

Spec, names, papers: shared/specs/vision/fcn.py.
"""

import keras
from keras import KerasTensor, ops
from keras.layers import ReLU

from keras_impl.layers import (
    Activation,
    MapDropout,
    MapMean,
    SpecModel,
    conv,
    max_pool,
    norm,
    resize,
)
from keras_impl.models.vision.mobilenet_v3 import InvertedResidual, conv_norm
from keras_impl.models.vision.resnet import Bottleneck
from shared.specs.base import ConvSpec
from shared.specs.vision.fcn import (
    DeepLabV3Spec,
    FCNSpec,
    Head,
    LRASPPSpec,
    TrunkSpec,
)

AnySpec = FCNSpec | DeepLabV3Spec


class Trunk(keras.Layer):
    """A ResNet without its last layer: what each stage puts out."""

    def __init__(self, s: TrunkSpec):
        super().__init__()
        self.s = s
        stages = [[Bottleneck(b, s) for b in stage] for stage in s.stages]
        self.conv1 = conv(s.stem)
        self.bn1 = norm(s.stem.c_out, s)
        self.layer1 = stages[0]
        self.layer2 = stages[1]
        self.layer3 = stages[2]
        self.layer4 = stages[3]

    def call(self, x: KerasTensor) -> tuple[KerasTensor, ...]:
        x = ops.relu(self.bn1(self.conv1(x)))  # [B, H/2, W/2, 64]
        x = max_pool(x, self.s.stem_pool)  # [B, H/4, W/4, 64]
        maps = []
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in blocks:
                x = block(x)
            maps.append(x)
        return tuple(maps)


def unit(c: ConvSpec, s: TrunkSpec) -> list[keras.Layer]:
    return [conv(c), norm(c.c_out, s), ReLU()]


def head(convs: Head, spec: AnySpec) -> list[keras.Layer]:
    """Make what FCN says of maps, and DeepLabV3 of the third stage's."""
    c1, c2 = convs
    dropout = MapDropout(spec.head_dropout)
    return [*unit(c1, spec.trunk), dropout, conv(c2)]


class ASPP(keras.Layer):
    """Branches that look near and far, and at all of the picture (fig. 5)."""

    def __init__(self, spec: DeepLabV3Spec):
        super().__init__()
        s, pooled = spec.trunk, unit(spec.pooled, spec.trunk)
        self.convs = [keras.Sequential(unit(c, s)) for c in spec.branches]
        self.convs.append(keras.Sequential([MapMean(), *pooled]))
        project = unit(spec.project, s)
        self.project = keras.Sequential([*project, MapDropout(spec.dropout)])

    def call(self, x: KerasTensor) -> KerasTensor:
        *branches, pooled = self.convs
        found = [branch(x) for branch in branches]  # [B, H/8, W/8, 256]
        found.append(resize(pooled(x), x.shape[1:3]))
        return self.project(ops.concatenate(found, -1))


def classifier(spec: AnySpec) -> list[keras.Layer]:
    if isinstance(spec, FCNSpec):
        return head(spec.head, spec)
    convs = unit(spec.conv, spec.trunk)
    return [ASPP(spec), *convs, conv(spec.out)]


class Segmenter(SpecModel):
    def segment(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image, training=False)
        best, next_best = ops.unstack(ops.top_k(logits, 2)[0], axis=-1)
        return ops.argmax(logits, -1), best - next_best


class FCN(Segmenter):
    def __init__(self, spec: AnySpec):
        super().__init__(spec)
        self.backbone = Trunk(spec.trunk)
        self.classifier = classifier(spec)
        if spec.auxiliary:
            self.aux_classifier = head(spec.aux_head, spec)

    def call(
        self, image: KerasTensor, training: bool | None = None
    ) -> KerasTensor | tuple[KerasTensor, ...]:
        *_, third, x = self.backbone(image)  # [B, H/8, W/8, 2048]
        for layer in self.classifier:
            x = layer(x)
        logits = resize(x, image.shape[1:3])  # [B, H, W, classes]
        if not (training and self.spec.auxiliary):
            return logits
        for layer in self.aux_classifier:
            third = layer(third)
        return logits, resize(third, image.shape[1:3])


class DeepLabV3(FCN):
    """Another classifier on the same trunk."""


class LiteHead(keras.Layer):
    """What the high maps say, weighed by their means, beside the low ones (fig. 10)."""

    def __init__(self, spec: LRASPPSpec):
        super().__init__()
        high = spec.high
        self.cbr = keras.Sequential(
            [conv(high), norm(high.c_out, spec.head_norm), ReLU()]
        )
        self.scale = keras.Sequential([MapMean(), conv(high), Activation("sigmoid")])
        self.low_classifier = conv(spec.low_classifier)
        self.high_classifier = conv(spec.high_classifier)

    def call(self, low: KerasTensor, high: KerasTensor) -> KerasTensor:
        x = self.cbr(high) * self.scale(high)  # [B, H/16, W/16, 128]
        x = resize(x, low.shape[1:3])
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(Segmenter):
    def __init__(self, spec: LRASPPSpec):
        super().__init__(spec)
        self.backbone = [
            conv_norm(spec.stem, spec, "hard_swish"),
            *[InvertedResidual(b, spec) for b in spec.blocks],
            conv_norm(spec.last, spec, "hard_swish"),
        ]
        self.classifier = LiteHead(spec)

    def call(self, image: KerasTensor) -> KerasTensor:
        x, maps = image, []
        for part in self.backbone:
            x = part(x)
            maps.append(x)
        x = self.classifier(maps[self.spec.low], x)  # [B, H/8, W/8, classes]
        return resize(x, image.shape[1:3])  # [B, H, W, classes]
