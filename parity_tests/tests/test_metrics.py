"""The metrics, by hand and against scikit-learn's own words for them."""

import importlib
import math

import numpy as np
import pytest

from shared.definitions import metrics
from shared.errors import UsageError

sklearn = pytest.importorskip("sklearn.metrics")

# 0: 2 of 3 found, 1 of 2 said; 1: 1 of 2 found, 2 said; 2: 1 of 1 found, 1 said.
TARGET = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 2])
SCORES = np.array([0.1, 0.4, 0.35, 0.8])
TWO = np.array([0, 0, 1, 1])


def test_accuracy():
    assert metrics.accuracy(PREDICTED, TARGET) == 4 / 6
    assert metrics.accuracy(PREDICTED.reshape(2, 3), TARGET.reshape(2, 3)) == 4 / 6


def test_discrepancy():
    """By hand of four points on a line, and what it must tell apart."""
    x, y = np.array([[0.0], [1.0]]), np.array([[2.0], [4.0]])
    kernel = lambda d: math.exp(-(d**2) / 4)  # noqa: E731
    between = (kernel(2) + kernel(4) + kernel(1) + kernel(3)) / 4
    by_hand = kernel(1) + kernel(2) - 2 * between
    assert metrics.discrepancy(x, y) == pytest.approx(by_hand)
    draw = np.random.default_rng(0)
    one, same = draw.standard_normal((2, 300, 2, 3))
    away, wide = draw.standard_normal((300, 2, 3)) + 0.5, 1.5 * one
    assert abs(metrics.discrepancy(same, one)) < 2e-3
    assert metrics.discrepancy(away, one) > 2e-2
    assert metrics.discrepancy(wide, same) > 1e-2


def test_top_k():
    scores = np.array([[3.0, 2, 1, 0], [0, 3, 2, 1], [1, 1, 1, 1]])
    target = np.array([1, 3, 1])
    assert [metrics.top_k(scores, target, k) for k in (1, 2, 3, 4, 9)] == [
        0, 2 / 3, 1, 1, 1,
    ]  # fmt: skip
    draw = np.random.default_rng(0)
    scores, target = draw.standard_normal((50, 7)), draw.integers(0, 7, 50)
    assert metrics.top_k(scores, target, 1) == metrics.accuracy(
        scores.argmax(-1), target
    )
    theirs = sklearn.top_k_accuracy_score(target, scores, k=3, labels=range(7))
    assert metrics.top_k(scores, target, 3) == pytest.approx(theirs)


def test_precision_recall_and_f1():
    assert metrics.precision(PREDICTED, TARGET) == pytest.approx(
        (2 / 3 + 1 / 2 + 1) / 3
    )
    assert metrics.recall(PREDICTED, TARGET) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert metrics.f1(PREDICTED, TARGET, "micro") == pytest.approx(4 / 6)
    weighted = (3 * 2 / 3 + 2 * 1 / 2 + 1) / 6
    assert metrics.recall(PREDICTED, TARGET, "weighted") == pytest.approx(weighted)
    said = np.array([1, 1, 1, 0, 0])
    true = np.array([1, 0, 0, 1, 0])
    assert metrics.precision(said, true, "binary") == pytest.approx(1 / 3)
    assert metrics.recall(said, true, "binary") == pytest.approx(1 / 2)
    assert metrics.f1(said, true, "binary") == pytest.approx(2 / 5)
    assert metrics.precision(0 * said, true, "binary") == 0


def test_confusion_and_iou():
    table = metrics.confusion(PREDICTED, TARGET, 4)
    assert table.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0] * 4]
    by_hand = (2 / 4 + 1 / 3 + 1) / 3
    assert metrics.iou(PREDICTED, TARGET, 4) == pytest.approx(by_hand)
    theirs = sklearn.jaccard_score(TARGET, PREDICTED, average="macro")
    assert metrics.iou(PREDICTED, TARGET, 3) == pytest.approx(theirs)


def test_roc_and_auc():
    false, true, thresholds = metrics.roc(SCORES, TWO)
    assert false.tolist() == [0, 0, 0.5, 0.5, 1]
    assert true.tolist() == [0, 0.5, 0.5, 1, 1]
    assert thresholds.tolist() == [math.inf, 0.8, 0.4, 0.35, 0.1]
    assert metrics.auc(SCORES, TWO) == 0.75
    # The share of pairs in the right order; an equal pair is half right.
    assert metrics.auc(np.array([1.0, 1, 2]), np.array([0, 1, 1])) == 0.75


def test_auc_of_classes():
    draw = np.random.default_rng(0)
    p, target = draw.dirichlet(np.ones(3), 60), draw.integers(0, 3, 60)
    theirs = sklearn.roc_auc_score(target, p, multi_class="ovr")
    assert metrics.auc(p, target) == pytest.approx(theirs)


def test_pr_curve():
    precision, recall, thresholds = metrics.pr_curve(SCORES, TWO)
    assert precision == pytest.approx([1 / 2, 2 / 3, 1 / 2, 1, 1])
    assert recall.tolist() == [1, 1, 0.5, 0.5, 0]
    assert thresholds.tolist() == [0.1, 0.35, 0.4, 0.8]


def test_perplexity():
    assert metrics.perplexity(np.zeros((2, 3, 7)), np.ones((2, 3), int)) == (
        pytest.approx(7)
    )
    z, target = np.log([[1.0, 3.0], [1.0, 1.0]]), np.array([1, 9])
    assert metrics.perplexity(z, target, ignore=9) == pytest.approx(4 / 3)


def test_bleu():
    pytest.importorskip("sacrebleu")
    said = ["the cat sat on the mat today", "it is raining outside again"]
    assert metrics.bleu(said, [[s] for s in said]) == pytest.approx(100)
    # 6 of 7 words, 5 of 6 pairs, 4 of 5 triples, 3 of 4 fours; no brevity penalty.
    by_hand = 100 * (6 / 7 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    found = metrics.bleu(
        ["the cat sat on the mat now"], [["the cat sat on the mat today"]]
    )
    assert found == pytest.approx(by_hand)
    other = "the dog stood on a mat now"
    more = metrics.bleu(
        ["the cat sat on the mat now"], [["the cat sat on the mat today", other]]
    )
    assert more > found


def test_of_numbers():
    predicted, target = np.array([2.5, 0.0, 2, 8]), np.array([3.0, -0.5, 2, 7])
    assert metrics.mse(predicted, target) == 0.375
    assert metrics.mae(predicted, target) == 0.5
    spread = np.square(target - target.mean()).sum()
    assert metrics.r2(predicted, target) == pytest.approx(1 - 1.5 / spread)
    assert metrics.r2(np.full(4, target.mean()), target) == pytest.approx(0)
    assert metrics.mse(predicted, target) == sklearn.mean_squared_error(
        target, predicted
    )


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.accuracy(TWO, TARGET), r"accuracy: shapes (4,) and (6,)"),
        (lambda: metrics.mse(np.ones(0), np.ones(0)), "mse of nothing; allowed"),
        (lambda: metrics.top_k(np.ones((4, 2)), TWO, 0), "top_k.k is 0; allowed"),
        (lambda: metrics.f1(TWO, TWO, "mean"), "f1.average is 'mean'; allowed: one of"),
        (
            lambda: metrics.precision(PREDICTED, TARGET, "binary"),
            "precision with average 'binary': classes from 0 to 2; allowed: from 0",
        ),
        (
            lambda: metrics.confusion(PREDICTED, TARGET, 2),
            "confusion: classes from 0 to 2; allowed: from 0 to 1",
        ),
        (lambda: metrics.roc(SCORES, 0 * TWO), "roc: allowed: targets 0 and 1"),
        (lambda: metrics.bleu(["a"], []), "bleu: 1 sentences, 0 sets of references"),
        (lambda: metrics.bleu(["a"], [[]]), "bleu: allowed: equally many references"),
    ],
)
def test_what_cannot_be_measured_is_refused(call, said):
    with pytest.raises(UsageError) as error:
        call()
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda: metrics.f1(TWO, TWO),
            "f1 needs scikit-learn: pip install scikit-learn",
        ),
        (lambda: metrics.bleu(["a"], [["a"]]), "bleu needs sacrebleu: pip install"),
    ],
)
def test_a_missing_library_is_named(monkeypatch, call, said):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UsageError, match=said):
        call()
