"""SAM in Keras."""

from typing import Any

import keras
from keras import KerasTensor, ops

from .base import Optimizer, total


class SAM(Optimizer):
    """Two calls of `apply` are one update: the first climbs, the second goes back and
    descends. Before each, take the gradient on the same batch; a schedule counts both
    as one. Not for tf.distribute: the norm is that of all variables of a replica."""

    keeps = ("v", "x")

    def __init__(
        self,
        learning_rate: Any = 1e-2,
        *,
        momentum: float = 0.9,
        radius: float = 0.05,
        weight_decay: float = 0.0,
        **options: Any,
    ):
        super().__init__(
            {
                "learning_rate": learning_rate,
                "momentum": momentum,
                "radius": radius,
                "weight_decay": weight_decay,
            },
            options,
        )

    def _get_current_learning_rate(self) -> Any:
        if isinstance(
            self._learning_rate, keras.optimizers.schedules.LearningRateSchedule
        ):
            return self._learning_rate(self.iterations // 2)
        return super()._get_current_learning_rate()

    def _backend_update_step(
        self, grads: list[Any], trainable_variables: list[Any], learning_rate: Any
    ) -> None:
        norm = ops.sqrt(total([ops.square(g) for g in grads]))
        scale = ops.where(norm > 0, self.radius / norm, ops.zeros_like(norm))
        for g, variable in zip(grads, trainable_variables, strict=True):
            self.pass_step(g, variable, learning_rate, scale)

    def pass_step(
        self, g: KerasTensor, variable: keras.Variable, learning_rate: Any, scale: Any
    ) -> None:
        v, x = self.kept(variable)
        lr = ops.cast(learning_rate, variable.dtype)
        climbs = ops.equal(self.iterations % 2, 0)
        here, v_now = ops.convert_to_tensor(variable), ops.convert_to_tensor(v)
        x.assign(ops.where(climbs, here, ops.convert_to_tensor(x)))
        new = self.momentum * v + g + self.decay(variable) * x
        v.assign(ops.where(climbs, v_now, new))
        variable.assign(x + ops.where(climbs, scale * g, -lr * v))
