"""Flows: an inverse that is one, a determinant that is the Jacobian's, velocities whose
way is known, steps against NumPy, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared.catalog import variant
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.objectives.flow import FlowLikelihood
from shared.randomness import Draws
from shared.reference.adapter import Adapter
from shared.reference.module import named_parameters

NVP, RECTIFIED = "real_nvp_tiny", "rectified_flow_tiny"


def built(workers, framework, name):
    model = workers.get(framework, "float64").build(variant(name).spec, name)
    model.fill(training.SEED)
    return model


@pytest.mark.parametrize("framework", NATIVE)
def test_the_inverse_is_exact(workers, framework):
    """Data to noise and back; and the other way around."""
    model = built(workers, framework, NVP)
    x = np.random.default_rng(0).standard_normal((6, 5))
    z, _ = model.run(Request((x,))).outputs
    (back,) = model.run(Request((z,), program="sample")).outputs
    (made,) = model.run(Request((x,), program="sample")).outputs
    again, _ = model.run(Request((made,))).outputs
    model.drop()
    assert np.abs(z - x).max() > 0.1
    assert error(back, x) <= tolerances.FORWARD
    assert error(again, x) <= tolerances.FORWARD


@pytest.mark.parametrize("framework", NATIVE)
def test_the_determinant_is_the_jacobians(workers, framework):
    """Column by column, by the gradients of each number of the noise."""
    model = built(workers, framework, NVP)
    x = np.random.default_rng(1).standard_normal((4, 5))
    _, told = model.run(Request((x,))).outputs
    rows = []
    for i in range(5):
        of_z = np.zeros((4, 5))
        of_z[:, i] = 1
        asked = Request((x,), cotangents=(of_z, np.zeros(4)))
        (of_x,) = model.run(asked).input_gradients
        rows.append(of_x)
    model.drop()
    jacobian = np.stack(rows, 1)  # [4, of z, of x]
    signs, logarithms = np.linalg.slogdet(jacobian)
    assert (signs == 1).all()
    assert error(told, logarithms) <= tolerances.FORWARD


def test_the_density_is_one_in_all(workers):
    """exp(log p) summed over a fine grid; of two numbers."""
    spec = replace(variant(NVP).spec, features=2, bound=0.5)
    model = Adapter("float64", 1).build(spec, "")
    model.fill(0)
    side = np.linspace(-9, 9, 361)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    (density,) = model.run(Request((grid,), program="score")).outputs
    assert np.exp(density).sum() * (side[1] - side[0]) ** 2 == pytest.approx(
        1, abs=1e-3
    )


class Straight:
    """A velocity that leads from any noise to one point at time 1."""

    def __init__(self, spec, to):
        self.spec, self.to = spec, to

    def __call__(self, x, time):
        return (self.to - x) / (1 - time[:, None])


def test_straight_ways_need_one_step():
    """In NumPy, whose loops are the frameworks' too."""
    from shared.reference.models.generative.flow import RectifiedFlow

    noise, to = np.random.default_rng(0).standard_normal((2, 3, 4))
    for steps in (1, 3):
        spec = replace(variant(RECTIFIED).spec, steps=steps)
        found = RectifiedFlow.sample(Straight(spec, to), noise)
        assert found == pytest.approx(to)


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize(("name", "levels"), [(NVP, 0), (NVP, 3), (RECTIFIED, 0)])
def test_a_step_is_that_in_numpy(workers, framework, name, levels):
    spec = variant(name).spec
    plan, (batch,) = training.plans(spec)["adamw"], training.batches(spec, 1)
    if levels:
        plan = replace(plan, objective=FlowLikelihood(levels=levels))
    model = built(workers, framework, name)
    w = model.dump()
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    numpy = Adapter("float64", 1).build(spec, name)
    numpy.load(w)
    own, rows = numpy.native, len(batch)
    (x,), (step,) = batch.inputs, plan.objective.steps(spec)
    drawn = [
        t.noise(Draws(training.SEED, f"noise/{step.name}/{t.name}", 0), rows)
        for t in step.noise
    ]
    if name == NVP:
        x = x + drawn[0] / levels if levels else x
        z, determinant = own(x)
        loss = -own.score(x).mean()
        told = {"noise": loss + determinant.mean(), "determinant": determinant.mean()}
        own.backward(z / rows, np.full(rows, -1 / rows))
    else:
        time, begin = drawn
        share = time[:, None]
        apart = own((1 - share) * begin + share * x, time) - (x - begin)
        loss, told = np.square(apart).mean(), {}
        own.backward(2 * apart / apart.size)
    for key, value in {"loss": loss, **told}.items():
        assert seen.losses[key] == pytest.approx(value, rel=1e-11)
    for key, parameter in named_parameters(own).items():
        found = seen.gradients[key]
        assert error(found, parameter.gradient) <= tolerances.GRADIENTS, key


def test_at_first_a_flow_changes_nothing(workers):
    model = workers.get("pytorch", "float64").build(variant(NVP).spec, NVP)
    model.start(0)
    x = np.random.default_rng(0).standard_normal((3, 5))
    z, determinant = model.run(Request((x,))).outputs
    model.drop()
    assert (z == x).all()
    assert not determinant.any()


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        (NVP, {"features": 1}, "features is 1; allowed: at least 2"),
        (NVP, {"hidden": ()}, "one width or more"),
        (RECTIFIED, {"hidden": ()}, "one width or more"),
        (RECTIFIED, {"waves": 3}, "waves is 3; allowed: an even number"),
    ],
)
def test_what_cannot_be_is_refused(name, changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(name).spec, **changes)
    assert said in str(refused.value)
