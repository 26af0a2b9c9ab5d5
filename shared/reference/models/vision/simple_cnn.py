"""A small CNN in NumPy, BCHW.

Spec, names, papers: shared/specs/vision/simple_cnn.py.
"""

from shared.arrays import Array
from shared.reference.layers.activation import ReLU
from shared.reference.layers.convolution import conv
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import Flatten, MaxOfMap, MaxPool2d, MeanOfMap
from shared.reference.module import Chain, Module, Operation
from shared.specs.vision.simple_cnn import SimpleCNNSpec

POOLINGS: dict[str, type[Operation]] = {
    "flatten": Flatten,
    "mean": MeanOfMap,
    "max": MaxOfMap,
}


class SimpleCNN(Module):
    def __init__(self, spec: SimpleCNNSpec):
        self.convs = [conv(c) for c in spec.convs]
        self.hidden = [Linear(*sizes) for sizes in spec.sizes]
        self.dropout = Dropout(spec.dropout)
        self.fc = Linear(spec.c_out, spec.num_classes)
        self.steps = Chain(
            *(Chain(layer, ReLU(), MaxPool2d(spec.pool)) for layer in self.convs),
            POOLINGS[spec.pooling](),  # [B, features]
            *(Chain(layer, ReLU()) for layer in self.hidden),
            self.dropout,
            self.fc,  # [B, num_classes]
        )

    def forward(self, x: Array) -> Array:
        return self.steps(x)

    def backward(self, g: Array) -> Array:
        return self.steps.backward(g)
