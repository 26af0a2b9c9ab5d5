"""A gradient beside a kink is judged by its own side, and every other one as before."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.engine import BATCH, SEED, Session, Workers, request
from parity_tests.evidence import Evidence, measure
from parity_tests.kinks import changed
from parity_tests.run import plan, run
from parity_tests.tolerances import FLOAT32_LIMIT
from shared.catalog import VARIANTS

TIERS = ("forward", "gradients", "float32")
KINKED, SMOOTH = "inception_resnet_v2_tiny", "lenet5_tiny"


@pytest.fixture(scope="module")
def evidence(workers):
    """Of both models in float64."""
    worker = workers.get("pytorch", "float64")
    return {n: measure(worker, n, VARIANTS[n], TIERS) for n in (KINKED, SMOOTH)}


@pytest.fixture(scope="module")
def other_side(workers):
    """Gradients of the kinked model where one rounding sent a unit to its other side,
    by this test's own draws, and which units of which layers that were."""
    spec = VARIANTS[KINKED].spec
    asked = request(spec, BATCH, training=True, gradients=True)
    asked = replace(asked, trace=True)
    model = workers.get("pytorch", "float64").build(spec, KINKED)
    model.fill(SEED)
    weights, here = model.dump(), model.run(asked)
    draw = np.random.default_rng(77)
    for _ in range(40):
        off = {n: draw.choice([-1, 1], w.shape) * 2.0**-21 for n, w in weights.items()}
        model.load({n: w * (1 + off[n]) for n, w in weights.items()})
        there = model.run(asked)
        units = changed(here.layers, there.layers)
        if units:
            model.drop()
            return there, units
    raise AssertionError("no unit changed side")


def rounded(result):
    """As a float32 run would give it."""
    return replace(
        result,
        outputs=tuple(a.astype(np.float32) for a in result.outputs),
        gradients={n: a.astype(np.float32) for n, a in result.gradients.items()},
        input_gradients=tuple(a.astype(np.float32) for a in result.input_gradients),
    )


def judged(workers, name, double, training) -> dict[str, object]:
    """What is said of a float32 run with this training result."""
    evaluation = rounded(replace(double.evaluation, layers={}))
    single = replace(double, evaluation=evaluation, training=rounded(training))
    session = Session(workers, ["pytorch"])
    session.remember(name, "pytorch", double)
    session.remember(name, "pytorch", single, "float32")
    return {check.tier: check for check in session.check(name, ["float32"])}


def planted(result, tensor, share):
    """One value of one gradient is off by this share of the tensor's largest."""
    wrong = result.gradients[tensor].copy()
    wrong.flat[0] += share * np.abs(wrong).max()
    return replace(result, gradients={**result.gradients, tensor: wrong})


def test_on_the_other_side_of_a_kink_it_holds_and_names_the_layer(
    workers, evidence, other_side
):
    there, units = other_side
    check = judged(workers, KINKED, evidence[KINKED], there)["float32/gradients"]
    assert check.passed, check.reason
    path = next(iter(units))
    assert check.note.startswith("pytorch beside a kink: ")
    assert check.note.endswith(f"of {path}")


@pytest.mark.parametrize("tensor", ["classif.weight", "repeat.0.conv2d.weight"])
def test_an_error_there_is_found_as_elsewhere(workers, evidence, other_side, tensor):
    wrong = planted(other_side[0], tensor, 10 * FLOAT32_LIMIT)
    check = judged(workers, KINKED, evidence[KINKED], wrong)["float32/gradients"]
    assert not check.passed
    assert check.note == ""


@pytest.mark.parametrize("name", [KINKED, SMOOTH])
def test_an_error_away_from_kinks_is_found(workers, evidence, name):
    right = evidence[name].training
    tensor = next(iter(right.gradients))
    assert judged(workers, name, evidence[name], right)["float32/gradients"].passed
    wrong = planted(right, tensor, 10 * FLOAT32_LIMIT)
    check = judged(workers, name, evidence[name], wrong)["float32/gradients"]
    assert not check.passed
    assert tensor in check.reason


def test_float32_holds_with_the_users_own_compiler_settings():
    """Of a few models; the other tests leave out XLA's optimisations."""
    names = ["mlp_tiny", "lenet5_tiny", "resnet_tiny"]
    jobs = plan(names, ["float32"], ["pytorch", "jax"])
    with Workers(variables={"XLA_FLAGS": ""}) as workers:
        checks = list(run(jobs, workers, "float64"))
        flags = workers.get("jax", "float32").environment["XLA_FLAGS"]
    assert flags == ""
    assert len(checks) == 3 * len(names)
    assert [check.reason for check in checks if not check.passed] == []


def test_what_was_not_asked_for_is_asked_later(workers):
    session = Session(workers, ["pytorch", "jax"])
    first = list(session.check(SMOOTH, ["names"]))
    then = {check.tier: check for check in session.check(SMOOTH, ["gradients"])}
    assert first[0].passed
    assert then["gradients"].passed, then["gradients"].reason
    assert Evidence().covers(["names", "counts"])
    assert not Evidence().covers(["gradients"])
