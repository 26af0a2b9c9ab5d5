"""A small CNN in Keras 3, BHWC.

Spec, names, papers: shared/specs/vision/simple_cnn.py.
"""

from collections.abc import Callable

from keras import KerasTensor, ops

from keras_impl.layers import Dense, Dropout, SpecModel, conv, flatten, max_pool
from shared.specs.vision.simple_cnn import SimpleCNNSpec

POOLINGS: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    "flatten": flatten,
    "mean": lambda x: ops.mean(x, (1, 2)),
    "max": lambda x: ops.max(x, (1, 2)),
}


class SimpleCNN(SpecModel):
    def __init__(self, spec: SimpleCNNSpec):
        super().__init__(spec)
        self.convs = [conv(c) for c in spec.convs]
        self.hidden = [Dense(*sizes) for sizes in spec.sizes]
        self.dropout = Dropout(spec.dropout)
        self.fc = Dense(spec.c_out, spec.num_classes)

    def call(self, x: KerasTensor) -> KerasTensor:
        for layer in self.convs:
            x = max_pool(ops.relu(layer(x)), self.spec.pool)  # [B, H/2, W/2, width]
        x = POOLINGS[self.spec.pooling](x)  # [B, features]
        for layer in self.hidden:
            x = ops.relu(layer(x))
        return self.fc(self.dropout(x))  # [B, num_classes]
