"""Every loss and its gradient against the definition in NumPy, float64; the gradients
against differences; round trips; bad values."""

import itertools
import math
import re

import numpy as np
import pytest

from parity_tests import following, tolerances
from parity_tests.definition_judge import settings
from parity_tests.following import CASES, CLASSES, off
from parity_tests.tests import held
from shared.definitions import losses
from shared.definitions.losses import LOSSES
from shared.definitions.losses.base import log_softmax
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE, PACKAGES
from shared.randomness import generator

IGNORING = [n for n, v in LOSSES.items() if getattr(v, "ignore", None) is not None]


@pytest.mark.parametrize(("case", "framework"), held.spread(CASES, lambda case: ""))
@pytest.mark.parametrize("name", LOSSES)
def test_follows_the_definition(workers, framework, name, case):
    worker = workers.get(framework, "float64")
    assert following.of_loss(worker, name, case) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", LOSSES)
def test_takes_what_the_definition_takes(workers, framework, name):
    check = settings(PACKAGES[framework], "losses", LOSSES[name])
    assert check(workers.get(framework, "float64")) == ""


@pytest.mark.parametrize("framework", held.sampled(FRAMEWORKS, NATIVE))
@pytest.mark.parametrize("name", LOSSES)
def test_in_float32(workers, framework, name):
    """In which some have a form of their own."""
    loss, worker = LOSSES[name], workers.get(framework, "float32")
    for case in ("rows", "sequences"):
        outputs, targets = following.example(name, case)
        single = [
            tuple(a.astype(np.float32) if a.dtype.kind == "f" else a for a in arrays)
            for arrays in (outputs, targets)
        ]
        value, gradients = worker.evaluate(loss, *single)
        assert value.dtype == np.float32
        assert value == pytest.approx(float(loss.value(outputs, targets)), rel=1e-4)
        for a, b in zip(loss.gradient(outputs, targets), gradients, strict=True):
            assert b.dtype == np.float32
            assert off(a, b) <= 1e-4


@pytest.mark.parametrize("framework", held.sampled(FRAMEWORKS, NATIVE))
@pytest.mark.parametrize("name", IGNORING)
def test_nothing_counts(workers, framework, name):
    loss, draw = LOSSES[name], generator("loss", name)
    z, target = draw.standard_normal((4, CLASSES)), np.full(4, loss.ignore)
    value, (gradient,) = workers.get(framework, "float64").evaluate(
        loss, (z,), (target,)
    )
    assert value == loss.value((z,), (target,)) == 0
    assert not gradient.any()
    assert not loss.gradient((z,), (target,))[0].any()


# The definitions themselves


@pytest.mark.parametrize("case", ["rows", "sequences"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_the_slope(name, case):
    """Against differences over 2e-6; no kink lies so near to random numbers."""
    loss, (outputs, targets) = LOSSES[name], following.example(name, case)
    for i, gradient in enumerate(loss.gradient(outputs, targets)):
        slope = np.zeros_like(gradient)
        for place in np.ndindex(gradient.shape):
            values = []
            for h in (1e-6, -1e-6):
                moved = [a.copy() for a in outputs]
                moved[i][place] += h
                values.append(float(loss.value(tuple(moved), targets)))
            slope[place] = (values[0] - values[1]) / 2e-6
        assert np.abs(slope - gradient).max() < 1e-8


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", LOSSES)
def test_finite_everywhere_and_nothing_of_nothing(name, case):
    loss, (outputs, targets) = LOSSES[name], following.example(name, case)
    value = loss.value(outputs, targets)
    assert np.isfinite(value)
    assert value == 0 or case != "none"
    for output, gradient in zip(outputs, loss.gradient(outputs, targets), strict=True):
        assert gradient.shape == output.shape
        assert np.isfinite(gradient).all()


def _value(loss, outputs, *targets):
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return float(
        loss.value(
            tuple(np.array(o, float) for o in outputs), tuple(map(np.array, targets))
        )
    )


def test_by_hand():
    assert _value(losses.MSE(), [1, 4], [2, 2]) == 2.5
    assert _value(losses.MAE(), [1, 4], [2, 2]) == 1.5
    assert _value(losses.MBE(), [1, 4], [2, 2]) == 0.5
    assert _value(losses.Huber(delta=2.0), [1, 7], [2, 2]) == (0.5 + 8) / 2
    two = np.log([[1.0, 3.0]])
    assert _value(losses.CrossEntropy(), two, [1]) == pytest.approx(np.log(4 / 3))
    smooth = losses.CrossEntropy(label_smoothing=0.2)
    by_hand = 0.9 * np.log(4 / 3) + 0.1 * np.log(4)
    assert _value(smooth, two, [1]) == pytest.approx(by_hand)
    half = np.log([[0.5, 0.5], [0.25, 0.75]])
    weighted = losses.CrossEntropy(class_weights=(1.0, 3.0))
    by_hand = (np.log(2) + 3 * np.log(4 / 3)) / 4
    assert _value(weighted, half, [0, 1]) == pytest.approx(by_hand)
    assert _value(losses.NLL(), half, [0, 1]) == pytest.approx(
        (np.log(2) + np.log(4 / 3)) / 2
    )
    assert _value(losses.DenseCrossEntropy(), two, [[0.5, 0.5]]) == pytest.approx(
        (np.log(4) + np.log(4 / 3)) / 2
    )
    assert _value(losses.KL(), two, [[0.25, 0.75]]) == pytest.approx(0, abs=1e-15)
    assert _value(losses.KL(), two, [[1.0, 0.0]]) == pytest.approx(np.log(4))


def test_by_hand_of_one_logit_and_of_distances():
    weighted = losses.BinaryCrossEntropy(pos_weight=(3.0,))
    assert _value(weighted, np.log([3.0, 3.0]), [1.0, 0.0]) == pytest.approx(
        (3 * np.log(4 / 3) + np.log(4)) / 2
    )
    assert _value(losses.Focal(), np.log([3.0]), [1.0]) == pytest.approx(
        0.25 * 0.25**2 * np.log(4 / 3)
    )
    assert _value(losses.Focal(), np.log([3.0]), [0.0]) == pytest.approx(
        0.75 * 0.75**2 * np.log(4)
    )
    assert _value(losses.Hinge(), [0.5, 2.0, 0.5], [1, 1, -1]) == (0.5 + 0 + 1.5) / 3
    several = losses.MulticlassHinge()
    assert _value(several, [[1.0, 0.5, -3.0]], [0]) == pytest.approx(0.5 / 3)
    pair = [[0.0, 0.0], [0.0, 0.0]], [[3.0, 4.0], [0.0, 0.5]]
    assert _value(losses.Contrastive(margin=2.0), pair, [0, 1]) == (12.5 + 1.125) / 2
    triple = [[0.0]], [[2.0]], [[3.0]]
    assert _value(losses.Triplet(margin=6.0), triple) == 4 - 9 + 6
    assert _value(losses.Triplet(margin=6.0, squared=False), triple) == 2 - 3 + 6
    pair = [[1.0, 0.0], [1.0, 0.0]], [[3.0, 4.0], [3.0, 4.0]]
    assert _value(losses.CosineEmbedding(margin=0.5), pair, [1, -1]) == pytest.approx(
        (0.4 + 0.1) / 2
    )


def test_the_evidence_lower_bound_by_hand():
    """Of one sample: -log p(x|z) with p = 3/4 for x = 1, and the divergence of
    N(2, e) from N(0, 1)."""
    outputs = np.log([[3.0]]), [[2.0]], [[1.0]]
    away = (4 + np.e - 1 - 1) / 2
    bound = losses.EvidenceLowerBound(beta=3.0)
    assert _value(bound, outputs, [[1.0]]) == pytest.approx(np.log(4 / 3) + 3 * away)
    gaussian = losses.EvidenceLowerBound(likelihood="gaussian")
    by_hand = -np.log(np.exp(-((np.log(3) - 1) ** 2) / 2) / np.sqrt(2 * np.pi)) + away
    assert _value(gaussian, outputs, [[1.0]]) == pytest.approx(by_hand)


def test_the_divergence_is_an_integral():
    """Of q log q / p over z, for a normal q in one dimension."""
    mean, log_variance = np.array([[0.7]]), np.array([[-0.9]])
    z = np.linspace(-12, 12, 200_001)
    variance = np.exp(-0.9)
    log_q = -((z - 0.7) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    log_p = -(z**2) / 2 - np.log(2 * np.pi) / 2
    by_sum = (np.exp(log_q) * (log_q - log_p)).sum() * (z[1] - z[0])
    found = losses.EvidenceLowerBound().divergence((mean, mean, log_variance))
    assert found == pytest.approx(by_sum, rel=1e-9)


@pytest.mark.parametrize("labels", [[], [1], [1, 1], [1, 2], [2, 1, 2], [1, 1, 1]])
def test_ctc_is_the_sum_over_all_alignments(labels):
    z = generator("ctc", *labels).standard_normal((1, 4, 3))
    p, total = np.exp(log_softmax(z))[0], 0.0
    for path in itertools.product(range(3), repeat=4):
        said = [k for k, _ in itertools.groupby(path) if k != 0]
        total += math.prod(p[range(4), path]) * (said == labels)
    padded = np.array([[*labels, 0]])
    found = losses.CTC().value((z,), (padded, np.array([4]), np.array([len(labels)])))
    assert found == pytest.approx(-np.log(total) if total else 0, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: losses.Huber(delta=0.0), "Huber.delta is 0.0; allowed: a number"),
        (lambda: losses.CrossEntropy(label_smoothing=1.0), "label_smoothing is 1.0"),
        (
            lambda: losses.CrossEntropy(class_weights=(1.0, -1.0)),
            "CrossEntropy.class_weights is (1.0, -1.0); allowed: each a number of",
        ),
        (lambda: losses.Focal(alpha=1.5), "Focal.alpha is 1.5; allowed: a number"),
        (
            lambda: losses.EvidenceLowerBound(likelihood="poisson"),
            "likelihood is 'poisson'; allowed: one of 'bernoulli', 'gaussian'",
        ),
        (lambda: losses.Triplet(margin=-1.0), "Triplet.margin is -1.0"),
        (lambda: losses.Triplet(squared=1), "Triplet.squared is 1"),
        (lambda: losses.CosineEmbedding(margin=1.0), "CosineEmbedding.margin is 1.0"),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)


# The native forms, where they stand

TORCH = """
    import pytest
    import torch
    import torch.nn.functional as F
    from pytorch_impl import losses as own

    def like_torch():
        torch.manual_seed(0)
        z, t = torch.randn(6, 5), torch.randint(0, 5, (6,))
        a, b, c = torch.randn(3, 6, 5)
        y, weights = (torch.rand(6, 5) < 0.5).to(z), (1.0, 0.3, 2.0, 0.1, 3.5)
        sign, w = torch.sign(a[:, 0]), torch.tensor(weights)
        for mine, theirs in (
            (own.MSE()(a, b), F.mse_loss(a, b)),
            (own.MAE()(a, b), F.l1_loss(a, b)),
            (own.Huber(delta=0.7)(a, b), F.huber_loss(a, b, delta=0.7)),
            (
                own.CrossEntropy(label_smoothing=0.1, class_weights=weights)(z, t),
                F.cross_entropy(z, t, w, label_smoothing=0.1),
            ),
            (own.DenseCrossEntropy()(z, b.softmax(-1)),
             F.cross_entropy(z, b.softmax(-1))),
            (own.KL()(z, b.softmax(-1)),
             F.kl_div(z.log_softmax(-1), b.softmax(-1), reduction="batchmean")),
            (own.BinaryCrossEntropy(pos_weight=weights)(z, y),
             F.binary_cross_entropy_with_logits(z, y, pos_weight=w)),
            (own.MulticlassHinge(margin=0.8)(z, t),
             F.multi_margin_loss(z, t, margin=0.8)),
            (own.CosineEmbedding(margin=0.1)(a, b, sign),
             F.cosine_embedding_loss(a, b, sign, margin=0.1)),
        ):
            assert torch.allclose(mine, theirs, rtol=1e-11), (mine, theirs)

    def in_training():
        with torch.enable_grad():
            z = torch.zeros(3, 2, requires_grad=True)
            own.Focal()(z, torch.ones(3, 2)).backward()
        assert (z.grad < 0).all()
        assert own.CrossEntropy(class_weights=(1.0, 2.0)).state_dict() == {}

    def refuses():
        for make, said in (
            (lambda: own.Huber(delta=0.0), "Huber: delta is 0.0; allowed"),
            (lambda: own.NLL(class_weights=(1.0, -1.0)), "NLL: class_weights is (1.0"),
            (lambda: own.CosineEmbedding(margin=1.0), "CosineEmbedding: margin is 1.0"),
            (
                lambda: own.EvidenceLowerBound(likelihood="poisson"),
                "likelihood is 'poisson'; allowed: bernoulli, gaussian",
            ),
        ):
            with pytest.raises(ValueError) as error:
                make()
            assert said in str(error.value)
"""
KERAS = """
    import keras
    import numpy as np
    import pytest
    from keras import ops
    from keras_impl import losses as own

    def round_trip():
        every = [
            own.MSE(), own.Huber(delta=0.5), own.Focal(alpha=None), own.Hinge(),
            own.CrossEntropy(class_weights=(1.0, 2.0), ignore=3), own.KL(),
            own.BinaryCrossEntropy(pos_weight=(2.0,)), own.Triplet(squared=False),
        ]
        for loss in every:
            again = type(loss).from_config(loss.get_config())
            assert again.get_config() == loss.get_config()
            kept = keras.saving.serialize_keras_object(loss)
            again = keras.saving.deserialize_keras_object(kept)
            assert again.get_config() == loss.get_config()

    def in_fit():
        rows = np.random.default_rng(0).standard_normal((10, 3))
        for loss, target in (
            (own.CrossEntropy(class_weights=(1.0, 2.0, 3.0)), np.arange(10) % 3),
            (own.MSE(), rows),
            (own.BinaryCrossEntropy(), (rows > 0).astype(float)),
        ):
            model = keras.Sequential([keras.layers.Dense(3)])
            model.compile(keras.optimizers.SGD(0.1), loss)
            # The last batch is smaller, so that the sizes are not known beforehand.
            model.fit(rows, target, batch_size=4, epochs=2, verbose=0)
            said = model.evaluate(rows, target, batch_size=10, verbose=0)
            found = float(loss(target, model.predict(rows, verbose=0)))
            assert abs(said - found) < 1e-5 * abs(found)

    def refuses():
        for make, said in (
            (lambda: own.Huber(delta=0.0), "Huber: delta is 0.0; allowed"),
            (lambda: own.NLL(class_weights=(1.0, -1.0)), "NLL: class_weights is (1.0"),
            (lambda: own.CosineEmbedding(margin=1.0), "CosineEmbedding: margin is 1.0"),
            (
                lambda: own.EvidenceLowerBound(likelihood="poisson"),
                "likelihood is 'poisson'; allowed: bernoulli, gaussian",
            ),
        ):
            with pytest.raises(ValueError) as error:
                make()
            assert said in str(error.value)
"""
JAX = """
    import jax
    import jax.numpy as jnp
    import optax
    import pytest
    from jax_impl import losses as own

    def in_jit():
        z, target = jnp.ones((4, 3)), jnp.array([0, 1, 2, 0])
        loss = own.cross_entropy(class_weights=(1.0, 2.0, 3.0), ignore=1)
        assert jax.jit(loss)(z, target) == loss(z, target)
        each = jax.vmap(loss)(z[:, None], target[:, None])
        assert each.shape == (4,)
        assert each[1] == 0

    def like_optax():
        a, b = jax.random.normal(jax.random.key(0), (2, 6, 5))
        y, t = jnp.where(b > 0, 1.0, 0.0), jnp.arange(6) % 5
        p = jax.nn.softmax(b)
        for mine, theirs in (
            (own.mse()(a, b), 2 * optax.l2_loss(a, b)),
            (own.huber(delta=0.7)(a, b), optax.huber_loss(a, b, delta=0.7)),
            (own.cross_entropy()(a, t),
             optax.softmax_cross_entropy_with_integer_labels(a, t)),
            (own.dense_cross_entropy()(a, p), optax.softmax_cross_entropy(a, p)),
            (own.binary_cross_entropy()(a, y),
             optax.sigmoid_binary_cross_entropy(a, y)),
            (own.focal(gamma=1.5)(a, y),
             optax.sigmoid_focal_loss(a, y, alpha=0.25, gamma=1.5)),
            (own.hinge()(a, 2 * y - 1), optax.hinge_loss(a, 2 * y - 1)),
            (own.kl()(a, p), optax.kl_divergence(jax.nn.log_softmax(a), p)),
        ):
            assert jnp.allclose(mine, theirs.mean(), rtol=1e-11), (mine, theirs)

    def refuses():
        for make, said in (
            (lambda: own.huber(delta=0.0), "huber: delta is 0.0; allowed"),
            (lambda: own.nll(class_weights=(1.0, -1.0)), "nll: class_weights is (1.0"),
            (lambda: own.cosine_embedding(margin=1.0), "cosine_embedding: margin is"),
            (
                lambda: own.evidence_lower_bound(likelihood="poisson"),
                "likelihood is 'poisson'; allowed: bernoulli, gaussian",
            ),
        ):
            with pytest.raises(ValueError) as error:
                make()
            assert said in str(error.value)
"""
SOURCES = {"pytorch": TORCH, "keras": KERAS, "jax": JAX}
CHECKS = [
    (framework, name)
    for framework in FRAMEWORKS
    for name in re.findall(r"def (\w+)\(\):", SOURCES[framework.partition("[")[0]])
]


@pytest.mark.parametrize(("framework", "name"), CHECKS)
def test_native(within, framework, name):
    within(framework, SOURCES[framework.partition("[")[0]], name)
