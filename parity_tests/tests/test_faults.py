"""A sample of `make faults`, and that its oracle sees what it is there to see."""

import os
import signal
import time

import pytest
from hypothesis import strategies as st

from shared.errors import UsageError
from triptych.faults import run
from triptych.faults.oracle import Target

CASES = 60  # of each target, beside its corpus
TARGETS = {target.name: target for target in run.targets()}


@pytest.mark.parametrize("name", TARGETS)
def test_a_sample_of_every_target(name):
    target = TARGETS[name]
    outcome = run.apart(target, CASES + len(target.corpus), seed=11)
    assert outcome.broken == []
    assert outcome.cases >= min(CASES, 10)
    assert outcome.accepted > 0
    assert outcome.refused > 0


def of(attempt):
    return Target("own", st.integers(0, 1000), attempt)


def seen(attempt):
    (broken,) = run.apart(of(attempt), 300, seed=1).broken
    return broken


def test_a_defect_is_told_by_its_smallest_case():
    def attempt(case):
        if case >= 100:
            raise KeyError(case)

    assert seen(attempt).startswith("KeyError: 100 ")
    assert seen(attempt).endswith(" by 100")


def test_a_long_answer_and_a_wrong_value_are_defects():
    def told(case):
        raise UsageError("x" * 2000)

    def wrong(case):
        assert case < 100

    assert seen(told).startswith("Broken: refused in 2000 characters")
    assert seen(wrong).startswith("AssertionError")


def test_memory_and_death_are_seen():
    def fill(case):
        bytearray(4 << 30)

    def die(case):
        os.kill(os.getpid(), signal.SIGKILL)

    assert seen(fill).startswith("MemoryError")
    assert seen(die).startswith("ended with -9 in ")


def test_slowness_is_seen(monkeypatch):
    monkeypatch.setattr("triptych.faults.oracle.SECONDS", 0.01)

    def wait(case):
        until = time.process_time() + 0.02
        while time.process_time() < until:
            pass

    assert seen(wait).startswith("Broken: took 0.")
