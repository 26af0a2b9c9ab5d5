"""Spatial transformer networks in Keras 3, BHWC.

Spec, names, paper: shared/specs/vision/stn.py.
"""

import keras
from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel, conv, flatten, max_pool, sample_maps
from keras_impl.models.vision.simple_cnn import SimpleCNN
from keras_impl.precision import full
from shared.specs.vision.stn import STNSpec


class Localisation(keras.Layer):
    """Finds two rows that give each place of the new picture its place in the old."""

    def __init__(self, spec: STNSpec):
        super().__init__()
        self.spec = spec
        self.convs = [conv(c) for c in spec.convs]
        self.hidden = Dense(spec.features, spec.hidden)
        self.out = Dense(spec.hidden, 6)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.convs:
            x = ops.relu(max_pool(layer(x), self.spec.pool))  # [B, H/2, W/2, width]
        x = ops.relu(self.hidden(flatten(x)))
        return ops.reshape(full(self.out(x)), (-1, 2, 3))


class STN(SpecModel):
    """Figure 2, in front of a classifier."""

    def __init__(self, spec: STNSpec):
        super().__init__(spec)
        self.localisation = Localisation(spec)
        self.classifier = SimpleCNN(spec.classifier)

    def call(self, image: KerasTensor) -> KerasTensor:
        transformed, _ = self.transform(image)
        return self.classifier(transformed)  # [B, num_classes]

    def transform(self, image: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        """Give the picture that the classifier is shown, and theta."""
        theta = self.localisation(image)  # [B, 2, 3]
        points = ops.convert_to_tensor(self.spec.points, theta.dtype)
        places = points @ ops.swapaxes(theta, 1, 2)  # [B, rows * columns, 2], eq. 1
        transformed = sample_maps(image, places)
        return ops.reshape(transformed, (-1, *image.shape[1:])), theta
