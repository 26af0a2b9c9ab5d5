"""The losses in PyTorch. Definitions, papers: shared/definitions/losses.

A loss takes what the model put out and what was wanted, in this order. One file to
lift: it needs nothing of this suite.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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


class _Loss(nn.Module):
    """A loss; its settings are attributes."""

    allowed: dict[str, tuple[float, float]] = {}

    def __init__(self, **settings: Any):
        super().__init__()
        for name, value in settings.items():
            if allowed := _allowed(name, value, self.allowed):
                kind = type(self).__name__
                raise ValueError(f"{kind}: {name} is {value!r}; allowed: {allowed}")
            setattr(self, name, value)


# Of numbers


class MSE(_Loss):
    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        return _mean((y - target).square())


class MAE(_Loss):
    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        return _mean((y - target).abs())


class MBE(_Loss):
    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        return _mean(y - target)


class Huber(_Loss):
    delta: float

    def __init__(self, *, delta: float = 1.0):
        super().__init__(delta=delta)

    def forward(self, y: Tensor, target: Tensor) -> Tensor:
        return _mean(F.huber_loss(y, target, reduction="none", delta=self.delta))


# Of classes


class CrossEntropy(_Loss):
    label_smoothing: float
    class_weights: Weights
    ignore: int | None

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

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        weights, ignore, count = _counted(z, target, self.class_weights, self.ignore)
        total = F.cross_entropy(
            z.flatten(0, -2),
            target.flatten(),
            weights,
            ignore_index=ignore,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return total / count


class NLL(_Loss):
    class_weights: Weights
    ignore: int | None

    def __init__(self, *, class_weights: Weights = None, ignore: int | None = None):
        super().__init__(class_weights=class_weights, ignore=ignore)

    def forward(self, log_p: Tensor, target: Tensor) -> Tensor:
        rows = log_p.flatten(0, -2), target.flatten()
        weights, ignore, count = _counted(
            log_p, target, self.class_weights, self.ignore
        )
        total = F.nll_loss(*rows, weights, ignore_index=ignore, reduction="sum")
        return total / count


class DenseCrossEntropy(_Loss):
    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        return _mean(-(target * F.log_softmax(z, -1)).sum(-1))


class KL(_Loss):
    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        each = F.kl_div(F.log_softmax(z, -1), target, reduction="none")
        return _mean(each.sum(-1))


class BinaryCrossEntropy(_Loss):
    pos_weight: Weights

    def __init__(self, *, pos_weight: Weights = None):
        super().__init__(pos_weight=pos_weight)

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        weight = None if self.pos_weight is None else z.new_tensor(self.pos_weight)
        return _mean(
            F.binary_cross_entropy_with_logits(
                z, target.to(z.dtype), pos_weight=weight, reduction="none"
            )
        )


class Focal(_Loss):
    gamma: float
    alpha: float | None

    def __init__(self, *, gamma: float = 2.0, alpha: float | None = 0.25):
        super().__init__(gamma=gamma, alpha=alpha)

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        s = torch.where(target > 0, z, -z)
        # DIFF(focal-power): a power of 1 - p_t has no finite gradient where p_t is 1.
        each = -torch.exp(self.gamma * F.logsigmoid(-s)) * F.logsigmoid(s)
        if self.alpha is not None:
            each = torch.where(target > 0, self.alpha, 1 - self.alpha) * each
        return _mean(each)


class Hinge(_Loss):
    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        return _mean(F.relu(1 - target * z))


class MulticlassHinge(_Loss):
    margin: float

    def __init__(self, *, margin: float = 1.0):
        super().__init__(margin=margin)

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        over = F.relu(self.margin - z.gather(-1, target[..., None]) + z)
        own = torch.arange(z.shape[-1], device=z.device) == target[..., None]
        return _mean(over.masked_fill(own, 0.0).sum(-1) / z.shape[-1])


# Of distances


class Contrastive(_Loss):
    margin: float

    def __init__(self, *, margin: float = 1.0):
        super().__init__(margin=margin)

    def forward(self, a: Tensor, b: Tensor, target: Tensor) -> Tensor:
        squares = (a - b).square().sum(-1)
        apart = F.relu(self.margin - root(squares)).square()
        return _mean(torch.where(target > 0, apart, squares) / 2)


class Triplet(_Loss):
    margin: float
    squared: bool

    def __init__(self, *, margin: float = 0.2, squared: bool = True):
        super().__init__(margin=margin, squared=squared)

    def forward(self, a: Tensor, p: Tensor, n: Tensor) -> Tensor:
        near, far = (a - p).square().sum(-1), (a - n).square().sum(-1)
        if not self.squared:
            # DIFF(triplet-eps): torch's own adds 1e-6 to every difference.
            near, far = root(near), root(far)
        return _mean(F.relu(near - far + self.margin))


class CosineEmbedding(_Loss):
    margin: float
    allowed = {"margin": (0.0, 1.0)}

    def __init__(self, *, margin: float = 0.0):
        super().__init__(margin=margin)

    def forward(self, a: Tensor, b: Tensor, target: Tensor) -> Tensor:
        # DIFF(cosine-eps): torch's own adds 1e-12 to the squares.
        norms = root(a.square().sum(-1)) * root(b.square().sum(-1))
        cos = (a * b).sum(-1) / torch.where(norms > 0, norms, 1.0)
        cos = torch.where(norms > 0, cos, 0.0)
        return _mean(torch.where(target > 0, 1 - cos, F.relu(cos - self.margin)))


# Of distributions


class EvidenceLowerBound(_Loss):
    likelihood: str
    beta: float

    def __init__(self, *, likelihood: str = "bernoulli", beta: float = 1.0):
        super().__init__(likelihood=likelihood, beta=beta)

    def forward(
        self, y: Tensor, mean: Tensor, log_variance: Tensor, target: Tensor
    ) -> Tensor:
        return self.reconstruction(y, target) + self.beta * self.divergence(
            mean, log_variance
        )

    def reconstruction(self, y: Tensor, target: Tensor) -> Tensor:
        if self.likelihood == "bernoulli":
            each = F.softplus(y) - target * y
        else:
            each = ((target - y).square() + math.log(2 * math.pi)) / 2
        return each.sum() / max(len(y), 1)

    def divergence(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        each = mean.square() + log_variance.exp() - log_variance - 1
        return each.sum() / 2 / max(len(mean), 1)


# Of sequences


class CTC(_Loss):
    def forward(
        self, z: Tensor, labels: Tensor, steps: Tensor, lengths: Tensor
    ) -> Tensor:
        if not len(z):
            return z.sum()  # which F.ctc_loss refuses
        log_p = F.log_softmax(z, -1).transpose(0, 1)
        each = F.ctc_loss(
            log_p, labels, steps, lengths, reduction="none", zero_infinity=True
        )
        return _mean(each)


# What they have in common


def _mean(each: Tensor) -> Tensor:
    return each.sum() / max(each.numel(), 1)


def _counted(
    z: Tensor, target: Tensor, weights: Weights, ignore: int | None
) -> tuple[Tensor | None, int, Tensor]:
    """The weights, what is ignored, and what a sum is divided by."""
    ignore = -100 if ignore is None else ignore
    counts = target != ignore
    if weights is None:
        return None, ignore, torch.clamp(counts.sum(), min=1)
    of_class = z.new_tensor(weights)
    total = (of_class[torch.where(counts, target, 0)] * counts).sum()
    return of_class, ignore, torch.where(total > 0, total, 1.0)


def root(squares: Tensor) -> Tensor:
    """The square root, whose gradient at 0 is 0."""
    above = squares > 0
    return torch.where(above, torch.where(above, squares, 1.0).sqrt(), 0.0)
