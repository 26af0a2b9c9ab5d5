"""What all optimizers in Keras share."""

import math
from typing import Any

import keras
from keras import KerasTensor, ops

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "learning_rate": (0.0, math.inf),
    "momentum": (0.0, 1.0),
    "momentum_decay": (0.0, math.inf),
    "rho": (0.0, 1.0),
    "delta_0": (0.0, math.inf),
    "delta_min": (0.0, math.inf),
    "delta_max": (0.0, math.inf),
    "eta_minus": (0.0, 1.0),
    "eta_plus": (1.0, math.inf),
    "beta1": (0.0, 1.0),
    "beta2": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "weight_decay": (0.0, math.inf),
    "beta3": (0.0, 1.0),
    "coefficient": (0.0, math.inf),
    "power": (0.0, math.inf),
    "eps1": (5e-324, math.inf),
    "eps2": (0.0, math.inf),
    "limit": (5e-324, math.inf),
    "gamma": (0.0, math.inf),
    "every": (1, math.inf),
    "batch_size": (1, math.inf),
    "steps": (1, math.inf),
    "d0": (5e-324, math.inf),
    "radius": (0.0, math.inf),
}


def _whole(g: Any) -> KerasTensor:
    return ops.add(g, 0.0) if hasattr(g, "dense_shape") else g


class Optimizer(keras.optimizers.Optimizer):
    """What all have in common. A variable's state is what it `needs` of `keeps`, each
    like it where `keep` says nothing else; `once` is what is kept of all together, with
    those that `shares` names.

    settings: the optimizer's own arguments, by name; each becomes an attribute.
    options: those of any Keras optimizer (clipping, accumulation, moving averages).
    """

    keeps: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()

    def __init_subclass__(cls, **options: Any):
        """Known to Keras, so that a saved model can be read again."""
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable("triptych")(cls)

    def __init__(self, settings: dict[str, Any], options: dict[str, Any]):
        for name, value in settings.items():
            low, high = _ALLOWED.get(name, (-math.inf, math.inf))
            if isinstance(value, int | float) and not low <= value < high:
                allowed = f"from {low:g} up to, not including, {high:g}"
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
        own = {k: v for k, v in settings.items() if k != "learning_rate"}
        super().__init__(settings["learning_rate"], **options)
        for name, value in own.items():
            setattr(self, name, value)
        self.own = tuple(own)
        self.once: dict[str, keras.Variable] = {}

    def needs(self) -> tuple[str, ...]:
        """What of `keeps` these settings need."""
        return self.keeps

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        if self.use_ema:
            averages = self._model_variables_moving_average
            for x, average in zip(variables, averages, strict=True):
                average.assign(x)
        for name in self.needs():
            setattr(self, f"kept_{name}", [self.keep(name, v) for v in variables])
        for name in self.shares:
            dtype = variables[0].dtype
            self.once[name] = self.add_variable((), dtype=dtype, name=name)

    def keep(self, name: str, variable: keras.Variable) -> keras.Variable | None:
        return self.add_variable_from_reference(variable, name=name)

    def _update_model_variables_moving_average(
        self, trainable_variables: list[keras.Variable]
    ) -> None:
        """DIFF(keras-ema): Keras starts the average at what the first update leaves."""
        if not self.use_ema:
            return
        averages = self._model_variables_moving_average
        for x, average in zip(trainable_variables, averages, strict=True):
            d = self.ema_momentum
            average.assign(d * average + (1 - d) * x)

    def _get_current_learning_rate(self) -> Any:
        """DIFF(keras-accumulation): Keras's schedules count sets of gradients, not
        updates, where several make one update."""
        rate = self._learning_rate
        schedule = keras.optimizers.schedules.LearningRateSchedule
        if isinstance(rate, schedule):
            return rate(self.iterations)
        return super()._get_current_learning_rate()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{k: getattr(self, k) for k in self.own}}

    def kept(self, variable: keras.Variable) -> list[keras.Variable]:
        index = self._get_variable_index(variable)
        return [getattr(self, f"kept_{name}")[index] for name in self.needs()]

    def t(self, dtype: str) -> KerasTensor:
        """Give the number of this update, from 1."""
        return ops.cast(self.iterations + 1, dtype)

    def decay(self, variable: keras.Variable) -> float:
        return self.weight_decay if self._use_weight_decay(variable) else 0.0

    def _clip_gradients(self, grads: list[Any]) -> list[KerasTensor]:
        """DIFF(keras-sparse): on TensorFlow an embedding's gradient is IndexedSlices,
        with which 0.9 * g fails, and of which Keras clips each row by itself, not their
        sum; to add to it makes a tensor of it."""
        clipped: list[KerasTensor] = super()._clip_gradients([_whole(g) for g in grads])
        return clipped

    def coupled(self, gradient: KerasTensor, variable: keras.Variable) -> KerasTensor:
        """Add the weight decay to the gradient."""
        decay = self.decay(variable)
        return gradient + decay * variable if decay else gradient

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        """DIFF(keras-decay): Keras decays every optimizer's weights in the same way,
        before the update; here each does it as its paper says."""


def norm(x: Any) -> KerasTensor:
    return ops.sqrt(ops.sum(ops.square(x)))


def total(xs: list[Any]) -> KerasTensor:
    return sum(ops.sum(x) for x in xs)


def adam_step(
    optimizer: Any, g: KerasTensor, variable: Any, m: Any, v: Any
) -> KerasTensor:
    """Give Adam's step, before the learning rate."""
    beta1, beta2, t = optimizer.beta1, optimizer.beta2, optimizer.t(variable.dtype)
    m.assign(beta1 * m + (1 - beta1) * g)
    v.assign(beta2 * v + (1 - beta2) * ops.square(g))
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return m_hat / (ops.sqrt(v_hat) + optimizer.eps)
