"""Capsule networks: routing by the paper's procedure in loops, a step against NumPy,
published sizes, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared.catalog import variant
from shared.data.batches import Samples
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.reference.adapter import Adapter
from shared.reference.layers.capsules import Length, Routing, Squash
from shared.reference.module import named_parameters

TINY = "capsule_tiny"


def squashed(s):
    n = float(np.linalg.norm(s))
    return n**2 / (1 + n**2) * s / n


def routed(votes, steps):
    """Procedure 1, of one picture: capsule by capsule and class by class."""
    number, classes, _ = votes.shape
    b = np.zeros((number, classes))
    for _ in range(steps):
        c = np.exp(b) / np.exp(b).sum(1, keepdims=True)
        v = [
            squashed(sum(c[i, j] * votes[i, j] for i in range(number)))
            for j in range(classes)
        ]
        for i in range(number):
            for j in range(classes):
                b[i, j] += votes[i, j] @ v[j]
    return np.array(v)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_routing_is_procedure_1(steps):
    votes = np.random.default_rng(0).standard_normal((2, 6, 3, 4))
    found = Routing(steps)(votes)
    for one, own in zip(found, votes, strict=True):
        np.testing.assert_allclose(one, routed(own, steps), rtol=1e-13)


def test_nothing_has_no_direction():
    zero, ones = np.zeros((1, 2, 3)), np.ones((1, 2, 3))
    layer, length = Squash(), Length()
    assert not layer(zero).any()
    assert not layer.backward(ones).any()
    assert not length(zero).any()
    assert not length.backward(np.ones((1, 2))).any()
    assert np.linalg.norm(layer(100 * ones), axis=-1) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("framework", NATIVE)
def test_a_step_is_that_in_numpy(workers, framework):
    """Its loss by equation 4, and its gradients."""
    spec = variant(TINY).spec
    plan = training.plans(spec)["adamw"]
    x = np.random.default_rng(0).standard_normal((4, 2, 10, 9))
    label = np.array([3, 0, 0, 2])
    batch = Samples((x, label), ())
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(training.SEED)
    w = model.dump()
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    numpy = Adapter("float64", 1).build(spec, TINY)
    numpy.load(w)
    own = numpy.native
    lengths, picture = own(x, label)
    there = np.eye(4)[label]
    short, long = np.maximum(0, 0.9 - lengths), np.maximum(0, lengths - 0.1)
    margin = (there * short**2 + 0.5 * (1 - there) * long**2).sum() / 4
    off = ((picture - x) ** 2).sum() / 4
    told = {"loss": margin + 0.0005 * off, "margin": margin, "reconstruction": off}
    assert list(seen.losses) == list(told)
    assert seen.losses == pytest.approx(told, rel=1e-12)
    of_lengths = (-2 * there * short + (1 - there) * long) / 4
    own.backward(of_lengths, 0.001 * (picture - x) / 4)
    for name, parameter in named_parameters(own).items():
        found = seen.gradients[name]
        assert error(found, parameter.gradient) <= tolerances.GRADIENTS, name


@pytest.mark.parametrize("framework", NATIVE)
def test_the_longest_is_decoded(workers, framework):
    spec = variant(TINY).spec
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(0)
    x = np.random.default_rng(0).standard_normal((3, 2, 10, 9))
    (lengths,) = model.run(Request((x,), program="classify")).outputs
    (found,) = model.run(Request((x,), program="reconstruct")).outputs
    again, picture = model.run(Request((x, lengths.argmax(1)))).outputs
    _, other = model.run(Request((x, lengths.argmin(1)))).outputs
    model.drop()
    assert error(found, picture) <= tolerances.FORWARD
    assert error(lengths, again) <= tolerances.FORWARD
    assert np.abs(other - picture).max() > 1e-3


def test_sizes_are_the_papers():
    """Section 4: 32 kinds of 6x6 capsules of 8 numbers; 8.2 million parameters, and
    6.8 without what makes pictures (section 5)."""
    whole = variant("capsnet")
    spec = whole.spec
    assert (spec.map_size, spec.capsules) == ((6, 6), 1152)
    assert round(whole.parameters / 1e6, 1) == 8.2
    made = sum(a * b + b for a, b in (*spec.decoder_sizes, (1024, spec.features)))
    assert round((whole.parameters - made) / 1e6, 1) == 6.8


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"decoder": ()}, "decoder is (); allowed: one width or more"),
        ({"image_size": (10, 2)}, "a size that two kernels of 3 fit into"),
        ({"image_size": (4, 10)}, "a size that two kernels of 3 fit into"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)
