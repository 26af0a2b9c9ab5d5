"""FCN, DeepLabV3 and LR-ASPP in JAX (Flax NNX), BHWC.

Spec, names, papers: shared/specs/vision/fcn.py.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl.layers import (
    Activation,
    MapDropout,
    MapMean,
    conv,
    max_pool,
    norm,
    resize,
)
from jax_impl.models.vision.mobilenet_v3 import InvertedResidual, conv_norm
from jax_impl.models.vision.resnet import Bottleneck
from shared.specs.base import ConvSpec
from shared.specs.vision.fcn import (
    DeepLabV3Spec,
    FCNSpec,
    Head,
    LRASPPSpec,
    TrunkSpec,
)

AnySpec = FCNSpec | DeepLabV3Spec


class Trunk(nnx.Module):
    """A ResNet without its last layer: what each stage puts out."""

    def __init__(self, s: TrunkSpec, *, rngs: nnx.Rngs):
        self.s = s
        stages = [[Bottleneck(b, s, rngs=rngs) for b in stage] for stage in s.stages]
        self.conv1 = conv(s.stem, rngs=rngs)
        self.bn1 = norm(s.stem.c_out, s, rngs=rngs)
        self.layer1 = nnx.List(stages[0])
        self.layer2 = nnx.List(stages[1])
        self.layer3 = nnx.List(stages[2])
        self.layer4 = nnx.List(stages[3])

    def __call__(self, x: Array) -> tuple[Array, ...]:
        x = nnx.relu(self.bn1(self.conv1(x)))  # [B, H/2, W/2, 64]
        x = max_pool(x, self.s.stem_pool)  # [B, H/4, W/4, 64]
        maps = []
        for blocks in (self.layer1, self.layer2, self.layer3, self.layer4):
            for block in blocks:
                x = block(x)
            maps.append(x)
        return tuple(maps)


def unit(c: ConvSpec, s: TrunkSpec, *, rngs: nnx.Rngs) -> list[nnx.Module]:
    return [conv(c, rngs=rngs), norm(c.c_out, s, rngs=rngs), Activation("relu")]


def head(convs: Head, spec: AnySpec, *, rngs: nnx.Rngs) -> nnx.List:
    """Make what FCN says of maps, and DeepLabV3 of the third stage's."""
    c1, c2 = convs
    dropout = MapDropout(spec.head_dropout, rngs=rngs)
    return nnx.List([*unit(c1, spec.trunk, rngs=rngs), dropout, conv(c2, rngs=rngs)])


class ASPP(nnx.Module):
    """Branches that look near and far, and at all of the picture (fig. 5)."""

    def __init__(self, spec: DeepLabV3Spec, *, rngs: nnx.Rngs):
        s = spec.trunk
        branches = [unit(c, s, rngs=rngs) for c in spec.branches]
        pooled = unit(spec.pooled, s, rngs=rngs)
        self.convs = nnx.List(nnx.Sequential(*branch) for branch in branches)
        self.convs.append(nnx.Sequential(MapMean(), *pooled))
        project = unit(spec.project, s, rngs=rngs)
        self.project = nnx.Sequential(*project, MapDropout(spec.dropout, rngs=rngs))

    def __call__(self, x: Array) -> Array:
        *branches, pooled = self.convs
        found = [branch(x) for branch in branches]  # [B, H/8, W/8, 256]
        found.append(resize(pooled(x), x.shape[1:3]))
        return self.project(jnp.concatenate(found, -1))


def classifier(spec: AnySpec, *, rngs: nnx.Rngs) -> nnx.List:
    if isinstance(spec, FCNSpec):
        return head(spec.head, spec, rngs=rngs)
    convs = unit(spec.conv, spec.trunk, rngs=rngs)
    return nnx.List([ASPP(spec, rngs=rngs), *convs, conv(spec.out, rngs=rngs)])


class Segmenter(nnx.Module):
    def segment(self, image: Array) -> tuple[Array, Array]:
        """Give each pixel's class, and by how much its logit is above the next."""
        logits = self(image)
        best, next_best = jnp.unstack(jax.lax.top_k(logits, 2)[0], axis=-1)
        return logits.argmax(-1), best - next_best


class FCN(Segmenter):
    def __init__(self, spec: AnySpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.deterministic = False
        self.backbone = Trunk(spec.trunk, rngs=rngs)
        self.classifier = classifier(spec, rngs=rngs)
        if spec.auxiliary:
            self.aux_classifier = head(spec.aux_head, spec, rngs=rngs)

    def __call__(self, image: Array) -> Array | tuple[Array, ...]:
        *_, third, x = self.backbone(image)  # [B, H/8, W/8, 2048]
        for layer in self.classifier:
            x = layer(x)
        logits = resize(x, image.shape[1:3])  # [B, H, W, classes]
        if self.deterministic or not self.spec.auxiliary:
            return logits
        for layer in self.aux_classifier:
            third = layer(third)
        return logits, resize(third, image.shape[1:3])


class DeepLabV3(FCN):
    """Another classifier on the same trunk."""


class LiteHead(nnx.Module):
    """What the high maps say, weighed by their means, beside the low ones (fig. 10)."""

    def __init__(self, spec: LRASPPSpec, *, rngs: nnx.Rngs):
        high = spec.high
        self.cbr = nnx.Sequential(
            conv(high, rngs=rngs),
            norm(high.c_out, spec.head_norm, rngs=rngs),
            Activation("relu"),
        )
        self.scale = nnx.Sequential(
            MapMean(), conv(high, rngs=rngs), Activation("sigmoid")
        )
        self.low_classifier = conv(spec.low_classifier, rngs=rngs)
        self.high_classifier = conv(spec.high_classifier, rngs=rngs)

    def __call__(self, low: Array, high: Array) -> Array:
        x = self.cbr(high) * self.scale(high)  # [B, H/16, W/16, 128]
        x = resize(x, low.shape[1:3])
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(Segmenter):
    def __init__(self, spec: LRASPPSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.backbone = nnx.List(
            [
                conv_norm(spec.stem, spec, "hard_swish", rngs=rngs),
                *[InvertedResidual(b, spec, rngs=rngs) for b in spec.blocks],
                conv_norm(spec.last, spec, "hard_swish", rngs=rngs),
            ]
        )
        self.classifier = LiteHead(spec, rngs=rngs)

    def __call__(self, image: Array) -> Array:
        x, maps = image, []
        for part in self.backbone:
            x = part(x)
            maps.append(x)
        x = self.classifier(maps[self.spec.low], x)  # [B, H/8, W/8, classes]
        return resize(x, image.shape[1:3])  # [B, H, W, classes]
