"""Several processes see what one would: gradients, losses, parameters, checkpoints; and
what happens when one of them dies."""

import contextlib
import importlib.util
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity_tests import distributed, following, training
from parity_tests.distributed import UPDATES, follow
from parity_tests.processes import children, is_loopback, listening, runs
from parity_tests.tests import held
from shared.catalog import VARIANTS
from shared.data.batches import Samples
from shared.definitions.losses import LOSSES, CrossEntropy
from shared.distributed import EVERYWHERE, Place, places
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE
from shared.objectives.supervised import Supervised
from shared.randomness import Draws
from shared.running import runs as task_runs
from shared.running import saving
from shared.running.client import WorkerCrashed, WorkerRaised
from shared.running.team import Team
from shared.running.training import Job
from shared.tasks import task

ROOT = Path(__file__).resolve().parents[2]
# Convolutions, BatchNorm, dropout and attention, recurrence; noise and two named terms,
# two players, a penalty by second derivatives; every optimizer thrice.
FAMILIES = {
    "lenet_tiny": "momentum",
    "resnet_tiny": "adamw",
    "gpt_tiny": "adamw",
    "lstm_tiny": "momentum",
    "vae_tiny": "adamw",
    "wgan_gp_tiny": "adamw",
}


@pytest.fixture(scope="module")
def team():
    """Two processes of a framework, in float64; started once while they live."""
    with contextlib.ExitStack() as stack:
        running = {}

        def get(framework):
            found = running.get(framework)
            if found is None or not found.alive:
                made = Team(framework, "float64", 2, timeout=300)
                found = running[framework] = stack.enter_context(made)
            return found

        yield get


def assert_alike(one, many):
    found = distributed.worst(one, many)
    assert found.error <= distributed.BOUND, found


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize(
    "name", held.sampled(FAMILIES, ("lenet_tiny", "vae_tiny", "wgan_gp_tiny"))
)
def test_two_processes_train_as_one(workers, team, framework, name):
    spec = VARIANTS[name].spec
    plan = training.plans(spec)[FAMILIES[name]]
    one = workers.get(framework, "float64")
    found = distributed.compare(one, team(framework), name, plan)
    assert 0 <= found.error <= distributed.BOUND, found


def weighted():
    """Cross-entropy whose mean is over very unlike parts: of the second process's rows
    none counts in one batch, and in another some weigh little."""
    spec = VARIANTS["mlp_tiny"].spec
    classes = spec.outputs(True)[0].shape[-1]
    class_weights = tuple(0.5 + k for k in range(classes))
    loss = CrossEntropy(class_weights=class_weights, ignore=-1)
    plan, batches = training.plans(spec)["momentum"], []
    for k, batch in enumerate(training.batches(spec, UPDATES)):
        (target,) = batch.targets
        target = target.copy()
        target[2:] = (-1, 0, target[2:])[k]
        batches.append(Samples(batch.inputs, (target,)))
    return replace(plan, objective=Supervised(loss=loss)), batches


@pytest.mark.parametrize("framework", NATIVE)
def test_a_mean_over_what_counts_is_over_the_whole_batch(workers, team, framework):
    plan, batches = weighted()
    one = follow(workers.get(framework, "float64"), "mlp_tiny", plan, batches)
    many = team(framework).each(
        lambda worker: follow(worker, "mlp_tiny", plan, batches)
    )
    assert_alike(one, many)


@pytest.mark.parametrize("framework", NATIVE)
def test_parts_of_unequal_size(workers, team, framework):
    """Five rows for two processes; JAX, which gives each as many, refuses."""
    name = "mlp_tiny"
    spec = VARIANTS[name].spec
    plan = training.plans(spec)["momentum"]
    four = training.batches(spec, 2 * UPDATES)
    pairs = [training.joined(four[k : k + 2]) for k in range(0, 2 * UPDATES, 2)]
    batches = [pair.take(slice(5)) for pair in pairs]
    if framework == "jax":
        with pytest.raises(UsageError, match="a batch of 5 rows for 2 processes; JAX"):
            team(framework).each(lambda w: follow(w, name, plan, batches))
        return
    one = follow(workers.get(framework, "float64"), name, plan, batches)
    assert_alike(one, team(framework).each(lambda w: follow(w, name, plan, batches)))


@pytest.mark.parametrize("framework", NATIVE)
def test_accumulated_batches(workers, team, framework):
    """Clipped is the sum of all, not what one process has of it."""
    spec = VARIANTS["mlp_tiny"].spec
    plan = replace(training.plans(spec)["adamw"], accumulate=2)
    batches = training.batches(spec, 4)
    one = follow(workers.get(framework, "float64"), "mlp_tiny", plan, batches)
    many = team(framework).each(lambda w: follow(w, "mlp_tiny", plan, batches))
    assert_alike(one, many)


UNUSED = """
import torch
from pytorch_impl import distributed

class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.used, self.unused = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)

    def forward(self, x):
        return self.used(x), self.unused(x)

def without_gradient(partial):
    model = Two()
    network = distributed.replicated(model, partial)
    for _ in range(2):
        network(torch.ones(3, 2))[0].sum().backward()
    return [name for name, p in model.named_parameters() if p.grad is None]
"""


def test_parameters_without_a_part_in_the_loss(team, tmp_path):
    """PyTorch must know of them, else it waits for their gradients."""
    (tmp_path / "unused.py").write_text(UNUSED)

    def ask(partial):
        return team("pytorch").each(
            lambda w: w.ask("unused:without_gradient", partial, paths=(str(tmp_path),))
        )

    assert ask(True) == [["unused.weight", "unused.bias"]] * 2
    with pytest.raises(WorkerRaised, match="Expected to have finished reduction"):
        ask(False)


@pytest.mark.parametrize("name", LOSSES)
def test_shares_make_a_whole(name):
    """In NumPy, of the definitions: any parts, any weights, nothing that counts."""
    loss = LOSSES[name]
    outputs, targets = following.example(name, "rows")
    rows = len(outputs[0])
    total = loss.counted(rows, targets)
    value = 0.0
    for size in (1, 2, 3):
        value = 0.0
        for rank in range(size):
            own = Place(rank, size).rows(rows)
            part = tuple(a[own] for a in outputs), tuple(a[own] for a in targets)
            share = loss.counted(len(part[0][0]), part[1]) / total
            value += share * float(loss.value(*part))
        assert value == pytest.approx(float(loss.value(outputs, targets)), rel=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_rows_and_draws_are_cut_not_drawn_anew(size):
    together = Draws(0, "drop", 3)
    whole, noise = together.keep((5, 2), 0.5), together.normal((5, 2))
    kept, noises, rows = [], [], []
    for rank in range(size):
        place = Place(rank, size)
        own = np.arange(5)[place.rows(5)]
        draws = Draws(0, "drop", 3, place.cut(5))
        rows += list(own)
        kept.append(draws.keep((len(own), 2), 0.5))
        noises.append(draws.normal((len(own), 2)))
    assert rows == list(range(5))
    np.testing.assert_array_equal(np.concatenate(kept), whole)
    np.testing.assert_array_equal(np.concatenate(noises), noise)


def test_a_draw_without_a_row_a_sample_is_refused():
    draws = Draws(0, "drop", 0, Place(1, 2).cut(4))
    with pytest.raises(ValueError, match="drop: a draw of"):
        draws.keep((8, 2), 0.5)


# Runs of a task


def run(worker, folder, changes, name="digits_mlp", **job):
    chosen = task(name)
    model = worker.build(chosen.spec, chosen.name)
    model.start(0)
    outcome = model.train(Job(chosen.name, folder, changes, **job))
    model.drop()
    return outcome


def ends(folder):
    return weights.read(folder / "model.safetensors")[0]


def files(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def newest_removed(folder):
    saving.found(folder / "checkpoints")[0].unlink()


CHANGES = {
    "epochs": 2,
    "patience": 2,
    "save_every": 4,
    "precision": "float64",
    "batch_size": 32,
}


@pytest.mark.thorough
@pytest.mark.parametrize("framework", NATIVE)
def test_a_run_goes_on_with_another_number_of_processes(
    workers, team, framework, tmp_path
):
    """Two processes make the run of one; either goes on where the other was."""
    one, two = workers.get(framework, "float64"), team(framework)
    name = "diabetes"
    alone = run(one, tmp_path / "one", CHANGES, name)
    both = two.each(lambda worker: run(worker, tmp_path / "two", CHANGES, name))
    assert both[0]["history"][0]["loss"] == pytest.approx(alone["history"][0]["loss"])
    assert both[0]["test_loss"] == pytest.approx(alone["test_loss"], rel=1e-10)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for source, target in (("one", "two"), ("two", "one")):
        folder = tmp_path / f"from {source}"
        shutil.copytree(tmp_path / source, folder)
        newest_removed(folder)
        if target == "one":
            run(one, folder, CHANGES, name, resume=True)
        else:
            two.each(lambda w: run(w, folder, CHANGES, name, resume=True))  # noqa: B023
        for tensor, value in ends(tmp_path / "one").items():
            np.testing.assert_allclose(ends(folder)[tensor], value, rtol=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize("framework", NATIVE)
def test_with_their_own_dropout_they_learn_and_resume_alike(team, framework, tmp_path):
    """Each draws for its own rows; the checkpoint has the generators of all."""
    two = team(framework)
    changes = {"epochs": 4, "precision": "float64"}
    outcome, again = two.each(lambda worker: run(worker, tmp_path / "whole", changes))
    assert outcome["history"][-1]["loss"] < outcome["history"][0]["loss"] / 2
    assert outcome["test_accuracy"] == again["test_accuracy"] > 0.85
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    newest_removed(tmp_path / "half")
    two.each(lambda worker: run(worker, tmp_path / "half", changes, resume=True))
    for tensor, value in ends(tmp_path / "whole").items():
        np.testing.assert_array_equal(ends(tmp_path / "half")[tensor], value)


def test_the_first_draws_as_if_alone_and_others_otherwise():
    assert [Place(0, size).seed(7) for size in (1, 2, 3)] == [7, 7, 7]
    assert len({Place(rank, 4).seed(7) for rank in range(4)}) == 4


# Where they are


def test_places_have_their_own_ports_on_this_machine():
    found = places(4)
    assert [place.rank for place in found] == [0, 1, 2, 3]
    (addresses,) = {place.addresses for place in found}
    assert len(set(addresses)) == 4
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    assert [Place.told(place.variables()) for place in found] == found


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two'; allowed: a whole number"),
        ({"WORLD_SIZE": "2"}, "RANK is ''; allowed: a whole number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK is 2; allowed: below WORLD_SIZE, 2"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, "MASTER_PORT is ''"),
    ],
)
def test_what_a_launcher_says_is_checked(variables, said):
    with pytest.raises(UsageError, match=said):
        Place.told(variables)
    assert Place.told({}) == Place()


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "null",
        "[" * 100_000,
        '{"cluster": {"worker": "a:1"}}',
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1", "b"]}}',
        '{"cluster": {"worker": ["a:1", ":2"]}}',
        '{"cluster": {"worker": ["a:1", "b:70000"]}}',
        '{"cluster": {"worker": ["a:1", 2]}}',
        '{"cluster": ["a:1", "b:2"]}',
    ],
    ids=str,
)
def test_addresses_that_cannot_be_are_one_line(config):
    told = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_PORT": "1", "TF_CONFIG": config}
    with pytest.raises(UsageError, match=r"TF_CONFIG is .*with 2 addresses") as error:
        Place.told(told)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("framework", NATIVE)
def test_nothing_listens_beyond_this_machine(team, framework):
    two = team(framework)
    two.each(lambda worker: worker.describe())
    found = [a for w in two.workers for a in listening(w._process.pid)]
    assert found
    assert all(map(is_loopback, found))


@pytest.mark.parametrize(
    ("address", "allowed", "said"),
    [
        ("127.0.0.1", False, ""),
        (
            "0.0.0.0",
            False,
            r"every interface .*, 0\.0\.0\.0; --listen-everywhere allows",
        ),
        ("", False, "as far as is seen; --listen-everywhere allows it"),
        ("0.0.0.0", True, ""),
    ],
    ids=["held", "not held", "not seen", "allowed"],
)
def test_what_listens_beyond_this_machine_is_refused_unless_it_may(
    address, allowed, said, monkeypatch
):
    """Where TensorFlow's server could not be led here; another stands for it."""
    path = ROOT / "keras_impl" / "listening.py"
    found = importlib.util.spec_from_file_location("listening_alone", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    monkeypatch.setattr(module, "_led_here", contextlib.nullcontext)
    if allowed:
        monkeypatch.setenv(EVERYWHERE, "1")
    refused = (
        pytest.raises(UsageError, match=said) if said else contextlib.nullcontext()
    )
    with contextlib.ExitStack() as kept, refused, module.on_this_machine():
        if address:
            kept.enter_context(socket.create_server((address, 0)))


TRAIN = ["train", "digits_mlp", "--framework", "pytorch"]


@pytest.mark.thorough
def test_torchrun(tmp_path):
    """Its variables are honoured; the first process tells, and writes."""
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2"]
    ours = ["-m", "triptych", *TRAIN, "--epochs", "4", "--out", tmp_path]
    done = subprocess.run(
        [sys.executable, *launch, *ours],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.stdout.count("open ") == 1, done
    assert done.stderr.count("pytorch: epoch 4/4") == 1
    folder = tmp_path / "digits_mlp" / "pytorch"
    checkpoint, _ = saving.newest(folder / "checkpoints")
    assert sorted(checkpoint.random) == ["1/cpu", "cpu"]


# What goes wrong


@pytest.mark.parametrize("framework", NATIVE)
def test_a_loss_that_is_no_number_ends_the_run(team, framework, tmp_path):
    changes = {"epochs": 3, "precision": "float64", "lr": 1e200}
    with pytest.raises((WorkerRaised, WorkerCrashed), match=r"the loss is (nan|inf)"):
        team(framework).each(lambda worker: run(worker, tmp_path, changes, "diabetes"))
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("framework", NATIVE)
def test_a_killed_one_ends_all(team, framework, tmp_path):
    two = team(framework)
    processes = [worker._process for worker in two.workers]
    killed = processes[1]

    def kill():
        until = time.monotonic() + 60
        while not (tmp_path / "history.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.01)
        killed.kill()

    alarm = threading.Thread(target=kill)
    alarm.start()
    changes = {"epochs": 10_000, "precision": "float64"}
    with pytest.raises(
        WorkerCrashed, match=rf"^{framework}, rank 1 of 2, died in train \(SIGKILL\)"
    ) as told:
        two.each(lambda worker: run(worker, tmp_path, changes))
    alarm.join()
    assert "\n" not in str(told.value)
    assert all(process.poll() is not None for process in processes)


@pytest.mark.thorough
@pytest.mark.usefixtures("children_alone")
def test_when_the_caller_is_killed_no_process_stays(tmp_path):
    long = ["--processes", "2", "--epochs", "100000", "--out", tmp_path]
    caller = subprocess.Popen(
        [sys.executable, "-m", "triptych", *TRAIN, *long],
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    history = tmp_path / "digits_mlp" / "pytorch" / "history.jsonl"
    while not history.exists():
        assert caller.poll() is None
        time.sleep(0.05)
    started = children(caller.pid)
    assert len(started) == 2
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    until = time.monotonic() + 20
    while any(runs(child) for child in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(runs(child) for child in started)


@pytest.mark.parametrize(
    ("processes", "frameworks", "said"),
    [
        (0, ["pytorch"], "processes is 0; allowed: from 1 up to the batch size, 64"),
        (65, ["keras"], "processes is 65; allowed: from 1 up to the batch size, 64"),
        (3, ["pytorch", "jax"], "3; allowed with jax, .* a divisor of the batch size"),
        (2, ["pytorch", "numpy"], "processes is 2; allowed with numpy: 1"),
    ],
)
def test_as_many_as_can_be(processes, frameworks, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        task_runs.run(task("digits_mlp"), frameworks, tmp_path, {}, processes=processes)
    assert not list(tmp_path.iterdir())
