"""SSD in JAX (Flax NNX), BHWC.

Spec, names, paper: shared/specs/vision/ssd.py.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from jax_impl import boxes, definitions
from jax_impl.layers import Activation, MaxPool, conv, detected, unit
from jax_impl.precision import exact
from shared.specs.base import ConvSpec
from shared.specs.vision.ssd import SSDSpec


def stage(convs: tuple[ConvSpec, ...], *, rngs: nnx.Rngs) -> list[nnx.Module]:
    return [layer for c in convs for layer in (conv(c, rngs=rngs), Activation("relu"))]


def features(spec: SSDSpec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    """Build VGG until the maps that the first anchors stand on."""
    first, *others = spec.convs
    found = stage(first, rngs=rngs)
    for pool, convs in zip(spec.pools, others, strict=True):
        found += [MaxPool(pool), *stage(convs, rngs=rngs)]
    return nnx.Sequential(*found)


def deep(spec: SSDSpec, *, rngs: nnx.Rngs) -> nnx.Sequential:
    """Build VGG's last stage, and fc6 and fc7 as convolutions."""
    before, convs, behind, fc6, fc7 = spec.deep
    last = nnx.Sequential(MaxPool(behind), *stage((fc6, fc7), rngs=rngs))
    return nnx.Sequential(MaxPool(before), *stage(convs, rngs=rngs), last)


class Backbone(nnx.Module):
    """The maps that anchors stand on (fig. 2)."""

    def __init__(self, spec: SSDSpec, *, rngs: nnx.Rngs):
        self.scale_weight = nnx.Param(jnp.zeros(spec.c_outs[0]))
        self.features = features(spec, rngs=rngs)
        blocks = [nnx.Sequential(*stage(convs, rngs=rngs)) for convs in spec.blocks]
        self.extra = nnx.List([deep(spec, rngs=rngs), *blocks])

    def __call__(self, x: Array) -> tuple[Array, ...]:
        x = self.features(x)  # [B, 38, 38, 512]
        maps = [self.scale_weight[...] * unit(x)]
        for block in self.extra:
            x = block(x)
            maps.append(x)
        return tuple(maps)


class ScoringHead(nnx.Module):
    """So many numbers for each anchor of each map."""

    def __init__(self, convs: tuple[ConvSpec, ...], columns: int, *, rngs: nnx.Rngs):
        self.module_list = nnx.List(conv(c, rngs=rngs) for c in convs)
        self.columns = columns

    def __call__(self, maps: tuple[Array, ...]) -> Array:
        said = [
            layer(x).reshape(len(x), -1)
            for layer, x in zip(self.module_list, maps, strict=True)
        ]
        whole = jnp.concatenate(said, 1)
        return whole.reshape(len(whole), -1, self.columns)  # [B, anchors, columns]


class Head(nnx.Module):
    def __init__(self, spec: SSDSpec, *, rngs: nnx.Rngs):
        self.classification_head = ScoringHead(spec.of_classes, spec.classes, rngs=rngs)
        self.regression_head = ScoringHead(spec.of_boxes, 4, rngs=rngs)

    def __call__(self, maps: tuple[Array, ...]) -> tuple[Array, Array]:
        return self.classification_head(maps), self.regression_head(maps)


class SSD(nnx.Module):
    def __init__(self, spec: SSDSpec, *, rngs: nnx.Rngs):
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
        scores = jax.nn.softmax(logits, -1)[:, :, 1:]  # without the background
        places, scores, classes, there = detected(spec.detecting, places, scores)
        return places, scores, classes + there, there
