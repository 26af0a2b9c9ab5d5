"""The benchmark of optimizers, in a small run: what it says and what it writes."""

import json
import time
from itertools import groupby

import numpy as np
import pytest

from benchmarks import optimizers as job
from shared.frameworks import NATIVE, PACKAGES
from shared.running.rounds import interleaved


def test_the_tensors_are_a_hundred_of_eleven_million_numbers():
    assert len(job.SHAPES) == 100
    assert round(sum(np.prod(s) for s in job.SHAPES) / 1e6) == 11


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", job.NAMES)
def test_contenders_run(workers, framework, name):
    worker = workers.get(framework, "float32")
    target = f"{PACKAGES[framework]}.contenders:time"
    found = worker.ask(target, name, [(3, 2), (3,)], 2)
    assert {"ours"} < found.keys()
    assert all(len(seconds) == 2 for seconds in found.values())
    rows = job.compared(framework, name, found)
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in rows)
    json.dumps(rows)


def test_rounds_turn_around():
    order = []

    def call(name):
        order.append(name)
        time.sleep(0.03)

    found = interleaved({"a": lambda: call("a"), "b": lambda: call("b")}, 3)
    # Warm-ups of each, then a b, b a, a b.
    assert "".join(name for name, _ in groupby(order)) == "ababab"
    assert all(seconds > 0.02 for of in found.values() for seconds in of)


def test_one_bound_of_a_framework_is_enough():
    def row(ratio, bound):
        return {"ratio": ratio, "bound": bound}

    assert job.holds([row(1.2, 1.1), row(0.9, 1.0)])
    assert not job.holds([row(1.2, 1.1), row(1.1, 1.0), row(0.5, None)])
    assert job.holds([row(2.0, None)])
