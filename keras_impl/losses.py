"""The losses in Keras. Definitions, papers: shared/definitions/losses.

A loss takes what was wanted and what the model put out, in this order. One file to
lift: it needs nothing of this suite, and runs on every back end.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

Weights = tuple[float, ...] | None

# What a setting may be: at least the first, below the second.
_ALLOWED = {
    "delta": (5e-324, math.inf),
    "label_smoothing": (0.0, 1.0),
    "class_weights": (0.0, math.inf),
    "pos_weight": (0.0, math.inf),
    "gamma": (0.0, math.inf),
    "alpha": (0.0, 1.0 + 2**-52),
    "margin": (0.0, math.inf),
    "beta": (0.0, math.inf),
}
_CHOICES = {"likelihood": ("bernoulli", "gaussian")}


def _allowed(name: str, value: Any, own: dict[str, tuple[float, float]]) -> str:
    """What a setting may be instead; empty where it is fine."""
    if name in _CHOICES:
        return "" if value in _CHOICES[name] else ", ".join(_CHOICES[name])
    low, high = {**_ALLOWED, **own}.get(name, (-math.inf, math.inf))
    numbers = value if isinstance(value, tuple) else (value,)
    if all(v is None or low <= v < high for v in numbers):
        return ""
    return f"from {low:g} up to, not including, {high:g}"


class _Loss(keras.losses.Loss):
    """`call` gives the mean over what counts, so nothing is left to reduce."""

    allowed: dict[str, tuple[float, float]] = {}

    def __init_subclass__(cls, **options: Any):
        """Known to Keras, so that a saved model can be read again."""
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable("triptych")(cls)

    def __init__(self, **settings: Any):
        super().__init__(reduction="sum")
        for name, given in settings.items():
            value = tuple(given) if isinstance(given, list) else given
            if allowed := _allowed(name, value, self.allowed):
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
            setattr(self, name, value)
        self.settings = tuple(settings)

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.settings}


# Of numbers


class MSE(_Loss):
    def call(self, target: KerasTensor, y: KerasTensor) -> KerasTensor:
        return _mean(ops.square(y - target))


class MAE(_Loss):
    def call(self, target: KerasTensor, y: KerasTensor) -> KerasTensor:
        # DIFF(abs-gradient): on JAX that of ops.abs is 1 at 0.
        d = y - target
        return _mean(d * ops.stop_gradient(ops.sign(d)))


class MBE(_Loss):
    def call(self, target: KerasTensor, y: KerasTensor) -> KerasTensor:
        return _mean(y - target)


class Huber(_Loss):
    def __init__(self, *, delta: float = 1.0):
        super().__init__(delta=delta)

    def call(self, target: KerasTensor, y: KerasTensor) -> KerasTensor:
        d = y - target
        near = ops.abs(d) <= self.delta
        inside = ops.where(near, d, self.delta * ops.sign(d))
        return _mean(ops.where(near, d * d / 2, inside * (d - inside / 2)))


# Of classes


class CrossEntropy(_Loss):
    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weights: Weights = None,
        ignore: int | None = None,
    ):
        super().__init__(
            label_smoothing=label_smoothing, class_weights=class_weights, ignore=ignore
        )

    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        at, weights, share = _counted(z, target, self.class_weights, self.ignore)
        log_p = ops.log_softmax(z)
        of_target = ops.take(weights, at) * _at(log_p, at)
        each = -(1 - self.label_smoothing) * of_target
        if self.label_smoothing:
            spread = self.label_smoothing / z.shape[-1]
            each = each - spread * ops.sum(weights * log_p, -1)
        return ops.sum(each * share)


class NLL(_Loss):
    def __init__(self, *, class_weights: Weights = None, ignore: int | None = None):
        super().__init__(class_weights=class_weights, ignore=ignore)

    def call(self, target: KerasTensor, log_p: KerasTensor) -> KerasTensor:
        at, weights, share = _counted(log_p, target, self.class_weights, self.ignore)
        return -ops.sum(ops.take(weights, at) * _at(log_p, at) * share)


class DenseCrossEntropy(_Loss):
    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        return _mean(-ops.sum(target * ops.log_softmax(z), -1))


class KL(_Loss):
    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        log_target = ops.log(ops.where(target > 0, target, 1.0))
        return _mean(ops.sum(target * (log_target - ops.log_softmax(z)), -1))


class BinaryCrossEntropy(_Loss):
    def __init__(self, *, pos_weight: Weights = None):
        super().__init__(pos_weight=pos_weight)

    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        weight = 1.0 if self.pos_weight is None else _tensor(self.pos_weight, z)
        positive = weight * target * ops.softplus(-z)
        return _mean(positive + (1 - target) * ops.softplus(z))


class Focal(_Loss):
    def __init__(self, *, gamma: float = 2.0, alpha: float | None = 0.25):
        super().__init__(gamma=gamma, alpha=alpha)

    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        s = ops.where(target > 0, z, -z)
        # DIFF(focal-power): a power of 1 - p_t has no finite gradient where p_t is 1.
        each = ops.exp(-self.gamma * ops.softplus(s)) * ops.softplus(-s)
        if self.alpha is not None:
            each = (self.alpha * target + (1 - self.alpha) * (1 - target)) * each
        return _mean(each)


class Hinge(_Loss):
    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        return _mean(ops.relu(1 - target * z))


class MulticlassHinge(_Loss):
    def __init__(self, *, margin: float = 1.0):
        super().__init__(margin=margin)

    def call(self, target: KerasTensor, z: KerasTensor) -> KerasTensor:
        own = ops.one_hot(ops.cast(target, "int32"), z.shape[-1], dtype=z.dtype)
        of_own = ops.sum(own * z, -1, keepdims=True)
        over = (1 - own) * ops.relu(self.margin - of_own + z)
        return _mean(ops.sum(over, -1) / z.shape[-1])


# Of distances; the outputs as a list


class Contrastive(_Loss):
    def __init__(self, *, margin: float = 1.0):
        super().__init__(margin=margin)

    def call(self, target: KerasTensor, outputs: list[KerasTensor]) -> KerasTensor:
        a, b = outputs
        squares = ops.sum(ops.square(a - b), -1)
        apart = ops.square(ops.relu(self.margin - root(squares)))
        return _mean(ops.where(target > 0, apart, squares) / 2)


class Triplet(_Loss):
    """What was wanted is not looked at."""

    def __init__(self, *, margin: float = 0.2, squared: bool = True):
        super().__init__(margin=margin, squared=squared)

    def call(self, target: Any, outputs: list[KerasTensor]) -> KerasTensor:
        a, p, n = outputs
        near = ops.sum(ops.square(a - p), -1)
        far = ops.sum(ops.square(a - n), -1)
        if not self.squared:
            near, far = root(near), root(far)
        return _mean(ops.relu(near - far + self.margin))


class CosineEmbedding(_Loss):
    allowed = {"margin": (0.0, 1.0)}

    def __init__(self, *, margin: float = 0.0):
        super().__init__(margin=margin)

    def call(self, target: KerasTensor, outputs: list[KerasTensor]) -> KerasTensor:
        a, b = outputs
        norms = root(ops.sum(ops.square(a), -1)) * root(ops.sum(ops.square(b), -1))
        cos = ops.sum(a * b, -1) / ops.where(norms > 0, norms, 1.0)
        cos = ops.where(norms > 0, cos, 0.0)
        return _mean(ops.where(target > 0, 1 - cos, ops.relu(cos - self.margin)))


# Of distributions; the outputs as a list


class EvidenceLowerBound(_Loss):
    def __init__(self, *, likelihood: str = "bernoulli", beta: float = 1.0):
        super().__init__(likelihood=likelihood, beta=beta)

    def call(self, target: KerasTensor, outputs: list[KerasTensor]) -> KerasTensor:
        y, mean, log_variance = outputs
        return self.reconstruction(target, y) + self.beta * self.divergence(
            mean, log_variance
        )

    def reconstruction(self, target: KerasTensor, y: KerasTensor) -> KerasTensor:
        if self.likelihood == "bernoulli":
            each = ops.softplus(y) - target * y
        else:
            each = (ops.square(target - y) + math.log(2 * math.pi)) / 2
        return ops.sum(each) / _rows(y)

    def divergence(self, mean: KerasTensor, log_variance: KerasTensor) -> KerasTensor:
        each = ops.square(mean) + ops.exp(log_variance) - log_variance - 1
        return ops.sum(each) / 2 / _rows(mean)


# Of sequences; labels, steps and lengths as a list


class CTC(_Loss):
    def call(self, target: list[KerasTensor], z: KerasTensor) -> KerasTensor:
        # DIFF(ctc-float32): Keras's own is in float32 on TensorFlow.
        labels, steps, lengths = (ops.cast(t, "int32") for t in target)
        places = 2 * labels.shape[1] + 1
        spaced = ops.reshape(
            ops.stack([ops.zeros_like(labels), labels], -1), (-1, places - 1)
        )
        spaced = ops.pad(spaced, ((0, 0), (0, 1)))
        chosen = ops.one_hot(spaced, z.shape[-1], dtype=z.dtype)
        # [batch, time, places]
        seen = ops.matmul(ops.log_softmax(z), ops.transpose(chosen, (0, 2, 1)))
        before = ops.pad(spaced, ((0, 0), (2, 0)))[:, :-2]
        over = ops.logical_and(spaced != 0, spaced != before)
        first = ops.one_hot(0, places, dtype=z.dtype)
        first = first + ops.one_hot(1, places, dtype=z.dtype)
        alpha = ops.where(first > 0, seen[:, 0], _NEVER)
        for t in range(1, z.shape[1]):
            reached = _reached(alpha, over) + seen[:, t]
            alpha = ops.where((t < steps)[:, None], reached, alpha)
        ends = ops.arange(places, dtype="int32") - 2 * lengths[:, None]
        ending = ops.logical_and(ends <= 0, ends >= -1)
        total = ops.logsumexp(ops.where(ending, alpha, _NEVER), -1)
        return _mean(ops.where(total > _NEVER / 2, -total, 0.0))


_NEVER = -1e30  # a logarithm whose gradient is finite


def _reached(alpha: KerasTensor, over: KerasTensor) -> KerasTensor:
    """A place is reached from itself, the one before, and past a blank."""
    one = ops.pad(alpha, ((0, 0), (1, 0)), constant_values=_NEVER)[:, :-1]
    two = ops.pad(alpha, ((0, 0), (2, 0)), constant_values=_NEVER)[:, :-2]
    two = ops.where(over, two, _NEVER)
    return ops.logsumexp(ops.stack([alpha, one, two], -1), -1)


# What they have in common


def _mean(each: KerasTensor) -> KerasTensor:
    number = ops.convert_to_tensor(ops.size(each), "int32")
    return ops.sum(each) / ops.cast(ops.maximum(number, 1), each.dtype)


def _rows(y: KerasTensor) -> KerasTensor:
    """How many samples a sum over all is divided by."""
    return ops.cast(ops.maximum(ops.shape(y)[0], 1), y.dtype)


def _tensor(values: tuple[float, ...], like: KerasTensor) -> KerasTensor:
    """Make a tensor by way of NumPy, since on TensorFlow Keras takes Python's floats
    through float32."""
    return ops.convert_to_tensor(np.array(values), dtype=like.dtype)


def _counted(
    z: KerasTensor, target: KerasTensor, weights: Weights, ignore: int | None
) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Give the targets, 0 where they are ignored, each class's weight, and each
    position's share of the mean."""
    classes = z.shape[-1]
    target = ops.cast(target, "int32")
    of_class = _tensor((1.0,) * classes if weights is None else weights, z)
    none = ops.ones_like(target, dtype="bool")
    counts = none if ignore is None else ops.not_equal(target, ignore)
    at = ops.where(counts, target, 0)
    total = ops.sum(ops.take(of_class, at) * ops.cast(counts, z.dtype))
    share = ops.cast(counts, z.dtype) / ops.where(total > 0, total, 1.0)
    return at, of_class, share


def _at(values: KerasTensor, target: KerasTensor) -> KerasTensor:
    """What stands at the target. DIFF(cross-entropy): on TensorFlow the gradient of a
    gather over 50,000 classes takes twice as long as products with 0 and 1."""
    if keras.backend.backend() == "tensorflow":
        chosen = ops.one_hot(target, values.shape[-1], dtype=values.dtype)
        return ops.sum(chosen * values, -1)
    return ops.take_along_axis(values, target[..., None], -1)[..., 0]


def root(squares: KerasTensor) -> KerasTensor:
    """The square root, whose gradient at 0 is 0."""
    above = squares > 0
    return ops.where(above, ops.sqrt(ops.where(above, squares, 1.0)), 0.0)
