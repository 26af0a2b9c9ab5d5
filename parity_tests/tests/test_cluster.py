"""Jobs over a Ray cluster of this machine: the same records in the same order, also
when a process dies in the middle."""

import operator
import signal
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from os import getpid, kill

import pytest

from parity_tests.processes import children, commands, is_loopback, listening, runs
from parity_tests.run import plan, run, run_on_cluster
from shared.errors import UsageError
from shared.running import cluster

FRAMEWORKS = ["pytorch", "jax"]


def untimed(checks):
    return [replace(check, seconds=0.0) for check in checks]


@pytest.mark.usefixtures("no_cluster_set")
def test_the_same_records_also_when_a_process_is_killed(workers):
    """In the middle of a job a process of Ray is killed; the job is done again, and
    what the killed one had started is gone."""
    jobs = plan(["linear", "mlp_tiny"], ["names", "counts", "forward"], FRAMEWORKS)
    here = untimed(run(jobs, workers, "float64"))
    killed = []
    alarm = threading.Thread(target=kill_one, args=(killed,))
    alarm.start()
    there = untimed(run_on_cluster(jobs, "float64"))
    alarm.join()
    assert there == here
    assert all(check.passed for check in there)
    assert len({check.model for check in there}) > 4
    (victim, *started) = killed
    assert started
    assert not any(map(runs, (victim, *started)))


def kill_one(killed):
    """The first process of Ray that has workers of this suite."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for process, words in commands().items():
            started = children(process) if words.startswith("ray::_do") else []
            if started:
                killed += [process, *started]
                kill(process, signal.SIGKILL)
                return
        time.sleep(0.05)


@pytest.mark.usefixtures("no_cluster_set")
def test_any_function_of_a_module():
    """Its exceptions are raised here; nothing is heard beyond this machine."""
    found = cluster.each(partial(operator.pow, 2), [3, 1, 2], cores=0.1)
    assert next(found) == 8
    of_ray = [child for child in children(getpid()) if "ray" in commands()[child]]
    addresses = [address for process in of_ray for address in listening(process)]
    assert addresses
    assert all(map(is_loopback, addresses))
    assert list(found) == [2, 4]
    with pytest.raises(ZeroDivisionError):
        list(cluster.each(partial(operator.truediv, 1), [0], cores=0.1))


def test_a_lost_job_is_a_failed_row(monkeypatch):
    jobs = plan(["mlp_tiny", "linear_tiny"], ["names", "counts"], FRAMEWORKS)
    lost = [cluster.Lost("lost 4 times: the node is gone"), []]
    monkeypatch.setattr(cluster, "each", lambda work, jobs: iter(lost))
    checks = list(run_on_cluster(jobs, "float64"))
    assert [check.tier for check in checks] == ["names", "counts"]
    assert not any(check.passed for check in checks)
    assert checks[0].reason == "lost 4 times: the node is gone"


@pytest.mark.usefixtures("no_cluster_set")
def test_without_ray_it_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"not installed; pip install 'triptych"):
        list(cluster.each(abs, [1]))


@pytest.fixture
def no_cluster_set(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # What is set for Ray stays in this test.
    for name in cluster.QUIET:
        monkeypatch.setenv(name, "0")
