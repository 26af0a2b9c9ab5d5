"""The losses in JAX. Definitions, papers: shared/definitions/losses.

A loss is a function of what the model put out and what was wanted, in this order, made
by a function of its settings. One file to lift: it needs nothing of this suite.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

Loss = Callable[..., Array]
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


def _check(kind: str, settings: dict[str, Any], **own: tuple[float, float]) -> None:
    for name, value in settings.items():
        if allowed := _allowed(name, value, own):
            raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")


# Of numbers


def mse() -> Loss:
    return lambda y, target: _mean(jnp.square(y - target))


def mae() -> Loss:
    def loss(y: Array, target: Array) -> Array:
        # DIFF(abs-gradient): that of jnp.abs is 1 at 0.
        d = y - target
        return _mean(d * jnp.sign(d))

    return loss


def mbe() -> Loss:
    return lambda y, target: _mean(y - target)


def huber(*, delta: float = 1.0) -> Loss:
    _check("huber", locals())

    def loss(y: Array, target: Array) -> Array:
        d = y - target
        inside = jnp.clip(d, -delta, delta)
        near = jnp.abs(d) <= delta
        return _mean(jnp.where(near, d * d / 2, inside * (d - inside / 2)))

    return loss


# Of classes


def cross_entropy(
    *,
    label_smoothing: float = 0.0,
    class_weights: Weights = None,
    ignore: int | None = None,
) -> Loss:
    _check("cross_entropy", locals())

    def loss(z: Array, target: Array) -> Array:
        at, weights, share = _counted(z, target, class_weights, ignore)
        if z.dtype == jnp.float64:
            log_p = jax.nn.log_softmax(z)
            of_target, of_all = _at(log_p, at), (weights * log_p).sum(-1)
        else:  # DIFF(cross-entropy): nothing as large as the logits is kept.
            total = jax.nn.logsumexp(z, -1)
            of_target, of_all = _at(z, at) - total, z @ weights - weights.sum() * total
        each = -(1 - label_smoothing) * weights[at] * of_target
        if label_smoothing:
            each = each - label_smoothing / z.shape[-1] * of_all
        return (each * share).sum()

    return loss


def nll(*, class_weights: Weights = None, ignore: int | None = None) -> Loss:
    _check("nll", locals())

    def loss(log_p: Array, target: Array) -> Array:
        at, weights, share = _counted(log_p, target, class_weights, ignore)
        return -(weights[at] * _at(log_p, at) * share).sum()

    return loss


def dense_cross_entropy() -> Loss:
    def loss(z: Array, target: Array) -> Array:
        return _mean(-(target * jax.nn.log_softmax(z)).sum(-1))

    return loss


def kl() -> Loss:
    def loss(z: Array, target: Array) -> Array:
        log_target = jnp.log(jnp.where(target > 0, target, 1.0))
        return _mean((target * (log_target - jax.nn.log_softmax(z))).sum(-1))

    return loss


def binary_cross_entropy(*, pos_weight: Weights = None) -> Loss:
    _check("binary_cross_entropy", locals())

    def loss(z: Array, target: Array) -> Array:
        weight = 1.0 if pos_weight is None else jnp.asarray(pos_weight, z.dtype)
        positive = weight * target * jax.nn.softplus(-z)
        return _mean(positive + (1 - target) * jax.nn.softplus(z))

    return loss


def focal(*, gamma: float = 2.0, alpha: float | None = 0.25) -> Loss:
    _check("focal", locals())

    def loss(z: Array, target: Array) -> Array:
        s = jnp.where(target > 0, z, -z)
        # DIFF(focal-power): a power of 1 - p_t has no finite gradient where p_t is 1.
        each = jnp.exp(-gamma * jax.nn.softplus(s)) * jax.nn.softplus(-s)
        if alpha is not None:
            each = jnp.where(target > 0, alpha, 1 - alpha) * each
        return _mean(each)

    return loss


def hinge() -> Loss:
    return lambda z, target: _mean(jax.nn.relu(1 - target * z))


def multiclass_hinge(*, margin: float = 1.0) -> Loss:
    _check("multiclass_hinge", locals())

    def loss(z: Array, target: Array) -> Array:
        own = jnp.take_along_axis(z, target[..., None], -1)
        others = 1 - jax.nn.one_hot(target, z.shape[-1], dtype=z.dtype)
        over = others * jax.nn.relu(margin - own + z)
        return _mean(over.sum(-1) / z.shape[-1])

    return loss


# Of distances


def contrastive(*, margin: float = 1.0) -> Loss:
    _check("contrastive", locals())

    def loss(a: Array, b: Array, target: Array) -> Array:
        squares = jnp.square(a - b).sum(-1)
        apart = jnp.square(jax.nn.relu(margin - root(squares)))
        return _mean(jnp.where(target > 0, apart, squares) / 2)

    return loss


def triplet(*, margin: float = 0.2, squared: bool = True) -> Loss:
    _check("triplet", locals())

    def loss(a: Array, p: Array, n: Array) -> Array:
        near, far = jnp.square(a - p).sum(-1), jnp.square(a - n).sum(-1)
        if not squared:
            near, far = root(near), root(far)
        return _mean(jax.nn.relu(near - far + margin))

    return loss


def cosine_embedding(*, margin: float = 0.0) -> Loss:
    _check("cosine_embedding", locals(), margin=(0.0, 1.0))

    def loss(a: Array, b: Array, target: Array) -> Array:
        norms = root(jnp.square(a).sum(-1)) * root(jnp.square(b).sum(-1))
        cos = (a * b).sum(-1) / jnp.where(norms > 0, norms, 1.0)
        cos = jnp.where(norms > 0, cos, 0.0)
        return _mean(jnp.where(target > 0, 1 - cos, jax.nn.relu(cos - margin)))

    return loss


# Of distributions


def evidence_lower_bound(*, likelihood: str = "bernoulli", beta: float = 1.0) -> Loss:
    _check("evidence_lower_bound", locals())

    def loss(y: Array, mean: Array, log_variance: Array, target: Array) -> Array:
        return reconstruction(y, target, likelihood) + beta * divergence(
            mean, log_variance
        )

    return loss


def reconstruction(y: Array, target: Array, likelihood: str) -> Array:
    if likelihood == "bernoulli":
        each = jax.nn.softplus(y) - target * y
    else:
        each = (jnp.square(target - y) + math.log(2 * math.pi)) / 2
    return each.sum() / max(len(y), 1)


def divergence(mean: Array, log_variance: Array) -> Array:
    each = jnp.square(mean) + jnp.exp(log_variance) - log_variance - 1
    return each.sum() / 2 / max(len(mean), 1)


# Of sequences


def ctc() -> Loss:
    def loss(z: Array, labels: Array, steps: Array, lengths: Array) -> Array:
        padded = jnp.arange(z.shape[1]) >= steps[:, None]
        beyond = jnp.arange(labels.shape[1]) >= lengths[:, None]
        each = optax.ctc_loss(z, padded.astype(z.dtype), labels, beyond.astype(z.dtype))
        # Equal neighbours need a blank between them.
        again = (labels[:, 1:] == labels[:, :-1]) & ~beyond[:, 1:]
        long_enough = lengths + again.sum(-1) <= steps
        return _mean(jnp.where(long_enough, each, 0.0))

    return loss


# What they have in common


def _mean(each: Array) -> Array:
    return each.sum() / max(each.size, 1)


def _counted(
    z: Array, target: Array, weights: Weights, ignore: int | None
) -> tuple[Array, Array, Array]:
    """Give the targets, 0 where they are ignored, each class's weight, and each
    position's share of the mean."""
    classes = z.shape[-1]
    of_class = jnp.asarray((1.0,) * classes if weights is None else weights, z.dtype)
    counts = target != ignore if ignore is not None else jnp.full(target.shape, True)
    safe = jnp.where(counts, target, 0)
    total = (of_class[safe] * counts).sum()
    share = counts / jnp.where(total > 0, total, 1.0)
    return safe, of_class, share


def _at(values: Array, target: Array) -> Array:
    """What stands at the target."""
    return jnp.take_along_axis(values, target[..., None], -1)[..., 0]


def root(squares: Array) -> Array:
    """The square root, whose gradient at 0 is 0."""
    above = squares > 0
    return jnp.where(above, jnp.sqrt(jnp.where(above, squares, 1.0)), 0.0)
