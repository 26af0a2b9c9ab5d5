"""Workers that are forks: the same answers, their own environment, and no leftovers."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from shared.catalog import VARIANTS
from shared.running import forks
from shared.running.client import Worker, WorkerCrashed
from shared.running.forks import Fork, Forks


@pytest.fixture(scope="module")
def opened():
    """Forks of this file's own, whoever has opened some around it."""
    before = os.environ.pop(forks.VARIABLE, None)
    with Forks() as running:
        yield running
    if before is not None:
        os.environ[forks.VARIABLE] = before


@pytest.fixture
def third(opened, tmp_path):
    """The first is a child, the second makes the process that forks."""
    for _ in range(2):
        with Worker("numpy", "float64") as worker:
            worker.describe()
    with Worker("numpy", "float64") as worker:
        yield worker


def _answer(worker):
    spec = VARIANTS["linear_tiny"].spec
    model = worker.build(spec, "linear_tiny")
    model.fill(3)
    return model.predict(spec.examples(4, 0))[0].tobytes()


def test_a_worker_is_a_child_then_a_fork(opened):
    kinds, answers = [], set()
    for _ in range(3):
        with Worker("numpy", "float32") as worker:
            answers.add(_answer(worker))
            kinds.append(type(worker._process))
    assert kinds == [subprocess.Popen, Fork, Fork]
    assert len(answers) == 1


def test_a_fork_that_dies_is_told_like_a_child(third):
    third.describe()
    os.kill(third._process.pid, signal.SIGKILL)
    with pytest.raises(WorkerCrashed, match=r"numpy died in describe .*SIGKILL"):
        third.describe()
    assert not third.alive


def test_a_fork_ends_with_its_caller(third):
    pid = third._process.pid
    third.close()
    assert third._process.poll() == -signal.SIGKILL
    assert not Path(f"/proc/{pid}").exists()


def test_what_it_prints_is_in_its_own_log(third, tmp_path):
    (tmp_path / "speaking.py").write_text(
        "def say():\n    print('aloud', flush=True)\n"
    )
    third.ask("speaking:say", paths=(str(tmp_path),))
    assert third.log == ["aloud"]


def test_it_has_its_caller_s_paths_and_variables(third, tmp_path, monkeypatch):
    (tmp_path / "of_the_caller.py").write_text(
        "import os\n\ndef seen():\n    return os.environ['PYTEST_CURRENT_TEST']\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with Worker("numpy", "float64") as worker:
        assert isinstance(worker._process, Fork)
        assert worker.ask("of_the_caller:seen") == os.environ["PYTEST_CURRENT_TEST"]


def test_it_is_where_its_caller_is(third, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Worker("numpy", "float64") as worker:
        assert isinstance(worker._process, Fork)
        assert worker.ask("os:getcwd") == str(tmp_path)


def test_what_no_import_reads_makes_no_other_process(third, monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    with Worker("numpy", "float32") as worker:
        assert isinstance(worker._process, Fork)
        assert worker.ask("os:getenv", "PYTEST_XDIST_WORKER") == "gw7"


def test_another_environment_is_another_process(third):
    with Worker("numpy", "float64", variables={"KEPT": "1"}) as worker:
        assert isinstance(worker._process, subprocess.Popen)


def test_other_limits_are_another_process(third):
    """A child has its parent's; a fork would have those of who forks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**40, hard))
    try:
        with Worker("numpy", "float64") as worker:
            assert isinstance(worker._process, subprocess.Popen)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    before = os.umask(0o077)
    try:
        with Worker("numpy", "float64") as worker:
            assert isinstance(worker._process, subprocess.Popen)
    finally:
        os.umask(before)


def test_no_fork_of_a_process_with_threads(opened, tmp_path, monkeypatch):
    """A fork has one thread, and would wait for what the others held."""
    (tmp_path / "sitecustomize.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    for _ in range(3):
        with Worker("numpy", "float64", variables={"THREADS": "1"}) as worker:
            assert isinstance(worker._process, subprocess.Popen)
            worker.describe()


def test_all_end_when_it_is_closed():
    before = os.environ.pop(forks.VARIABLE, None)
    try:
        with Forks():
            folder = os.environ[forks.VARIABLE]
            for _ in range(2):
                with Worker("numpy", "float64") as worker:
                    worker.describe()
            assert _below(folder)
        assert forks.VARIABLE not in os.environ
        assert not _below(folder)
        assert not Path(folder).exists()
    finally:
        if before is not None:
            os.environ[forks.VARIABLE] = before


def test_within_another_it_is_that_one(opened):
    folder = os.environ[forks.VARIABLE]
    with Forks():
        assert os.environ[forks.VARIABLE] == folder
    assert os.environ[forks.VARIABLE] == folder
    assert Path(folder).exists()


def _below(folder):
    """The processes that fork for this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if folder.encode() in process.read_bytes():
                found.append(process)
        except OSError:
            continue
    return found
