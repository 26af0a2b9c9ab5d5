"""The losses. `value` and `gradient`, in NumPy, ARE the definition; every `*_impl` is
held against both.

A loss takes what the model put out, one array or more, and what was wanted, one array
or more; it is a mean over what counts, and 0 where nothing does. `gradient` has one
array for each the model put out; at a kink it is 0, as torch has it.

z are logits, [..., classes] or [...]; y and target have equal shapes unless said.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.arrays import Array, Arrays
from shared.definitions.schedules import Share
from shared.errors import unknown
from shared.fields import Checked, NonNegative, Positive, Rate


@dataclass(frozen=True, kw_only=True)
class Loss(Checked):
    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        raise NotImplementedError

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        raise NotImplementedError

    def counted(self, rows: int, targets: Arrays) -> float:
        """What the mean over these rows is divided by, up to a factor that is the same
        for all rows: by it the losses of parts make up that of the whole."""
        return float(rows)


# Of numbers


@dataclass(frozen=True, kw_only=True)
class MSE(Loss):
    """mean (y - target)^2; without a half."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return _mean(np.square(y - target))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (2 * (y - target) / max(y.size, 1),)


@dataclass(frozen=True, kw_only=True)
class MAE(Loss):
    """mean |y - target|."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return _mean(np.abs(y - target))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (np.sign(y - target) / max(y.size, 1),)


@dataclass(frozen=True, kw_only=True)
class MBE(Loss):
    """mean (y - target): the bias, above 0 where too much is said. It has no least."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        return _mean(y - target)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,) = outputs
        return (np.full_like(y, 1 / max(y.size, 1)),)


@dataclass(frozen=True, kw_only=True)
class Huber(Loss):
    """Huber 1964 (https://doi.org/10.1214/aoms/1177703732): half the square up to
    delta, straight beyond."""

    delta: Positive = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (y,), (target,) = outputs, targets
        d = np.abs(y - target)
        beyond = self.delta * (d - self.delta / 2)
        return _mean(np.where(d <= self.delta, np.square(d) / 2, beyond))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y,), (target,) = outputs, targets
        return (np.clip(y - target, -self.delta, self.delta) / max(y.size, 1),)


# Of classes


@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """-log softmax(z)[target], target: [...] whole numbers.

    label_smoothing: that share of the target is spread over all classes (Szegedy et
        al. 2016, arXiv:1512.00567, section 7).
    class_weights: one a class; the mean is over the targets' weights. Of what label
        smoothing spreads, each class has its own weight, as in torch.
    ignore: targets of this value do not count.
    """

    label_smoothing: Rate = 0.0
    class_weights: tuple[NonNegative, ...] | None = None
    ignore: int | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return -(self._wanted(z, target) * _log_softmax(z)).sum()

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        wanted = self._wanted(z, target)
        return (wanted.sum(-1, keepdims=True) * np.exp(_log_softmax(z)) - wanted,)

    def counted(self, rows: int, targets: Arrays) -> float:
        return _counted(targets[0], self.class_weights, self.ignore)

    def _wanted(self, z: Array, target: Array) -> Array:
        """What each class is wanted, times the position's share of the mean."""
        chosen, weights, share = _chosen(z, target, self.class_weights, self.ignore)
        spread = self.label_smoothing / z.shape[-1]
        return share * weights * ((1 - self.label_smoothing) * chosen + spread)


@dataclass(frozen=True, kw_only=True)
class NLL(Loss):
    """-log_p[target]: the same after log softmax. log_p: [..., classes]."""

    class_weights: tuple[NonNegative, ...] | None = None
    ignore: int | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (log_p,), (target,) = outputs, targets
        of_chosen = np.where(self._wanted(log_p, target) > 0, log_p, 0.0)
        return -(self._wanted(log_p, target) * of_chosen).sum()

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (log_p,), (target,) = outputs, targets
        return (-self._wanted(log_p, target),)

    def counted(self, rows: int, targets: Arrays) -> float:
        return _counted(targets[0], self.class_weights, self.ignore)

    def _wanted(self, log_p: Array, target: Array) -> Array:
        chosen, weights, share = _chosen(log_p, target, self.class_weights, self.ignore)
        return share * weights * chosen


@dataclass(frozen=True, kw_only=True)
class DenseCrossEntropy(Loss):
    """-sum target * log softmax(z), target: [..., classes] probabilities."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return _mean(-(target * _log_softmax(z)).sum(-1))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        p = np.exp(_log_softmax(z))
        return ((target.sum(-1, keepdims=True) * p - target) * _share(z),)


@dataclass(frozen=True, kw_only=True)
class KL(Loss):
    """sum target * (log target - log softmax(z)), target: [..., classes] probabilities
    (Kullback, Leibler 1951). Of logits, as the others here; mean over positions."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        log_target = np.log(np.where(target > 0, target, 1.0))
        return _mean((target * (log_target - _log_softmax(z))).sum(-1))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        return DenseCrossEntropy().gradient(outputs, targets)


@dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy(Loss):
    """-target * log sigmoid(z) - (1 - target) * log sigmoid(-z), for one label or many;
    mean over all of them.

    pos_weight: what the first term is multiplied by, one a label (z: [..., labels]), or
        one for all.
    """

    pos_weight: tuple[NonNegative, ...] | None = None

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        positive = self._weight() * target * _softplus(-z)
        return _mean(positive + (1 - target) * _softplus(z))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        positive = self._weight() * target * _sigmoid(-z)
        return (((1 - target) * _sigmoid(z) - positive) / max(z.size, 1),)

    def _weight(self) -> Array:
        return np.array(1.0 if self.pos_weight is None else self.pos_weight)


@dataclass(frozen=True, kw_only=True)
class Focal(Loss):
    """Lin et al. 2017 (arXiv:1708.02002), equation 5, of one logit each, target 0 or 1:
    -alpha_t (1 - p_t)^gamma log p_t. Mean over all; the paper divides by the anchors
    that have an object."""

    gamma: NonNegative = 2.0
    alpha: Share | None = 0.25

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        s, _, alpha = self._turned(outputs, targets)
        return _mean(alpha * np.exp(-self.gamma * _softplus(s)) * _softplus(-s))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        s, sign, alpha = self._turned(outputs, targets)
        slope = self.gamma * _sigmoid(s) * _softplus(-s) + _sigmoid(-s)
        weight = alpha * np.exp(-self.gamma * _softplus(s))
        return (-sign * weight * slope / max(s.size, 1),)

    def _turned(self, outputs: Arrays, targets: Arrays) -> Arrays:
        """s, for which p_t is its sigmoid; its sign; alpha_t."""
        (z,), (target,) = outputs, targets
        sign = 2 * target - 1
        alpha = 0.5 if self.alpha is None else self.alpha
        scale = 2 if self.alpha is None else 1
        return z * sign, sign, scale * np.where(target > 0, alpha, 1 - alpha)


@dataclass(frozen=True, kw_only=True)
class Hinge(Loss):
    """max(0, 1 - target * z), target +1 or -1 (Cortes, Vapnik 1995)."""

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return _mean(np.maximum(1 - target * z, 0))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        return (-target * (1 - target * z > 0) / max(z.size, 1),)


@dataclass(frozen=True, kw_only=True)
class MulticlassHinge(Loss):
    """sum over j != target of max(0, margin - z[target] + z[j]), over the number of
    classes (Weston, Watkins 1999, divided as in torch; Crammer and Singer take the
    largest instead). target: [...] whole numbers."""

    margin: NonNegative = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,), (target,) = outputs, targets
        return _mean(np.maximum(self._over(z, target), 0).sum(-1) / z.shape[-1])

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,), (target,) = outputs, targets
        pushed = (self._over(z, target) > 0).astype(z.dtype)
        chosen = np.eye(z.shape[-1])[target]
        return ((pushed - chosen * pushed.sum(-1, keepdims=True)) * self._each(z),)

    def _over(self, z: Array, target: Array) -> Array:
        own = np.take_along_axis(z, target[..., None], -1)
        return np.where(np.eye(z.shape[-1])[target], 0.0, self.margin - own + z)

    def _each(self, z: Array) -> float:
        return _share(z) / z.shape[-1]


# Of distances; [n, features] each


@dataclass(frozen=True, kw_only=True)
class Contrastive(Loss):
    """Hadsell, Chopra, LeCun 2006 (https://doi.org/10.1109/CVPR.2006.100), equation 4,
    of two outputs at distance D: target 0 where they are alike, D^2 / 2, and 1 where
    they are not, max(0, margin - D)^2 / 2. Where D is 0 its gradient is."""

    margin: NonNegative = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (a, b), (target,) = outputs, targets
        d = _norm(a - b)[..., 0]
        apart = np.square(np.maximum(self.margin - d, 0))
        return _mean(((1 - target) * np.square(d) + target * apart) / 2)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (a, b), (target,) = outputs, targets
        d, target = _norm(a - b), target[..., None]
        pushed = np.maximum(self.margin - d, 0) * _unit(a - b)
        g = ((1 - target) * (a - b) - target * pushed) * _share(a)
        return g, -g


@dataclass(frozen=True, kw_only=True)
class Triplet(Loss):
    """Schroff, Kalenichenko, Philbin 2015 (FaceNet, arXiv:1503.03832), equation 3: an
    anchor, one alike and one other; nothing is wanted besides. Squared distances, as in
    the paper, or with squared=False the distances, as in torch. The paper's lie on the
    unit sphere; that is the model's business."""

    margin: NonNegative = 0.2
    squared: bool = True

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        return _mean(np.maximum(self._over(*outputs)[..., 0], 0))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        a, p, n = outputs
        pushed = (self._over(a, p, n) > 0) * _share(a)
        of_p = pushed * (2 * (a - p) if self.squared else _unit(a - p))
        of_n = pushed * (2 * (a - n) if self.squared else _unit(a - n))
        return of_p - of_n, -of_p, of_n

    def _over(self, a: Array, p: Array, n: Array) -> Array:
        near, far = _norm(a - p), _norm(a - n)
        if self.squared:
            near, far = np.square(near), np.square(far)
        return near - far + self.margin


@dataclass(frozen=True, kw_only=True)
class CosineEmbedding(Loss):
    """1 - cos(a, b) where target is +1, max(0, cos(a, b) - margin) where it is -1. The
    cosine with 0 is 0, and so is its gradient. Without a paper; it is torch's."""

    margin: Rate = 0.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (a, b), (target,) = outputs, targets
        cos = (_unit(a) * _unit(b)).sum(-1)
        return _mean(np.where(target > 0, 1 - cos, np.maximum(cos - self.margin, 0)))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (a, b), (target,) = outputs, targets
        u, v = _unit(a), _unit(b)
        cos = (u * v).sum(-1, keepdims=True)
        slope = np.where(target[..., None] > 0, -1.0, cos > self.margin) * _share(a)
        of_a = slope * (v - cos * u) * _inverse(_norm(a))
        return of_a, slope * (u - cos * v) * _inverse(_norm(b))


# Of distributions


Likelihood = Literal["bernoulli", "gaussian"]


@dataclass(frozen=True, kw_only=True)
class EvidenceLowerBound(Loss):
    """Kingma, Welling 2013 (arXiv:1312.6114), equation 3, negated, in nats a sample:
    `reconstruction`, -log p(x|z) at one z, and beta times `divergence`, that of q(z|x),
    a normal of diagonal variance, from the standard normal (appendix B). Summed over
    all axes but the first; mean over the samples.

    Put out are what the decoder says of x, and the mean and the logarithm of the
    variance of z; wanted is x.

    likelihood: bernoulli, of logits (appendix C.1); gaussian, of means, with variance 1
        (C.2; there the variance is learnt too).
    beta: at 1 it is a bound on -log p(x); others are those of Higgins et al. 2017
        (https://openreview.net/forum?id=Sy2fzU9gl), equation 4.
    """

    likelihood: Likelihood = "bernoulli"
    beta: NonNegative = 1.0

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        return self.reconstruction(outputs, targets) + self.beta * self.divergence(
            outputs
        )

    def reconstruction(self, outputs: Arrays, targets: Arrays) -> Array:
        (y, *_), (x,) = outputs, targets
        if self.likelihood == "bernoulli":
            each = _softplus(y) - x * y
        else:
            each = (np.square(x - y) + math.log(2 * math.pi)) / 2
        return each.sum() / max(len(y), 1)

    def divergence(self, outputs: Arrays) -> Array:
        _, mean, log_variance = outputs
        each = np.square(mean) + np.exp(log_variance) - log_variance - 1
        return each.sum() / 2 / max(len(mean), 1)

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (y, mean, log_variance), (x,) = outputs, targets
        of_y = (_sigmoid(y) if self.likelihood == "bernoulli" else y) - x
        of_mean = self.beta * mean
        of_log_variance = self.beta * (np.exp(log_variance) - 1) / 2
        rows = max(len(y), 1)
        return of_y / rows, of_mean / rows, of_log_variance / rows


# Of sequences


@dataclass(frozen=True, kw_only=True)
class CTC(Loss):
    """Graves et al. 2006 (https://doi.org/10.1145/1143844.1143891): -log of the sum of
    all alignments, by its equations 6 to 15 in logarithms; class 0 is the blank.

    z: [batch, time, classes]; wanted are labels [batch, length], how many steps of each
    sequence there are, and how many labels. Mean over the batch, not over labels; a
    sequence too short for its labels, whose loss is infinite, adds 0.
    """

    def value(self, outputs: Arrays, targets: Arrays) -> Array:
        (z,) = outputs
        each = [_ctc(*one)[0] for one in zip(z, *targets, strict=True)]
        return _mean(np.array(each))

    def gradient(self, outputs: Arrays, targets: Arrays) -> Arrays:
        (z,) = outputs
        each = [_ctc(*one)[1] for one in zip(z, *targets, strict=True)]
        return (np.array(each).reshape(z.shape) / max(len(z), 1),)


def _ctc(z: Array, labels: Array, steps: int, length: int) -> tuple[float, Array]:
    """One sequence's loss and gradient."""
    spaced = np.zeros(2 * length + 1, int)
    spaced[1::2] = labels[:length]
    log_p, gradient = _log_softmax(z), np.zeros_like(z)
    seen = log_p[:steps, spaced]
    alpha = _forward(seen, spaced)
    total = np.logaddexp.reduce(alpha[-1, -2:])
    if not np.isfinite(total):
        return 0.0, gradient
    beta = _forward(seen[::-1, ::-1], spaced[::-1])[::-1, ::-1]
    share = np.exp(
        alpha + beta - seen - total
    )  # of each place in the sum, at each step
    gradient[:steps] = np.exp(log_p[:steps])
    gradient[:steps] -= share @ np.eye(z.shape[-1])[spaced]
    return -total, gradient


def _forward(seen: Array, spaced: Array) -> Array:
    """log alpha, [steps, places]: a place is reached from itself, the one before, and
    past a blank where the labels differ."""
    alpha = np.full(seen.shape, -np.inf)
    alpha[0, :2] = seen[0, :2]
    over = np.full(len(spaced), False)
    over[2:] = (spaced[2:] != 0) & (spaced[2:] != spaced[:-2])
    for t in range(1, len(seen)):
        one = np.concatenate([[-np.inf], alpha[t - 1]])[: len(spaced)]
        two = np.concatenate([[-np.inf] * 2, alpha[t - 1]])[: len(spaced)]
        reached = np.logaddexp(alpha[t - 1], one)
        reached = np.logaddexp(reached, np.where(over, two, -np.inf))
        alpha[t] = reached + seen[t]
    return alpha


# What they have in common


def _mean(each: Array) -> Array:
    return each.sum() / max(each.size, 1)


def _share(a: Array) -> float:
    """Of one position in the mean over all but the last axis."""
    return 1 / max(a[..., 0].size, 1)


def _counted(
    target: Array, weights: tuple[float, ...] | None, ignore: int | None
) -> float:
    """The weights of all targets that count."""
    target = target[target != ignore] if ignore is not None else target
    return float(target.size if weights is None else np.array(weights)[target].sum())


def _chosen(
    z: Array, target: Array, weights: tuple[float, ...] | None, ignore: int | None
) -> Arrays:
    """1 at the target, each class's weight, and each position's share of the mean."""
    classes = z.shape[-1]
    of_class = np.ones(classes) if weights is None else np.array(weights)
    counts = np.full(target.shape, True) if ignore is None else target != ignore
    safe = np.where(counts, target, 0)
    total = _counted(target, weights, ignore)
    share = counts[..., None] / (total if total > 0 else 1.0)
    return np.eye(classes)[safe], of_class, share


def _log_softmax(z: Array) -> Array:
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def _softplus(z: Array) -> Array:
    return np.logaddexp(z, 0)


def _sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(-z, 0))


def _norm(a: Array) -> Array:
    return np.sqrt(np.square(a).sum(-1, keepdims=True))


def _inverse(norm: Array) -> Array:
    return np.where(norm > 0, 1 / np.where(norm > 0, norm, 1), 0)


def _unit(a: Array) -> Array:
    return a * _inverse(_norm(a))


LOSSES: dict[str, Loss] = {
    "mse": MSE(),
    "mae": MAE(),
    "mbe": MBE(),
    "huber": Huber(),
    "huber_half": Huber(delta=0.5),
    "cross_entropy": CrossEntropy(),
    "cross_entropy_smooth": CrossEntropy(label_smoothing=0.1, ignore=-100),
    "cross_entropy_weighted": CrossEntropy(class_weights=(1.0, 0.5, 2.0, 0.0, 3.5)),
    "cross_entropy_all": CrossEntropy(
        label_smoothing=0.2, class_weights=(1.0, 0.3, 2.0, 0.1, 3.5), ignore=1
    ),
    "nll": NLL(),
    "nll_weighted": NLL(class_weights=(1.0, 0.5, 2.0, 0.0, 3.5), ignore=-1),
    "dense_cross_entropy": DenseCrossEntropy(),
    "kl": KL(),
    "binary_cross_entropy": BinaryCrossEntropy(),
    "binary_cross_entropy_weighted": BinaryCrossEntropy(
        pos_weight=(1.0, 0.3, 5.0, 2.0, 0.0)
    ),
    "focal": Focal(),
    "focal_even": Focal(gamma=0.5, alpha=None),
    "hinge": Hinge(),
    "multiclass_hinge": MulticlassHinge(),
    "multiclass_hinge_wide": MulticlassHinge(margin=2.5),
    "contrastive": Contrastive(margin=3.0),
    "triplet": Triplet(),
    "triplet_distances": Triplet(margin=1.0, squared=False),
    "cosine_embedding": CosineEmbedding(),
    "cosine_embedding_margin": CosineEmbedding(margin=0.3),
    "evidence_lower_bound": EvidenceLowerBound(),
    "evidence_lower_bound_gaussian": EvidenceLowerBound(
        likelihood="gaussian", beta=4.0
    ),
    "ctc": CTC(),
}


def loss(name: str) -> Loss:
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    return LOSSES[name]
