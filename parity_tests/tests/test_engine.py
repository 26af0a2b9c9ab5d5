"""What is missing falls short: nothing agrees by not being there."""

import math
from dataclasses import replace

import pytest

from benchmarks.compare import TIMED, timed_of
from parity_tests.engine import Check, Session, measure, worst_layer
from shared.catalog import VARIANTS

NAME = "resnet_tiny"
TIERS = ("forward", "gradients", "buffers")
CHECK = Check(NAME, "names", ["jax"], "float64", None, 0.0, None, True, 0.0, "")


@pytest.fixture(scope="module")
def evidence(workers):
    return measure(workers.get("pytorch", "float64"), NAME, VARIANTS[NAME], TIERS)


def verdicts(workers, evidence):
    """Two frameworks that say the same."""
    session = Session(workers, ("pytorch", "jax"))
    for framework in session.frameworks:
        session.remember(NAME, framework, evidence)
    return {check.tier: check for check in session.check(NAME, TIERS)}


def test_all_of_it_holds(workers, evidence):
    assert all(check.passed for check in verdicts(workers, evidence).values())


@pytest.mark.parametrize(
    ("tier", "missing", "said"),
    [
        ("gradients", {"gradients": {}}, "no tensor, for bn1.bias"),
        ("gradients", {"input_gradients": (None,)}, "no tensor, for input 0"),
        ("buffers", {"buffers": {}}, "no tensor, for bn1.running_mean"),
    ],
)
def test_what_both_leave_out_falls_short(tier, missing, said, workers, evidence):
    less = replace(evidence, training=replace(evidence.training, **missing))
    check = verdicts(workers, less)[tier]
    assert not check.passed
    assert said in check.reason


def test_no_layers_do_not_agree(workers, evidence):
    less = replace(evidence, evaluation=replace(evidence.evaluation, layers={}))
    assert not verdicts(workers, less)["forward/layers"].passed
    assert worst_layer({"pytorch": {}, "jax": {}}).error == math.inf


def test_the_verdict_in_a_cell():
    assert CHECK.said == "exact"
    assert replace(CHECK, error=2e-15).said == "2.0e-15"
    assert replace(CHECK, worst="nothing to compare").said == "none"
    assert replace(CHECK, passed=False).said == "FAIL"


def test_what_falls_short_is_not_timed():
    assert timed_of([CHECK]) == list(TIMED)
    left = timed_of([replace(CHECK, passed=False)])
    assert {timed.model for timed in TIMED} - {t.model for t in left} == {"resnet18"}
