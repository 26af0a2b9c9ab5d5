"""A signal to the one process that a person started ends all, soon, and says how to go
on; a run keeps where it was."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parity_tests.processes import children, runs
from shared.errors import Stopped
from shared.reference.adapter import Adapter
from shared.running import saving, training
from shared.running.stopping import wish
from shared.running.training import Job, Run
from shared.tasks import task

# Processes themselves are what is tested here.
pytestmark = pytest.mark.usefixtures("children_alone")
ROOT = Path(__file__).resolve().parents[2]
# Two seconds, and as many again where the machine has other work.
SOON = 4.0
TRAIN = ("train", "digits_mlp", "--epochs", "100000", "--framework")
BENCH = ("bench", "softmax_regression", "--task", "inference", "--mode", "eager")


def below(process):
    found = children(process)
    return [*found, *(one for child in found for one in below(child))]


def ignored():
    """As a shell starts what runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def stopped(arguments, ready, number=signal.SIGINT, workers=1):
    """Start a command, and send it a signal when `ready` says so: what it told, and how
    long it took to end with all that it had started."""
    started = subprocess.Popen(
        [sys.executable, "-m", "triptych", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=ignored,
    )
    until = time.monotonic() + 120
    while not (ready() and len(below(started.pid)) >= workers):
        assert started.poll() is None, started.stderr.read()
        assert time.monotonic() < until
        time.sleep(0.02)
    others = below(started.pid)
    begin = time.monotonic()
    started.send_signal(number)
    _, said = started.communicate(timeout=60)
    took = time.monotonic() - begin
    assert started.returncode == 130, said
    assert took < SOON
    # What was only just started sees by itself that nobody asks it anything.
    while any(map(runs, others)) and time.monotonic() < begin + 2 * SOON:
        time.sleep(0.02)
    assert not any(map(runs, others))
    lines = [line for line in said.splitlines() if "epoch" not in line]
    return lines[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_saves_where_it_is_and_goes_on(number, tmp_path):
    folder = tmp_path / "digits_mlp" / "numpy"
    asked = (*TRAIN, "numpy", "--out", tmp_path)
    said = stopped(asked, (folder / "history.jsonl").exists, number)
    newest = saving.found(folder / "checkpoints")[0]
    step = int(newest.stem.removeprefix("step-"))
    assert said == f"stopped: numpy at step {step}; --resume goes on from there"
    assert not list(folder.glob(".triptych-*"))


def test_a_run_that_had_not_begun_says_so(tmp_path):
    said = stopped((*TRAIN, "numpy", "--out", tmp_path), lambda: True)
    assert said.startswith("stopped before anything was saved")


@pytest.mark.thorough
def test_several_processes_stop_together(tmp_path):
    folder = tmp_path / "digits_mlp" / "pytorch"
    asked = (*TRAIN, "pytorch", "--processes", "2", "--out", tmp_path)
    said = stopped(asked, (folder / "history.jsonl").exists, workers=2)
    assert said.startswith("stopped: pytorch at step ")


@pytest.mark.thorough
def test_a_benchmark_names_what_goes_on(tmp_path):
    out = tmp_path / "record.jsonl"
    asked = (*BENCH, "--frameworks", "pytorch", "--rounds", "100000", "--out", out)
    said = stopped(asked, out.exists)
    assert said == f"stopped; --resume goes on with what {out} has"


@pytest.mark.parametrize(
    "arguments",
    [
        ("parity", "mlp", "--frameworks", "pytorch,numpy", "--jobs", "2"),
        ("trace", "mlp_tiny", "--frameworks", "pytorch,numpy"),
        ("doctor",),
    ],
    ids=["parity", "trace", "doctor"],
)
def test_other_commands_end_too(arguments):
    said = stopped(arguments, lambda: True)
    assert said == "stopped; the same command begins anew"


@pytest.mark.parametrize("accumulate", [1, 2])
def test_stopped_in_the_middle_of_an_epoch_it_is_the_same_run(
    accumulate, tmp_path, monkeypatch
):
    """Again and again, at whatever batch; bit for bit."""
    changes = {"epochs": 3, "accumulate": accumulate}
    train(tmp_path / "whole", changes)
    after_batch, steps = Run.after_batch, []
    for asked in (1, 6, 13, 19, 20, 45):

        def ask(run, losses, asked=asked):
            wish.heard = run.at.step + 1 >= asked
            after_batch(run, losses)

        monkeypatch.setattr(Run, "after_batch", ask)
        with pytest.raises(Stopped, match="stopped at step"):
            train(tmp_path / "part", changes)
        found = saving.newest(tmp_path / "part" / "checkpoints")[0]
        steps.append(found.about["step"])
    assert steps == sorted(set(steps))
    assert not any(step % accumulate for step in steps)
    monkeypatch.undo()
    train(tmp_path / "part", changes)
    one, other = (tmp_path / name / "model.safetensors" for name in ("whole", "part"))
    assert one.read_bytes() == other.read_bytes()


def train(folder, changes):
    chosen = task("digits_mlp")
    model = Adapter("float32", 1).build(chosen.spec, chosen.name)
    model.start(0)
    return training.train(model, Job(chosen.name, folder, changes, resume=True))
