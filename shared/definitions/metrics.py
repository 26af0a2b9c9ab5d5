"""How well a model did, of NumPy arrays: what it put out, then what was wanted.

What scikit-learn has is scikit-learn's, BLEU sacrebleu's; either is imported by the
first call that needs it. Unlike a loss, a metric of nothing is refused.
"""

import importlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from shared.arrays import Array
from shared.definitions.losses import MAE, MSE, CrossEntropy
from shared.errors import UsageError
from shared.fields import Size, require

Average = Literal["binary", "micro", "macro", "weighted"]
Curve = tuple[Array, Array, Array]


# Of classes; predicted, target: whole numbers of equal shape


def accuracy(predicted: Array, target: Array) -> float:
    """The share that is right."""
    _alike("accuracy", predicted, target)
    return float(np.mean(predicted == target))


def top_k(scores: Array, target: Array, k: int = 5) -> float:
    """The share whose target is among the k highest of scores, [..., classes]. Of equal
    scores the lower class comes first, as with argmax, so top 1 is the accuracy."""
    require("top_k", "k", k, Size)
    _alike("top_k", scores[..., 0], target)
    best = np.argsort(-scores, -1, kind="stable")[..., :k]
    return float(np.mean((best == target[..., None]).any(-1)))


def precision(predicted: Array, target: Array, average: Average = "macro") -> float:
    """Give the share of what was said to be a class that is one; it is 0 where nothing
    was said."""
    return _score("precision", predicted, target, average)


def recall(predicted: Array, target: Array, average: Average = "macro") -> float:
    """Give the share of what is a class that was said to be one; it is 0 where nothing
    is."""
    return _score("recall", predicted, target, average)


def f1(predicted: Array, target: Array, average: Average = "macro") -> float:
    """Compute the harmonic mean of both, class by class."""
    return _score("f1", predicted, target, average)


def confusion(predicted: Array, target: Array, classes: int) -> Array:
    """How often each target (row) was predicted as each class (column)."""
    require("confusion", "classes", classes, Size)
    _alike("confusion", predicted, target)
    _below("confusion", classes, predicted, target)
    labels = range(classes)
    library = _library("confusion", "sklearn.metrics", "scikit-learn")
    return library.confusion_matrix(target.ravel(), predicted.ravel(), labels=labels)


def iou(predicted: Array, target: Array, classes: int) -> float:
    """Give the intersection over the union of two maps of classes (Jaccard 1912); the
    mean over the classes that either has."""
    table = confusion(predicted, target, classes)
    both = np.diag(table)
    either = table.sum(0) + table.sum(1) - both
    return float(np.mean(both[either > 0] / either[either > 0]))


def dice(
    predicted: Array, target: Array, classes: int, background: int | None = None
) -> float:
    """Give twice the intersection over both sizes of two maps of classes (Dice 1945,
    https://doi.org/10.2307/1932409); the mean over the classes that either has, but
    for the background. It is 1 where neither has any: both say that nothing is there.
    """
    table = confusion(predicted, target, classes)
    both, sizes = np.diag(table), table.sum(0) + table.sum(1)
    counts = (sizes > 0) & (np.arange(classes) != background)
    return float(np.mean(2 * both[counts] / sizes[counts])) if counts.any() else 1.0


# Of scores; higher for what is 1


def roc(scores: Array, target: Array) -> Curve:
    """Give the rates of false and of true positives, and the thresholds, falling."""
    _two("roc", scores, target)
    library = _library("roc", "sklearn.metrics", "scikit-learn")
    return library.roc_curve(target, scores, drop_intermediate=False)


def auc(scores: Array, target: Array) -> float:
    """Compute the area below that curve; of scores [n, classes], of each class against
    the rest, then their mean."""
    if scores.ndim == 1:
        _two("auc", scores, target)
        library = _library("auc", "sklearn.metrics", "scikit-learn")
        return float(library.roc_auc_score(target, scores))
    _alike("auc", scores[..., 0], target)
    each = [auc(of, (target == i).astype(int)) for i, of in enumerate(scores.T)]
    return float(np.mean(each))


def pr_curve(scores: Array, target: Array) -> Curve:
    """Give precision and recall, and the thresholds, rising; the last point, (1, 0),
    has none."""
    _two("pr_curve", scores, target)
    library = _library("pr_curve", "sklearn.metrics", "scikit-learn")
    return library.precision_recall_curve(target, scores)


# Of text


def perplexity(z: Array, target: Array, ignore: int | None = None) -> float:
    """Compute exp of the mean cross-entropy of logits, [..., tokens]: among how many
    tokens the model is as good as guessing."""
    _alike("perplexity", z[..., 0], target)
    return float(np.exp(CrossEntropy(ignore=ignore).value((z,), (target,))))


def bleu(predicted: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Compute BLEU from 0 to 100 (Papineni et al. 2002,
    https://doi.org/10.3115/1073083.1073135), as sacrebleu's defaults have it (Post
    2018, arXiv:1804.08771): one reference or more a sentence, whole sentences, not
    tokens."""
    if not predicted or len(predicted) != len(references):
        found = f"{len(predicted)} sentences, {len(references)} sets of references"
        raise UsageError(f"bleu: {found}; allowed: as many of both, at least 1")
    number = {len(each) for each in references}
    if len(number) != 1 or 0 in number:
        raise UsageError("bleu: allowed: equally many references for each sentence")
    streams = [list(stream) for stream in zip(*references, strict=True)]
    library = _library("bleu", "sacrebleu", "sacrebleu")
    return float(library.corpus_bleu(list(predicted), streams).score)


# Of numbers


def mse(predicted: Array, target: Array) -> float:
    _alike("mse", predicted, target)
    return float(MSE().value((predicted,), (target,)))


def mae(predicted: Array, target: Array) -> float:
    _alike("mae", predicted, target)
    return float(MAE().value((predicted,), (target,)))


def r2(predicted: Array, target: Array) -> float:
    """The share of the target's variance that is explained; of [n, targets] the mean
    over targets. 1 is perfect, 0 as good as saying the mean."""
    _alike("r2", predicted, target)
    library = _library("r2", "sklearn.metrics", "scikit-learn")
    return float(library.r2_score(target, predicted))


# What they have in common


def _score(metric: str, predicted: Array, target: Array, average: Average) -> float:
    require(metric, "average", average, Average)
    _alike(metric, predicted, target)
    if average == "binary":
        _below(f"{metric} with average 'binary'", 2, predicted, target)
    library = _library(metric, "sklearn.metrics", "scikit-learn")
    score = getattr(library, f"{metric}_score")
    return float(
        score(target.ravel(), predicted.ravel(), average=average, zero_division=0)
    )


def _alike(metric: str, predicted: Array, target: Array) -> None:
    if predicted.shape != target.shape:
        shapes = f"{predicted.shape} and {target.shape}"
        raise UsageError(f"{metric}: shapes {shapes}; allowed: equal ones")
    if not target.size:
        raise UsageError(f"{metric} of nothing; allowed: one value or more")


def _below(metric: str, classes: int, *arrays: Array) -> None:
    for array in arrays:
        if array.min() < 0 or array.max() >= classes:
            found = f"classes from {array.min()} to {array.max()}"
            raise UsageError(f"{metric}: {found}; allowed: from 0 to {classes - 1}")


def _two(metric: str, scores: Array, target: Array) -> None:
    _alike(metric, scores, target)
    if set(np.unique(target)) != {0, 1}:
        raise UsageError(f"{metric}: allowed: targets 0 and 1, at least one of each")


def _library(metric: str, module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UsageError(f"{metric} needs {package}: pip install {package}") from None


def discrepancy(samples: Array, data: Array) -> float:
    """How far two samples, [n, ...] and [m, ...], are from one distribution: the
    squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13, equation 3), without
    bias, so that around 0, also below it, nothing tells them apart. Its kernel is
    exp(-|x - y|^2 / h), with the median of |x - y|^2 within the data for h."""
    x, y = samples.reshape(len(samples), -1), data.reshape(len(data), -1)
    of_data = _distances(y, y)
    h = np.median(of_data[~np.eye(len(y), dtype=bool)])
    within = [
        (np.exp(-squares / h).sum() - len(squares))
        / (len(squares) * (len(squares) - 1))
        for squares in (_distances(x, x), of_data)
    ]
    return float(sum(within) - 2 * np.exp(-_distances(x, y) / h).mean())


def _distances(x: Array, y: Array) -> Array:
    """Give the squared distance of each of x from each of y."""
    squares = np.square(x).sum(1)[:, None] + np.square(y).sum(1) - 2 * x @ y.T
    return np.maximum(squares, 0.0)
