"""Lanes give the checks of one run, in its order, and ask no framework twice."""

from collections import Counter
from dataclasses import replace

from parity_tests import engine, lanes
from parity_tests.lanes import run_in_lanes
from parity_tests.run import plan, run

NAMES = ["mlp_tiny", "lenet5_tiny", "linear_tiny", "lenet5", "linear_tiny_softmax"]
TIERS = ["names", "counts", "forward"]


def what(checks):
    return [replace(check, seconds=0.0) for check in checks]


def test_two_lanes_give_what_one_does(workers):
    jobs = plan(NAMES, TIERS, ["pytorch", "numpy"])
    done = []
    found = list(run_in_lanes(jobs, 2, "float64", say=done.append))
    assert what(found) == what(run(jobs, workers, "float64"))
    assert all(check.passed for check in found)
    models = sorted({job.model for job in jobs})
    assert sorted(said.partition(":")[0] for said in done) == models
    assert all(said.endswith("checks hold") for said in done)


def test_a_model_that_fails_says_so_as_it_comes(workers):
    (check,) = run(
        plan(["mlp_tiny"], ["names"], ["pytorch", "numpy"]), workers, "float64"
    )
    wrong = replace(check, passed=False, reason="hidden.0.weight is only in numpy")
    assert lanes.told("mlp_tiny", [check, wrong]) == (
        "mlp_tiny: FAIL, 1 of 2 checks, names: hidden.0.weight is only in numpy"
    )


def test_the_longest_begins_first():
    order = sorted(plan(NAMES, TIERS), key=lambda job: lanes._work([job]))
    assert order[-1].model == "lenet5_tiny"
    assert order[0].model == "lenet5"  # names and counts alone


def test_memory_bounds_the_lanes(monkeypatch):
    monkeypatch.setattr(lanes, "free_memory", lambda: 13 * 2**30)
    assert lanes.fitting(cores=16) == 2
    monkeypatch.setattr(lanes, "free_memory", lambda: 2**30)
    assert lanes.fitting(cores=16) == 1


def test_pytorch_is_asked_once_where_other_back_ends_follow(workers, monkeypatch):
    asked = Counter()

    def counted(worker, *arguments):
        asked[worker.framework, worker.dtype] += 1
        return measure(worker, *arguments)

    measure = engine.measure
    monkeypatch.setattr(engine, "measure", counted)
    jobs = plan(["mlp_tiny"], TIERS)
    assert sum("pytorch" in job.frameworks for job in jobs) == 3
    checks = list(run(jobs, workers, "float64"))
    assert all(check.passed for check in checks)
    assert asked["pytorch", "float64"] == 1
    assert asked["keras[torch]", "float64"] == 1
