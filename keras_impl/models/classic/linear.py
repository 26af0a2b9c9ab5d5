"""Linear models in Keras 3, [B, features].

Spec: shared/specs/classic/linear.py.
"""

from collections.abc import Callable

from keras import KerasTensor, ops

from keras_impl.layers import Dense, SpecModel
from keras_impl.precision import full
from shared.specs.classic.linear import LinearModelSpec


def identity(scores: KerasTensor) -> KerasTensor:
    return scores


def softmax(scores: KerasTensor) -> KerasTensor:
    return ops.softmax(full(scores), axis=-1)


def step(scores: KerasTensor) -> KerasTensor:
    """Give 1 above 0, by way of sign, whose gradient is 0; a comparison has none."""
    return ops.relu(ops.sign(scores))


LINKS: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    "identity": identity,
    "sigmoid": ops.sigmoid,
    "softmax": softmax,
    "step": step,
}


class LinearModel(SpecModel):
    def __init__(self, spec: LinearModelSpec):
        super().__init__(spec)
        self.linear = Dense(spec.features, spec.targets)

    def call(self, x: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
        scores = self.linear(x)  # [B, targets]
        return scores, LINKS[self.spec.link](scores)
