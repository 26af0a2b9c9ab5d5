"""VQ-VAE: codes that are nearest, gradients that go straight through, a step against
NumPy, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from parity_tests.tests.test_reference import assert_derivative
from shared.catalog import variant
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.reference.adapter import Adapter
from shared.reference.models import VQVAE
from shared.reference.module import named_parameters
from shared.specs.base import Spec

TINY = "vqvae_tiny"


def spec_of(name: str) -> Spec:
    return variant(name).spec


@pytest.mark.parametrize("framework", NATIVE)
def test_a_step_is_that_in_numpy(workers, framework):
    spec = spec_of(TINY)
    plan, (batch,) = training.plans(spec)["adamw"], training.batches(spec, 1)
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(training.SEED)
    w = model.dump()
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    numpy = Adapter("float64", 1).build(spec, TINY)
    numpy.load(w)
    own, (x,) = numpy.native, batch.inputs
    y, code, nearest = own(x)
    terms = {
        "reconstruction": np.square(y - x).mean(),
        "codebook": np.square(nearest - code).mean(),
        "commitment": np.square(nearest - code).mean(),
    }
    loss = terms["reconstruction"] + terms["codebook"] + 0.4 * terms["commitment"]
    assert list(seen.losses) == ["loss", *terms]
    for name, value in {"loss": loss, **terms}.items():
        assert seen.losses[name] == pytest.approx(value, rel=1e-12)
    off = 2 * (nearest - code) / code.size
    own.backward(2 * (y - x) / x.size, -0.4 * off, off)
    for name, parameter in named_parameters(own).items():
        found = seen.gradients[name]
        assert error(found, parameter.gradient) <= tolerances.GRADIENTS, name


class Held(VQVAE):
    """Decodes code + c with the c of its first call: what the gradient is that of."""

    first = None

    def constant(self, step):
        if self.first is None:
            self.first = step
        return self.first


def test_gradients_go_straight_through():
    """By differences: the plain network has none, as a table has no slope."""
    x = np.random.default_rng(0).standard_normal((2, 2, 8, 12))
    assert_derivative(Held(spec_of(TINY)), x)


@pytest.mark.parametrize("framework", NATIVE)
def test_codes_are_the_nearest(workers, framework):
    """Of each place, by going through all rows; what they say is what is decoded."""
    spec = spec_of(TINY)
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(0)
    table = model.dump()["codebook.weight"]
    x = np.random.default_rng(0).standard_normal((3, 2, 8, 12))
    _, code, nearest = model.run(Request((x,))).outputs
    numbers, margin = model.run(Request((x,), program="encode")).outputs
    (said,) = model.run(Request((numbers,), program="decode")).outputs
    (again,) = model.run(Request((x,), program="reconstruct")).outputs
    model.drop()
    assert numbers.shape == (3, 2, 3)
    assert len(np.unique(numbers)) > 3
    for at in np.ndindex(*numbers.shape):
        b, row, column = at
        far = [((code[b, :, row, column] - one) ** 2).sum() for one in table]
        assert numbers[at] == np.argmin(far)
        assert margin[at] == pytest.approx(np.diff(sorted(far))[0], abs=1e-12)
        assert error(nearest[b, :, row, column], table[numbers[at]]) == 0
    assert error(again, said) <= tolerances.FORWARD


@pytest.mark.parametrize("framework", NATIVE)
def test_of_equals_the_first(workers, framework):
    spec = spec_of(TINY)
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(1)
    w = model.dump()
    model.load({**w, "codebook.weight": np.zeros_like(w["codebook.weight"])})
    x = np.random.default_rng(1).standard_normal((2, 2, 8, 12))
    numbers, margin = model.run(Request((x,), program="encode")).outputs
    model.drop()
    assert not numbers.any()
    assert not margin.any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": ()}, "one convolution or more"),
        ({"codes": 1}, "codes is 1; allowed: at least 2"),
        ({"image_size": (8, 10)}, "multiples of 4, which is halved at each"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)
