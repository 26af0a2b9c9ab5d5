"""Returns and advantages: the native forms against the definition in NumPy; the
definition against sums over all that follows."""

import numpy as np
import pytest

from parity_tests.defined import CASES, SETTINGS
from parity_tests.tests import held
from shared.definitions.returns import GAE, Discounted, TemporalDifference
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, PACKAGES
from shared.randomness import generator

OWN, PRESETS = CASES["returns"], SETTINGS["returns"]


test_follows_the_definition = held.follows("returns")
test_takes_what_the_definition_takes = held.takes("returns")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_in_float32(workers, framework):
    r, v, done, last = (
        a.astype(np.float32) if a.dtype.kind == "f" else a
        for a in OWN["gae, plain, rows"].arguments
    )
    worker = workers.get(framework, "float32")
    target = f"{PACKAGES[framework]}.definitions:define"
    for definition, given in (
        (Discounted().returns, (r, done, last)),
        (GAE().advantages, (r, v, done, last)),
    ):
        (found,) = worker.ask(target, definition, given)
        assert found.dtype == np.float32
        assert np.allclose(found, definition(*given), rtol=1e-4, atol=1e-5)


# The definitions themselves


def _episodes():
    draw = generator("returns")
    r, v = draw.standard_normal((2, 12))
    done = draw.random(12) < 0.25
    return r, np.append(v, draw.standard_normal()), done


def test_a_return_is_the_sum_of_all_that_follows():
    r, v, done = _episodes()
    assert 1 < done.sum() < 5
    found = Discounted(gamma=0.9).returns(r, done, v[-1])
    for t in range(12):
        total, factor = 0.0, 1.0
        for k in range(t, 12):
            total += factor * r[k]
            factor *= 0.9 * (not done[k])
        assert found[t] == pytest.approx(total + factor * v[-1])


def test_an_advantage_is_the_sum_of_all_residuals():
    """Schulman et al. 2015, equation 16, as a sum."""
    r, v, done = _episodes()
    delta = r + 0.9 * v[1:] * ~done - v[:-1]
    found = GAE(gamma=0.9, lam=0.7).advantages(r, v[:-1], done, v[-1])
    for t in range(12):
        total, factor = 0.0, 1.0
        for k in range(t, 12):
            total += factor * delta[k]
            factor *= 0.9 * 0.7 * (not done[k])
        assert found[t] == pytest.approx(total)


def test_between_one_step_and_all():
    r, v, done = _episodes()
    one = TemporalDifference(gamma=0.9).target(r, done, v[1:]) - v[:-1]
    short = GAE(gamma=0.9, lam=0.0).advantages(r, v[:-1], done, v[-1])
    assert short == pytest.approx(one)
    every = Discounted(gamma=0.9).returns(r, done, v[-1]) - v[:-1]
    long = GAE(gamma=0.9, lam=1.0).advantages(r, v[:-1], done, v[-1])
    assert long == pytest.approx(every)


def test_by_hand():
    r, done = np.array([1.0, 2.0, 4.0]), np.array([False, True, False])
    found = Discounted(gamma=0.5).returns(r, done, np.array(8.0))
    assert found.tolist() == [2.0, 2.0, 8.0]
    target = TemporalDifference(gamma=0.5).target(r, done, np.array([6.0, 6.0, 8.0]))
    assert target.tolist() == [4.0, 2.0, 8.0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Discounted(gamma=1.1), "Discounted.gamma is 1.1; allowed: a number"),
        (lambda: GAE(lam=-0.1), "GAE.lam is -0.1; allowed: a number from 0 to 1"),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)
