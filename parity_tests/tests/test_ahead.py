"""Batches read in the background: the same in the same order, what fails, what ends."""

import json
import threading
import time
from itertools import count, islice

import numpy as np
import pytest

from benchmarks import read_ahead
from parity_tests import training
from shared.catalog import VARIANTS
from shared.data.ahead import ReadAhead, in_turn
from shared.data.batches import Dataset, Samples, Shuffled
from shared.frameworks import NATIVE
from shared.objectives.plan import Metric
from shared.reference.adapter import Adapter
from shared.running.training import Diverged, Run

SAMPLES = Samples((np.arange(20.0)[:, None],), (np.arange(20) % 2,))


def background():
    return [t for t in threading.enumerate() if t.name == "read-ahead"]


@pytest.fixture(autouse=True)
def nothing_left():
    assert not background()
    yield
    assert not background()


def until(holds, seconds=10.0):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)
    return holds()


def test_the_same_items_in_the_same_order():
    assert list(ReadAhead(range(100), 3)) == list(range(100))
    assert list(ReadAhead([])) == []
    reader = ReadAhead(range(2))
    assert [*reader, *reader] == [0, 1]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_no_more_are_made_than_wait(depth):
    made = []
    reader = ReadAhead((made.append(i) or i for i in count()), depth)
    assert until(lambda: len(made) == depth)
    time.sleep(0.05)
    assert len(made) == depth
    assert next(reader) == 0
    assert until(lambda: len(made) == depth + 1)
    reader.close()


def test_the_next_is_made_while_the_last_is_worked_on():
    """A step waits for what it alone makes possible, so the order shows itself."""
    asked = threading.Event()

    def items():
        yield "first"
        assert asked.wait(10)
        yield "second"

    reader = ReadAhead(items())
    assert next(reader) == "first"
    asked.set()  # before the second is asked for
    assert until(lambda: not background())
    assert list(reader) == ["second"]


def test_what_fails_there_fails_here():
    def items():
        yield 1
        raise OSError("the disk is gone")

    reader = ReadAhead(items())
    assert next(reader) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(reader)
    assert list(reader) == []


def test_closed_in_the_middle():
    reader = ReadAhead(count(), 2)
    assert list(islice(reader, 3)) == [0, 1, 2]
    reader.close()
    reader.close()
    assert not background()
    assert list(reader) == []


def test_whoever_waits_when_it_is_closed_is_told():
    gone, found = threading.Event(), []

    def items():
        assert gone.wait(10)
        yield 1

    reader = ReadAhead(items())
    waiting = threading.Thread(target=lambda: found.extend(reader))
    waiting.start()
    threading.Timer(0.05, gone.set).start()
    reader.close()
    waiting.join(10)
    assert not waiting.is_alive()
    assert found in ([], [1])


def test_epochs_in_turn_from_any_batch():
    source = Shuffled(SAMPLES, 4, seed=3)
    whole = [b.inputs[0].tolist() for e in range(3) for b in source.epoch(e)]
    for epoch, first in ((0, 0), (0, 3), (1, 2), (2, 4)):
        left = in_turn(source, range(epoch, 3), first)
        assert [b.inputs[0].tolist() for b in left] == whole[5 * epoch + first :]


def run_of(tmp_path, depth=2, **changes):
    spec = VARIANTS["mlp_tiny"].spec
    model = Adapter("float64", 1).build(spec, "mlp_tiny")
    model.fill(0)
    plan = training.plans(spec)["momentum"]
    plan = type(plan)(**{**vars(plan), "epochs": 3, "batch_size": 4, **changes})
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((20, *spec.inputs()[0].shape))
    data = Samples((inputs,), spec.wanted((inputs,), 0))
    metric = Metric("size", lambda y, target: float(np.abs(y).mean()), True)
    split = Dataset(data, data, data)
    run = Run(model.trainer(plan), plan, split, metric, tmp_path, depth=depth)
    run.begin()
    return run


def test_a_run_is_the_same_whatever_waits(tmp_path):
    """Bit for bit."""
    found = []
    for depth in (1, 2, 7):
        run = run_of(tmp_path / str(depth), depth)
        run.trainer.fit(run)
        run.close()
        found.append(run.trainer.weights())
    for other in found[1:]:
        for name, value in found[0].items():
            np.testing.assert_array_equal(value, other[name])


def test_a_run_gone_on_with_is_the_same(tmp_path):
    run = run_of(tmp_path / "whole")
    run.trainer.fit(run)
    run.close()
    begun = run_of(tmp_path / "begun", save_every=2)
    after = begun.after_batch

    def interrupted(losses):
        after(losses)
        if begun.at.step == 8:
            raise KeyboardInterrupt

    begun.after_batch = interrupted
    with pytest.raises(KeyboardInterrupt):
        begun.trainer.fit(begun)
    begun.close()
    again = run_of(tmp_path / "begun", save_every=2)
    again.resume()
    assert (again.at.epoch, again.at.batch) == (1, 3)
    again.trainer.fit(again)
    again.close()
    for name, value in run.trainer.weights().items():
        np.testing.assert_array_equal(value, again.trainer.weights()[name])


def test_a_run_that_fails_leaves_nothing_behind(tmp_path):
    run = run_of(tmp_path)
    run.after_batch = lambda losses: run._settle()
    run.pending.append({"loss": float("nan")})
    with pytest.raises(Diverged):
        run.trainer.fit(run)
    assert background()
    run.close()


def test_the_record_says_what_readme_says():
    """Read ahead, a step takes what the longer of both takes; else their sum, but in
    Keras, which reads ahead by itself."""
    steps = json.loads(read_ahead.RECORD.read_text())["steps"]
    assert list(steps) == list(NATIVE)
    for framework, waits in steps.items():
        for wait, (without, ahead) in waits.items():
            least = max(1.0, float(wait))
            assert ahead <= 1.1 * least < without, framework
    waited = [waits["1"] for waits in steps.values()]
    assert [min(a for _, a in waited), max(a for _, a in waited)] == [1.01, 1.06]
