"""Linear models in NumPy, [B, features].

Spec: shared/specs/classic/linear.py.
"""

from shared.arrays import Array
from shared.reference.layers.activation import Identity, Sigmoid, Softmax, Step
from shared.reference.layers.linear import Linear
from shared.reference.module import Module, Operation
from shared.specs.classic.linear import LinearModelSpec

LINKS: dict[str, type[Operation]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "softmax": Softmax,
    "step": Step,
}


class LinearModel(Module):
    def __init__(self, spec: LinearModelSpec):
        self.spec = spec
        self.linear = Linear(spec.features, spec.targets)
        self.link = LINKS[spec.link]()

    def forward(self, x: Array) -> tuple[Array, Array]:
        scores = self.linear(x)  # [B, targets]
        return scores, self.link(scores)

    def backward(self, of_scores: Array, of_prediction: Array) -> Array:
        return self.linear.backward(of_scores + self.link.backward(of_prediction))
