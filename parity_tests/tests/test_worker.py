"""What goes wrong in a framework's process stays there, and is told in one line."""

import textwrap

import numpy as np
import pytest

from parity_tests.engine import request
from shared import frameworks as module
from shared.catalog import variant
from shared.errors import UsageError
from shared.running.client import Worker, WorkerCrashed, WorkerRaised, WorkerTimeout

# Processes themselves are what is tested here.
pytestmark = pytest.mark.usefixtures("children_alone")

ADAPTER = """
    import os, sys, time
    import numpy as np
    from shared.errors import UsageError


    class Adapter:
        modes = ("plain",)

        def __init__(self, dtype, threads):
            self.said = (dtype, threads)

        def describe(self):
            print("on standard output, which must not reach the judge")
            return {"said": self.said, "spin": os.environ["OMP_WAIT_POLICY"]}

        def build(self, spec, name):
            return Model(name)


    class Model:
        def __init__(self, name):
            self.name = name

        def dump(self):
            if self.name == "raises":
                raise ValueError("the numbers are wrong\\nand more")
            if self.name == "refuses":
                raise UsageError("not like this")
            if self.name == "aborts":
                print("last words", file=sys.stderr, flush=True)
                os.abort()
            if self.name == "leaves":
                os._exit(7)
            if self.name == "hangs":
                time.sleep(60)
            return {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((3, 0))}

        def load(self, values):
            self.loaded = values

        def entries(self):
            big = self.loaded["big"]
            return {"sum": float(big.sum()), "whole": big.flags.c_contiguous}
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts a worker of a package that stands in for a framework."""
    package = tmp_path / "standin"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "adapter.py").write_text(textwrap.dedent(ADAPTER))
    monkeypatch.setitem(module.PACKAGES, "standin", "standin")
    monkeypatch.syspath_prepend(tmp_path)
    running = []

    def make(**arguments):
        running.append(Worker("standin", **arguments))
        return running[-1]

    yield make
    for worker in running:
        worker.close()


def test_an_unknown_framework_is_refused():
    with pytest.raises(UsageError, match="unknown framework 'pytorh'"):
        Worker("pytorh")


def test_arrays_come_back_as_they_are(start):
    found = start().build(None, "fine").dump()
    assert np.array_equal(found["a"], np.arange(6.0).reshape(2, 3))
    assert found["b"].shape == (3, 0)


def test_a_large_and_a_turned_array_arrive_whole(start):
    model = start().build(None, "fine")
    big = np.ones((5000, 2000)).T  # 80 MB, not contiguous
    model.load({"big": big})
    assert model.entries()["sum"] == big.sum()


def test_the_environment_is_set_before_anything_is_imported(start):
    said = start(dtype="float64", threads=2).describe()
    assert said["said"] == ("float64", 2)
    assert said["spin"] == "passive"
    assert said["peak_mib"] > 0


def test_an_exception_has_the_last_lines_of_its_traceback(start):
    worker = start()
    with pytest.raises(WorkerRaised) as raised:
        worker.build(None, "raises").dump()
    assert str(raised.value) == "standin: ValueError: the numbers are wrong"
    assert "in dump" in raised.value.details
    assert worker.build(None, "fine").dump().keys() == {"a", "b"}


def test_a_refusal_stays_a_refusal(start):
    with pytest.raises(UsageError, match=r"^not like this$"):
        start().build(None, "refuses").dump()


def test_a_crash_names_the_signal_and_the_last_line(start):
    worker, other = start(), start()
    with pytest.raises(
        WorkerCrashed, match=r"died in dump \(SIGABRT\); its last line: last words"
    ):
        worker.build(None, "aborts").dump()
    assert not worker.alive
    with pytest.raises(WorkerCrashed, match="no longer running"):
        worker.describe()
    assert other.build(None, "fine").dump().keys() == {"a", "b"}


def test_an_exit_names_the_code(start):
    with pytest.raises(WorkerCrashed, match="exit code 7"):
        start().build(None, "leaves").dump()


def test_a_hang_is_ended_at_the_time_limit(start):
    worker = start(timeout=3.0)
    model = worker.build(None, "hangs")
    with pytest.raises(WorkerTimeout, match="no answer to dump in 3 s"):
        model.dump()
    assert not worker.alive


def test_a_package_that_cannot_be_imported_is_a_crash_with_its_reason(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(module.PACKAGES, "gone", "no_such_package")
    with (
        Worker("gone") as worker,
        pytest.raises(WorkerCrashed, match="No module named 'no_such_package'"),
    ):
        worker.describe()


def test_a_run_leaves_the_model_as_it_was(workers):
    spec = variant("resnet_tiny").spec
    for framework in ("pytorch", "keras", "jax"):
        model = workers.get(framework, "float64").build(spec, "resnet_tiny")
        model.fill(0)
        before = model.dump()
        result = model.run(request(spec, 4, training=True, gradients=True))
        after = model.dump()
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[k], after[k]) for k in before)
        moved = [
            k
            for k in result.buffers
            if not np.array_equal(result.buffers[k], before[k])
        ]
        assert len(moved) == len(result.buffers) > 0
        model.drop()
