"""A run's folder: one run at a time, and the old one stays until the new one stands."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parity_tests.tests.test_stopping import TRAIN, train
from shared.errors import UsageError
from shared.files.writing import TEMPORARY
from shared.reference.adapter import Adapter
from shared.running import folders, runs, saving, training
from shared.running.training import Job
from shared.tasks import task

ROOT = Path(__file__).resolve().parents[2]
HOLDING = """
import sys, time
from pathlib import Path
from shared.running.folders import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def content(folder):
    """All that a person would miss."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (folders.LOCK, folders.PROGRESS)
    }


@pytest.fixture
def old(tmp_path):
    """The folder of a run, and a file of somebody's own in it."""
    folder = tmp_path / "numpy"
    train(folder, {"epochs": 2})
    (folder / "notes.txt").write_text("mine")
    return folder


def holding(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, folder], stdout=subprocess.PIPE, cwd=ROOT
    )
    with process.stdout as told:
        assert told.readline() == b"held\n"
    return process


# Locks


def test_two_processes_do_not_write_one_folder(tmp_path):
    folder = tmp_path / "numpy"
    process = holding(folder)
    said = f"another run writes it, process {process.pid}; wait for it"
    try:
        left = folder / f"{TEMPORARY}of-the-other"
        left.write_text("half")
        with pytest.raises(UsageError, match=said):
            train(folder, {"epochs": 1})
        with pytest.raises(UsageError, match=said):
            runs.run(task("digits_mlp"), ["numpy"], tmp_path, {}, resume=True)
        assert left.exists()
    finally:
        process.kill()
        process.wait()
    train(folder, {"epochs": 1})  # the lock went with the process
    assert not left.exists()


def test_two_in_one_process_do_not_either(tmp_path):
    said = f"process {os.getpid()}"
    with folders.held(tmp_path), pytest.raises(UsageError, match=said):
        folders.held(tmp_path).__enter__()
    with folders.held(tmp_path):
        pass


def test_without_locks_runs_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "fcntl", None)
    with folders.held(tmp_path), folders.held(tmp_path):
        pass


def test_on_a_full_disk_a_folder_is_held_too(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        with folders.held(tmp_path), pytest.raises(UsageError, match="another run"):
            folders.held(tmp_path).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_lock_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("stays")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / folders.LOCK).symlink_to(victim)
    with pytest.raises(UsageError, match=r"\.lock: cannot be written"):
        folders.held(tmp_path / "run").__enter__()
    assert victim.read_text() == "stays"


@pytest.mark.parametrize("name", ["progress.txt", "history.jsonl", "checkpoints"])
def test_no_file_of_a_run_is_written_through_a_link_that_is_broken(name, tmp_path):
    """A link to a person's own file stays that; what tells of progress is new."""
    victim = tmp_path / "victim"
    victim.write_text("stays")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / name).symlink_to(victim)
    if name == "checkpoints":
        with pytest.raises(UsageError, match="cannot be a folder, it is a file"):
            train(folder, {"epochs": 1})
    else:
        train(folder, {"epochs": 1})
    assert (victim.read_text() == "stays") == (name != "history.jsonl")


@pytest.mark.parametrize("where", ["numpy", "numpy/checkpoints"])
def test_a_file_where_a_folder_must_be_is_one_line(where, tmp_path):
    path = tmp_path / where
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(UsageError, match="cannot be a folder, it is a file"):
        runs.run(task("digits_mlp"), ["numpy"], tmp_path, {})
    assert path.read_text() == "mine"


# A fresh run in the place of another


def fresh(out, frameworks=("numpy",), **job):
    return runs.run(
        task("digits_mlp"), list(frameworks), out, {"epochs": 1}, fresh=True, **job
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"resume": True}, "give one of them"),
        ({"source": Path("no/such")}, "no/such: it holds no checkpoint"),
        ({"source": "own"}, "is this run's own folder"),
        ({"device": "cuda"}, "device 'cuda': looked for"),
        ({"processes": 2}, "allowed with numpy: 1"),
    ],
    ids=["resume", "no source", "own source", "device", "processes"],
)
def test_what_is_refused_costs_no_run(asked, said, old):
    before = content(old)
    if asked.get("source") == "own":
        asked = {"source": old.parent / "x" / ".." / "numpy"}
        (old.parent / "x").mkdir()
    with pytest.raises(UsageError, match=said):
        fresh(old.parent, **asked)
    assert content(old) == before


@pytest.mark.parametrize("changes", [{"lr": -1.0}, {"batch_size": 10**9}])
def test_a_plan_that_cannot_be_costs_no_run(changes, old):
    before = content(old)
    with pytest.raises(UsageError):
        runs.run(task("digits_mlp"), ["numpy"], old.parent, changes, fresh=True)
    assert content(old) == before


def test_a_fresh_run_replaces_the_old_one_and_nothing_else(old):
    before = content(old)
    fresh(old.parent)
    after = content(old)
    assert after["notes.txt"] == b"mine"
    assert after["history.jsonl"] != before["history.jsonl"]
    assert len(saving.found(old / "checkpoints")) == 1
    assert not (old / folders.ASIDE).exists()


def test_a_run_that_fails_before_it_stands_brings_the_old_one_back(old, monkeypatch):
    before = content(old)
    made = training.Run.after_epoch

    def fail(run):
        assert (old / folders.ASIDE).exists()
        assert not saving.found(old / "checkpoints")
        raise ValueError("no more")

    monkeypatch.setattr(training.Run, "after_epoch", fail)
    with pytest.raises(ValueError, match="no more"):
        begin(old)
    assert content(old) == before

    def fail_later(run):
        made(run)
        raise ValueError("no more")

    monkeypatch.setattr(training.Run, "after_epoch", fail_later)
    with pytest.raises(ValueError, match="no more"):
        begin(old)
    assert len(saving.found(old / "checkpoints")) == 1
    assert not (old / folders.ASIDE).exists()


def begin(folder):
    chosen = task("digits_mlp")
    model = Adapter("float32", 1).build(chosen.spec, chosen.name)
    model.start(0)
    job = Job(chosen.name, folder, {"epochs": 3}, fresh=True)
    return training.train(model, job)


@pytest.mark.parametrize("moves", range(7))
def test_killed_at_any_move_the_old_run_is_there(moves, old):
    """Aside, and back: whatever was done of either, the next that comes ends it."""
    before = content(old)
    for back in range(7):
        killed_at(old, moves, folders.set_aside)
        killed_at(old, back, folders.settle)
        with folders.held(old):
            pass
        assert content(old) == before, (moves, back)
        assert not (old / folders.ASIDE).exists()


def killed_at(folder, moves, work):
    """The process is gone after so many moves."""

    class Gone(BaseException):
        pass

    rename, left = Path.rename, [moves]

    def counted(path, target):
        if not left[0]:
            raise Gone
        left[0] -= 1
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "rename", counted)
        try:
            work(folder)
        except Gone:
            return


def test_killed_while_it_trains_the_old_run_comes_back(old):
    """SIGKILL to the whole group of the command; the next command finds the old."""
    before = content(old)
    folder = old.parent / "x" / "digits_mlp-batch8" / "numpy"
    folder.parent.mkdir(parents=True)
    old.rename(folder)
    long = ("--batch-size", "8", "--fresh", "--out", old.parent / "x")
    process = subprocess.Popen(
        [sys.executable, "-m", "triptych", *TRAIN, "numpy", *long],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (folder / folders.ASIDE).exists():
        assert process.poll() is None
        time.sleep(0.0005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.1)
    stood = bool(saving.found(folder / "checkpoints"))
    with folders.held(folder):
        pass
    assert stood or content(folder) == before
