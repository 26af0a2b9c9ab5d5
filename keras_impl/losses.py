"""The losses in Keras. Definitions, papers: shared/losses.py.

A loss takes what was wanted and what the model put out, in this order. One file to
lift: it needs nothing of this suite, and runs on every back end.
"""

import math
from typing import Any

import keras
from keras import KerasTensor, ops


class _Loss(keras.losses.Loss):
    """`call` gives the mean over what counts, so nothing is left to reduce."""

    def __init__(self, **settings: Any):
        super().__init__(reduction="sum")
        for name, value in settings.items():
            setattr(self, name, value)
        self.settings = tuple(settings)

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.settings}


class MSE(_Loss):
    def call(self, target: KerasTensor, y: KerasTensor) -> KerasTensor:
        return ops.sum(ops.square(y - target)) / max(math.prod(y.shape), 1)


class CrossEntropy(_Loss):
    def __init__(self, *, label_smoothing: float = 0.0, ignore: int | None = None):
        super().__init__(label_smoothing=label_smoothing, ignore=ignore)

    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        target, classes = ops.cast(target, "int32"), z.shape[-1]
        ignore = -1 if self.ignore is None else self.ignore
        counts = ops.not_equal(target, ignore)
        spread = self.label_smoothing / classes
        chosen = ops.one_hot(ops.where(counts, target, 0), classes, dtype=z.dtype)
        wanted = (1 - self.label_smoothing) * chosen + spread
        each = -ops.sum(wanted * ops.log_softmax(z), -1)
        counts = ops.cast(counts, z.dtype)
        return ops.sum(each * counts) / ops.maximum(ops.sum(counts), 1)
