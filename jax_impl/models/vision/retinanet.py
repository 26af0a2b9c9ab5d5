"""RetinaNet in JAX (Flax NNX), BHWC.

Spec, names, papers: shared/specs/vision/retinanet.py.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl import boxes, definitions
from jax_impl.layers import Activation, conv, detected_of_levels, repeat
from jax_impl.models.vision.fcn import Trunk
from jax_impl.precision import exact
from shared.specs.vision.retinanet import PyramidSpec, RetinaNetSpec


class LastLevels(nnx.Module):
    """P6 and P7."""

    def __init__(self, s: PyramidSpec, *, rngs: nnx.Rngs):
        self.p6 = conv(s.p6, rngs=rngs)
        self.p7 = conv(s.p7, rngs=rngs)

    def __call__(self, p5: Array) -> tuple[Array, Array]:
        p6 = self.p6(p5)
        return p6, self.p7(nnx.relu(p6))


class Pyramid(nnx.Module):
    """From the coarsest map down, each added to the next finer one (fig. 3)."""

    def __init__(self, s: PyramidSpec, *, rngs: nnx.Rngs):
        inner, outer = (
            [nnx.Sequential(conv(c, rngs=rngs)) for c in convs]
            for convs in (s.inner, s.outer)
        )
        self.inner_blocks = nnx.List(inner)
        self.layer_blocks = nnx.List(outer)
        self.extra_blocks = LastLevels(s, rngs=rngs)

    def __call__(self, maps: tuple[Array, ...]) -> tuple[Array, ...]:
        *finer, x = [block(x) for block, x in zip(self.inner_blocks, maps, strict=True)]
        sums = [x]
        for beside in finer[::-1]:
            x = beside + repeat(x, beside.shape[1:3])
            sums.insert(0, x)
        found = [block(x) for block, x in zip(self.layer_blocks, sums, strict=True)]
        return (*found, *self.extra_blocks(found[-1]))  # [B, H/8, W/8, 256] first


class Backbone(nnx.Module):
    def __init__(self, spec: RetinaNetSpec, *, rngs: nnx.Rngs):
        self.body = Trunk(spec.trunk, rngs=rngs)
        self.fpn = Pyramid(spec.pyramid, rngs=rngs)

    def __call__(self, x: Array) -> tuple[Array, ...]:
        _, *maps = self.body(x)
        return self.fpn(tuple(maps))


def tower(spec: RetinaNetSpec, *, rngs: nnx.Rngs) -> nnx.List:
    towers = [conv(spec.tower, rngs=rngs) for _ in range(spec.depth)]
    return nnx.List(nnx.Sequential(c, Activation("relu")) for c in towers)


class ClassificationHead(nnx.Module):
    """What is said of the classes at every anchor."""

    def __init__(self, spec: RetinaNetSpec, *, rngs: nnx.Rngs):
        self.columns = spec.classes
        self.conv = tower(spec, rngs=rngs)
        self.cls_logits = conv(spec.of_classes, rngs=rngs)

    def __call__(self, maps: tuple[Array, ...]) -> Array:
        return said(maps, self.conv, self.cls_logits, self.columns)


class RegressionHead(nnx.Module):
    """The code of a box at every anchor."""

    def __init__(self, spec: RetinaNetSpec, *, rngs: nnx.Rngs):
        self.conv = tower(spec, rngs=rngs)
        self.bbox_reg = conv(spec.of_boxes, rngs=rngs)

    def __call__(self, maps: tuple[Array, ...]) -> Array:
        return said(maps, self.conv, self.bbox_reg, 4)


def said(
    maps: tuple[Array, ...], convs: nnx.List, last: nnx.Module, columns: int
) -> Array:
    """Give so many numbers for each anchor; the levels share the layers."""
    found = []
    for x in maps:
        for layer in convs:
            x = layer(x)
        found.append(last(x).reshape(len(x), -1))
    whole = jnp.concatenate(found, 1)
    return whole.reshape(len(whole), -1, columns)  # [B, anchors, columns]


class Head(nnx.Module):
    def __init__(self, spec: RetinaNetSpec, *, rngs: nnx.Rngs):
        self.classification_head = ClassificationHead(spec, rngs=rngs)
        self.regression_head = RegressionHead(spec, rngs=rngs)

    def __call__(self, maps: tuple[Array, ...]) -> tuple[Array, Array]:
        return self.classification_head(maps), self.regression_head(maps)


class RetinaNet(nnx.Module):
    def __init__(self, spec: RetinaNetSpec, *, rngs: nnx.Rngs):
        self.spec = spec
        self.backbone = Backbone(spec, rngs=rngs)
        self.head = Head(spec, rngs=rngs)

    def __call__(self, image: Array) -> tuple[Array, Array]:
        return self.head(self.backbone(image))

    def detect(self, image: Array) -> tuple[Array, ...]:
        """Give boxes in pixels, the best first, their scores and classes, and which of
        them are there."""
        spec = self.spec
        coder = boxes.BoxCoder(**definitions.settings(spec.coder))
        logits, codes = exact(self(image))
        places = coder.decode(codes, jnp.asarray(spec.anchors, codes.dtype))
        places = boxes.clipped(places, jnp.asarray(spec.image_size, codes.dtype))
        scores = jax.nn.sigmoid(logits)
        return detected_of_levels(spec.detecting, places, scores, spec.levels)
