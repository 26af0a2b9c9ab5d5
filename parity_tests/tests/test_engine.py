"""What is missing falls short: nothing agrees by not being there."""

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.compare import TIMED, timed_of
from parity_tests import display
from parity_tests.compare import worst_layer
from parity_tests.engine import Check, Session, Workers, measure
from shared.catalog import VARIANTS
from shared.definitions.initializers import Zeros

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


class Held:
    """A worker that takes so much memory."""

    alive = True

    def __init__(self, mib):
        self.mib = mib

    def describe(self):
        return {"peak_mib": self.mib}

    def close(self):
        self.alive = False


@pytest.mark.parametrize(
    ("together", "kept"), [(math.inf, [900, 700, 500]), (1300, [700, 500]), (100, [])]
)
def test_what_holds_too_much_is_ended(together, kept):
    workers = Workers()
    workers._running = {("jax", str(mib)): Held(mib) for mib in (900, 2000, 500, 700)}
    workers.trim(1000, together)
    left = (worker.mib for worker in workers._running.values())
    assert sorted(left, reverse=True) == kept


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


def test_the_first_layer_that_differs_is_named(workers, evidence):
    """Not the worst: what follows differs with it."""
    layers = dict(evidence.evaluation.layers)
    first, *_, last = (path for path in layers if path.startswith("layer"))
    for path, by in ((first, 1e-9), (last, 1.0)):
        layers[path] = replace(layers[path], left=layers[path].left + by)
    found = {"pytorch": evidence.evaluation.layers, "jax": layers}
    assert worst_layer(found).where == f"pytorch vs jax: {last}"
    worst = worst_layer(found, 1e-12)
    assert worst.where == f"pytorch vs jax: {first}, the first that differs"


def test_a_tensor_without_a_start_falls_short(workers, evidence, monkeypatch):
    spec = type(VARIANTS[NAME].spec)
    less = {"*conv?.weight": Zeros(), "fc.*": Zeros()}
    monkeypatch.setattr(spec, "starts", lambda self: less)
    session = Session(workers, ("pytorch",))
    session.remember(NAME, "pytorch", evidence)
    (check,) = session.check(NAME, ["names"])
    assert not check.passed
    assert "does not say what layer2.0.downsample.0.weight starts from" in check.reason


def test_it_is_said_what_the_floor_decided(workers, evidence):
    def other(by):
        small = {n: a * 1e-6 for n, a in evidence.training.gradients.items()}
        small["fc.weight"] = evidence.training.gradients["fc.weight"]
        small["fc.bias"] = small["fc.bias"] + by
        return replace(evidence, training=replace(evidence.training, gradients=small))

    session = Session(workers, ("pytorch", "jax"))
    session.remember(NAME, "pytorch", other(0.0))
    session.remember(NAME, "jax", other(1e-14))
    (check,) = session.check(NAME, ["gradients"])
    assert check.passed, check.reason
    assert check.note == "1 tensor by the floor"


def test_one_reason_is_one_line():
    """As where an import line is missing and every tier fails by it."""
    said = io.StringIO()
    tiers = ("names", "counts", "forward/evaluation")
    short = replace(CHECK, passed=False, reason="no module")
    checks = [replace(short, tier=tier) for tier in tiers]
    display.failures(Console(file=said, width=200), [*checks, CHECK])
    assert said.getvalue().splitlines() == [
        f"FAIL {NAME} names, counts, forward/evaluation (jax): no module"
    ]


def test_the_verdict_in_a_cell():
    assert CHECK.said == "exact"
    assert replace(CHECK, error=2e-15).said == "2.0e-15"
    assert replace(CHECK, worst="nothing to compare").said == "none"
    assert replace(CHECK, passed=False).said == "FAIL"


def test_what_falls_short_is_not_timed():
    assert timed_of([CHECK]) == list(TIMED)
    left = timed_of([replace(CHECK, passed=False)])
    assert {timed.model for timed in TIMED} - {t.model for t in left} == {"resnet18"}
