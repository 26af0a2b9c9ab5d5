"""RetinaNet in Keras 3, BHWC.

Spec, names, papers: shared/specs/vision/retinanet.py.
"""

import keras
from keras import KerasTensor, ops
from keras.layers import ReLU

from keras_impl import boxes, definitions
from keras_impl.layers import SpecModel, conv, detected_of_levels, repeat
from keras_impl.models.vision.fcn import Trunk
from keras_impl.precision import exact
from shared.specs.vision.retinanet import PyramidSpec, RetinaNetSpec


class LastLevels(keras.Layer):
    """P6 and P7."""

    def __init__(self, s: PyramidSpec):
        super().__init__()
        self.p6 = conv(s.p6)
        self.p7 = conv(s.p7)

    def call(self, p5: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        p6 = self.p6(p5)
        return p6, self.p7(ops.relu(p6))


class Pyramid(keras.Layer):
    """From the coarsest map down, each added to the next finer one (fig. 3)."""

    def __init__(self, s: PyramidSpec):
        super().__init__()
        self.inner_blocks = [keras.Sequential([conv(c)]) for c in s.inner]
        self.layer_blocks = [keras.Sequential([conv(c)]) for c in s.outer]
        self.extra_blocks = LastLevels(s)

    def call(self, maps: tuple[KerasTensor, ...]) -> tuple[KerasTensor, ...]:
        *finer, x = [block(x) for block, x in zip(self.inner_blocks, maps, strict=True)]
        sums = [x]
        for beside in finer[::-1]:
            x = beside + repeat(x, beside.shape[1:3])
            sums.insert(0, x)
        found = [block(x) for block, x in zip(self.layer_blocks, sums, strict=True)]
        return (*found, *self.extra_blocks(found[-1]))  # [B, H/8, W/8, 256] first


class Backbone(keras.Layer):
    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.body = Trunk(spec.trunk)
        self.fpn = Pyramid(spec.pyramid)

    def call(self, x: KerasTensor) -> tuple[KerasTensor, ...]:
        _, *maps = self.body(x)
        return self.fpn(tuple(maps))


def tower(spec: RetinaNetSpec) -> list[keras.Layer]:
    towers = [conv(spec.tower) for _ in range(spec.depth)]
    return [keras.Sequential([c, ReLU()]) for c in towers]


class ClassificationHead(keras.Layer):
    """What is said of the classes at every anchor."""

    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.columns = spec.classes
        self.conv = tower(spec)
        self.cls_logits = conv(spec.of_classes)

    def call(self, maps: tuple[KerasTensor, ...]) -> KerasTensor:
        return said(maps, self.conv, self.cls_logits, self.columns)


class RegressionHead(keras.Layer):
    """The code of a box at every anchor."""

    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.conv = tower(spec)
        self.bbox_reg = conv(spec.of_boxes)

    def call(self, maps: tuple[KerasTensor, ...]) -> KerasTensor:
        return said(maps, self.conv, self.bbox_reg, 4)


def said(
    maps: tuple[KerasTensor, ...],
    convs: list[keras.Layer],
    last: keras.Layer,
    columns: int,
) -> KerasTensor:
    """Give so many numbers for each anchor; the levels share the layers."""
    found = []
    for x in maps:
        for layer in convs:
            x = layer(x)
        x = last(x)
        found.append(ops.reshape(x, (-1, x.shape[1] * x.shape[2] * x.shape[3])))
    whole = ops.concatenate(found, 1)
    number = whole.shape[1] // columns
    return ops.reshape(whole, (-1, number, columns))  # [B, anchors, columns]


class Head(keras.Layer):
    def __init__(self, spec: RetinaNetSpec):
        super().__init__()
        self.classification_head = ClassificationHead(spec)
        self.regression_head = RegressionHead(spec)

    def call(self, maps: tuple[KerasTensor, ...]) -> tuple[KerasTensor, KerasTensor]:
        return self.classification_head(maps), self.regression_head(maps)


class RetinaNet(SpecModel):
    def __init__(self, spec: RetinaNetSpec):
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
        scores = ops.sigmoid(logits)
        return detected_of_levels(spec.detecting, places, scores, spec.levels)
