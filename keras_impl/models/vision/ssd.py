"""SSD in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/ssd.py.
"""

import keras
from keras import KerasTensor, ops
from keras.layers import ReLU

from keras_impl import boxes, definitions
from keras_impl.layers import MaxPooling2D, SpecModel, conv, detected, unit
from keras_impl.precision import exact
from shared.specs.base import ConvSpec
from shared.specs.vision.ssd import SSDSpec


def stage(convs: tuple[ConvSpec, ...]) -> list[keras.Layer]:
    return [layer for c in convs for layer in (conv(c), ReLU())]


def features(spec: SSDSpec) -> keras.Sequential:
    """Build VGG until the maps that the first anchors stand on."""
    first, *others = spec.convs
    found = stage(first)
    for pool, convs in zip(spec.pools, others, strict=True):
        found += [MaxPooling2D(pool), *stage(convs)]
    return keras.Sequential(found)


def deep(spec: SSDSpec) -> keras.Sequential:
    """Build VGG's last stage, and fc6 and fc7 as convolutions."""
    before, convs, behind, fc6, fc7 = spec.deep
    last = keras.Sequential([MaxPooling2D(behind), *stage((fc6, fc7))])
    return keras.Sequential([MaxPooling2D(before), *stage(convs), last])


class Backbone(keras.Layer):
    """The maps that anchors stand on (fig. 2)."""

    def __init__(self, spec: SSDSpec):
        super().__init__()
        self.scale_weight = self.add_weight(
            (spec.c_outs[0],), "zeros", name="scale_weight"
        )
        self.features = features(spec)
        blocks = [keras.Sequential(stage(convs)) for convs in spec.blocks]
        self.extra = [deep(spec), *blocks]

    def call(self, x: KerasTensor) -> tuple[KerasTensor, ...]:
        x = self.features(x)  # [B, 38, 38, 512]
        maps = [self.scale_weight * unit(x)]
        for block in self.extra:
            x = block(x)
            maps.append(x)
        return tuple(maps)


class ScoringHead(keras.Layer):
    """So many numbers for each anchor of each map."""

    def __init__(self, convs: tuple[ConvSpec, ...], columns: int):
        super().__init__()
        self.module_list = [conv(c) for c in convs]
        self.columns = columns

    def call(self, maps: tuple[KerasTensor, ...]) -> KerasTensor:
        said = [
            ops.reshape(y, (-1, y.shape[1] * y.shape[2] * y.shape[3]))
            for layer, x in zip(self.module_list, maps, strict=True)
            for y in (layer(x),)
        ]
        whole = ops.concatenate(said, 1)
        number = whole.shape[1] // self.columns
        return ops.reshape(whole, (-1, number, self.columns))  # [B, anchors, columns]


class Head(keras.Layer):
    def __init__(self, spec: SSDSpec):
        super().__init__()
        self.classification_head = ScoringHead(spec.of_classes, spec.classes)
        self.regression_head = ScoringHead(spec.of_boxes, 4)

    def call(self, maps: tuple[KerasTensor, ...]) -> tuple[KerasTensor, KerasTensor]:
        return self.classification_head(maps), self.regression_head(maps)


class SSD(SpecModel):
    def __init__(self, spec: SSDSpec):
        super().__init__(spec)
        self.backbone = Backbone(spec)
        self.head = Head(spec)

    def call(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        return self.head(self.backbone(image))

    def detect(self, image: KerasTensor) -> tuple[KerasTensor, ...]:
        """Give boxes in pixels, the best first, their scores and classes, and which of
        them are there."""
        spec = self.spec
        coder = boxes.BoxCoder(**definitions.settings(spec.coder))
        logits, codes = exact(self(image, training=False))
        anchors = ops.convert_to_tensor(spec.anchors, codes.dtype)
        size = ops.convert_to_tensor(spec.image_size, codes.dtype)
        places = boxes.clipped(coder.decode(codes, anchors), size)
        scores = ops.softmax(logits, -1)[:, :, 1:]  # without the background
        places, scores, classes, there = detected(spec.detecting, places, scores)
        return places, scores, classes + there, there
