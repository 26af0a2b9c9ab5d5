"""Runs: long parity, the same bits twice, stopping, resuming, and what goes wrong."""

import contextlib
import json
import os
import random
import resource
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import tolerances, training
from shared.catalog import VARIANTS
from shared.definitions.optimizers import OPTIMIZERS, SGD, AdamW, Ema
from shared.definitions.schedules import ReduceOnPlateau
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE, PACKAGES
from shared.messages import Seen
from shared.objectives.plan import Plan
from shared.running import saving
from shared.running.client import Worker, WorkerCrashed, WorkerRaised
from shared.running.training import Job
from shared.tasks import task

LONG = 100
KILLS = int(os.environ.get("TRIPTYCH_KILLS", "2"))  # ten: `make kills`
# A plan refuses sophia, which takes a second gradient.
TRAINABLE = [name for name in OPTIMIZERS if name != "sophia"]


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        ("lenet5_tiny", "momentum"),
        pytest.param("gpt_tiny", "adamw", marks=pytest.mark.thorough),
    ],
)
def test_a_hundred_updates(workers, name, optimizer):
    spec = VARIANTS[name].spec
    plan = training.plans(spec, LONG)[optimizer]
    seen = {
        framework: training.follow(
            workers.get(framework, "float64"), name, spec, plan, LONG
        )
        for framework in NATIVE
    }
    assert all(len(updates) == LONG for updates in seen.values())
    assert seen["pytorch"][-1].loss < seen["pytorch"][0].loss
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


def test_an_update_that_differs_is_found():
    one = Seen({"loss": 1.0}, {"w": np.ones(3)}, {"w": np.ones(3)})
    off = replace(one, weights={"w": np.ones(3) + 1e-6})
    worst = training.worst_update({"a": [one, one], "b": [one, off]})
    assert worst.error == pytest.approx(1e-6, rel=1e-3)
    assert worst.where == "update 2, weights, a vs b: w"


@pytest.mark.parametrize("target", NATIVE)
@pytest.mark.parametrize("source", NATIVE)
def test_a_run_goes_on_in_another_framework(workers, source, target):
    """After five updates here the next five are the same there."""
    name = "lenet_tiny"
    spec = VARIANTS[name].spec
    plan = training.plans(spec)["adamw"]
    batches = training.batches(spec)

    def follow(framework, batches, begin=None):
        model = workers.get(framework, "float64").build(spec, name)
        model.fill(training.SEED)
        found = model.follow(plan, batches, training.SEED, begin)
        model.drop()
        return found

    whole, _ = follow(source, batches)
    _, half = follow(source, batches[:5])
    rest, _ = follow(target, batches[5:], half)
    worst = training.worst_update({"whole": whole[5:], "halves": rest})
    assert worst.error <= tolerances.TRAINING, worst


@pytest.mark.thorough
@pytest.mark.parametrize("name", TRAINABLE)
def test_every_optimizer_goes_on_from_framework_to_framework(workers, name):
    """Two updates in each of the three, handed on, against all six in one."""
    spec = VARIANTS["lenet_tiny"].spec
    plan = replace(training.plans(spec)["adamw"], optimizer=OPTIMIZERS[name])
    batches = [b for b in training.batches(spec, 6) for _ in range(plan.passes)]

    def follow(framework, batches, begin=None):
        model = workers.get(framework, "float64").build(spec, "lenet_tiny")
        model.fill(training.SEED)
        found = model.follow(plan, batches, training.SEED, begin)
        model.drop()
        return found

    whole, end = follow("pytorch", batches)
    seen, begin, part = [], None, 2 * plan.passes
    for k, framework in enumerate(("jax", "keras", "pytorch")):
        more, begin = follow(framework, batches[k * part : (k + 1) * part], begin)
        seen += more
    worst = training.worst_update({"whole": whole, "parts": seen})
    assert worst.error <= tolerances.TRAINING, worst
    assert begin.optimizer.keys() == end.optimizer.keys()
    for key, value in end.optimizer.items():
        assert begin.optimizer[key].shape == value.shape


@pytest.mark.parametrize("framework", NATIVE)
def test_accumulated_batches_are_one_large_batch(workers, framework):
    """Two batches of four, their gradients averaged, against one of eight."""
    name = "lenet_tiny"
    spec = VARIANTS[name].spec
    small = training.batches(spec, 8)
    large = [training.joined(small[k : k + 2]) for k in range(0, 8, 2)]
    for plan in training.plans(spec).values():
        ends = []
        for batches, accumulate in ((small, 2), (large, 1)):
            model = workers.get(framework, "float64").build(spec, name)
            model.fill(0)
            seen, _ = model.follow(replace(plan, accumulate=accumulate), batches, 0)
            ends.append(seen[-1].weights)
        for key, value in ends[0].items():
            np.testing.assert_allclose(value, ends[1][key], rtol=0, atol=1e-12)


HOOKS = {
    "pytorch": """
    from pytorch_impl.training import Trainer

    class Doubled(Trainer):
        def training_step(self, *args):
            losses = super().training_step(*args)
            return {name: 2 * loss for name, loss in losses.items()}

        def predict_step(self, *args):
            return tuple(-output for output in super().predict_step(*args))
    """,
    "keras": """
    from keras_impl import training

    class Own(training.Learner):
        def compute_loss(self, *args, **kwargs):
            loss = 2 * super().compute_loss(*args, **kwargs)
            self.last.assign(loss)
            return loss

        def predict_step(self, data):
            return tuple(-output for output in super().predict_step(data))

    class Doubled(training.Trainer):
        learner_kind = Own
    """,
    "jax": """
    from jax_impl.training import Trainer

    class Doubled(Trainer):
        def training_step(self, *args):
            losses = super().training_step(*args)
            return {name: 2 * loss for name, loss in losses.items()}

        def predict_step(self, *args):
            return tuple(-output for output in super().predict_step(*args))
    """,
}
SHOWN = """
    import importlib
    import numpy as np
    from parity_tests import training
    from shared.catalog import VARIANTS

    def shown():
        package = "{package}"
        adapter = importlib.import_module(package + ".adapter").Adapter("float64", 1)
        own = importlib.import_module(package + ".training").Trainer
        spec = VARIANTS["mlp_tiny_gelu"].spec
        plan = training.plans(spec)["momentum"]
        batch = training.batches(spec)[0]
        seen, outputs = [], []
        for kind in (own, Doubled):
            model = adapter.build(spec, "")
            model.start(0)
            trainer = kind(model, plan)
            outputs.append(trainer.predict(batch.inputs)[0])
            seen.append(trainer.observe(batch, 0, 0).loss)
        assert seen[1] == 2 * seen[0] > 0
        np.testing.assert_array_equal(outputs[1], -outputs[0])
"""


@pytest.mark.parametrize("framework", NATIVE)
def test_steps_can_be_overridden(within, framework):
    shown = SHOWN.replace("{package}", PACKAGES[framework])
    within(framework, HOOKS[framework] + shown, "shown")


# Runs of a task


def bits(folder):
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize("framework", NATIVE)
def test_the_same_bits_twice_and_others_with_another_seed(run, framework, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        changes = {"epochs": 2, "seed": seed}
        run(framework, tmp_path / name, changes, fresh=name == "two")
    assert bits(tmp_path / "one") == bits(tmp_path / "two")
    assert bits(tmp_path / "one") != bits(tmp_path / "three")


@pytest.mark.thorough
@pytest.mark.parametrize("framework", NATIVE)
def test_killed_again_and_again_it_ends_the_same(run, framework, tmp_path):
    """SIGKILL at random moments; the weights and the history of a run left alone."""
    changes = {"epochs": 60, "save_every": 5}
    outcome = run(framework, tmp_path / "whole", changes)
    draw = random.Random(framework)
    for _ in range(KILLS):
        killed(
            framework,
            tmp_path / "killed",
            changes,
            outcome["seconds"] * draw.random() / 3,
        )
    assert list((tmp_path / "killed" / "checkpoints").iterdir())
    run(framework, tmp_path / "killed", changes, resume=True)
    assert bits(tmp_path / "killed") == bits(tmp_path / "whole")
    assert told(tmp_path / "killed") == told(tmp_path / "whole")


def killed(framework, folder, changes, after):
    """A run that goes on, and `after` seconds later no more."""
    started = folder / "progress.txt"
    started.unlink(missing_ok=True)
    with Worker(framework, "float32") as worker:
        model = worker.build(task("digits_mlp").spec, "digits_mlp")
        model.start(0)

        def end():
            while not started.exists():
                time.sleep(0.005)
            time.sleep(after)
            worker._process.kill()

        alarm = threading.Thread(target=end)
        alarm.start()
        with contextlib.suppress(WorkerCrashed):
            model.train(Job("digits_mlp", folder, changes, resume=True))
        alarm.join()


def told(folder):
    lines = (folder / "history.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


@pytest.mark.parametrize("harm", ["truncated", "corrupt"])
def test_a_damaged_checkpoint_is_told_and_the_one_before_used(run, tmp_path, harm):
    changes = {"epochs": 3}
    run("pytorch", tmp_path / "whole", changes)
    folder = tmp_path / "harmed"
    run("pytorch", folder, changes)
    newest, before = saving.found(folder / "checkpoints")
    content = bytearray(newest.read_bytes())
    if harm == "truncated":
        content = content[: len(content) // 2]
    else:
        content[-100] ^= 1
    newest.write_bytes(content)
    found, warnings = saving.newest(folder / "checkpoints")
    assert found is not None
    assert found.about["step"] == int(before.stem.split("-")[1])
    assert len(warnings) == 1
    assert str(newest) in warnings[0]
    run("pytorch", folder, changes, resume=True)
    assert "using the checkpoint before it" in (folder / "progress.txt").read_text()
    assert bits(folder) == bits(tmp_path / "whole")


def test_no_whole_checkpoint_is_one_line(run, tmp_path):
    run("pytorch", tmp_path, {"epochs": 1})
    for path in saving.found(tmp_path / "checkpoints"):
        path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(UsageError, match="no checkpoint to go on from"):
        run("pytorch", tmp_path, {"epochs": 1}, resume=True)


def test_another_plan_is_refused_by_name(run, tmp_path):
    run("pytorch", tmp_path, {"epochs": 1})
    with pytest.raises(UsageError, match="that run had batch_size 64, this one 32"):
        run("pytorch", tmp_path, {"epochs": 1, "batch_size": 32}, resume=True)


def test_a_full_disk_leaves_the_old_checkpoint_whole(tmp_path):
    old = saving.Checkpoint({"w": np.zeros(10)}, {}, {}, {"step": 1})
    new = saving.Checkpoint({"w": np.zeros(100_000)}, {}, {}, {"step": 2})
    saving.write(tmp_path, 1, old)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(UsageError, match="cannot be written"):
            saving.write(tmp_path, 2, new)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001.safetensors"]
    found, warnings = saving.newest(tmp_path)
    assert found is not None
    assert warnings == []


def test_a_folder_that_cannot_be_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        run("pytorch", tmp_path / "file" / "run", {"epochs": 1})


@pytest.mark.parametrize("framework", NATIVE)
def test_a_loss_that_is_no_number_ends_the_run(run, framework, tmp_path):
    changes = {"epochs": 3, "optimizer": SGD(lr=1e30)}
    with pytest.raises(WorkerRaised, match=r"the loss is (nan|inf) in epoch 1"):
        run(framework, tmp_path, changes)
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("framework", NATIVE)
def test_without_progress_it_stops_and_the_best_weights_are_back(
    run, framework, tmp_path
):
    changes = {"epochs": 40, "patience": 3, "optimizer": AdamW(lr=0.1)}
    outcome = run(framework, tmp_path, changes)
    scores = [line["validation_accuracy"] for line in outcome["history"]]
    assert outcome["best_epoch"] == 1 + int(np.argmax(scores))
    assert outcome["epochs"] == outcome["best_epoch"] + 3 < 40
    assert bits(tmp_path) == (tmp_path / "best.safetensors").read_bytes()


def test_a_plateau_lowers_the_rate_in_all_three_alike(run, tmp_path):
    """Nothing is better by half, so the rate is a tenth after every epoch."""
    plateau = ReduceOnPlateau(patience=0, threshold=0.9)
    changes = {"epochs": 4, "optimizer": SGD(lr=0.1), "precision": "float64"}
    ends = {}
    for framework in NATIVE:
        folder = tmp_path / framework
        chosen = {**changes, "plateau": plateau}
        outcome = run(framework, folder, chosen, "float64", name="diabetes")
        ends[framework] = [line["loss"] for line in outcome["history"]]
        checkpoint, _ = saving.newest(folder / "checkpoints")
        assert checkpoint.about["position"]["plateau"][0] == pytest.approx(1e-3)
    flat = run("pytorch", tmp_path / "flat", changes, "float64", name="diabetes")
    assert ends["pytorch"][3] != flat["history"][3]["loss"]
    for losses in ends.values():
        np.testing.assert_allclose(losses, ends["pytorch"], rtol=1e-12)


@pytest.mark.parametrize("kind", ["ema", "schedule_free"])
def test_the_weights_to_evaluate_with_are_the_same_in_all_three(run, kind, tmp_path):
    """They are what is saved; those that train go on as if nobody had looked."""
    changes = {"epochs": 3, "optimizer": "schedule_free"}
    if kind == "ema":
        changes = {"epochs": 3, "ema": Ema(decay=0.9)}
    ends, trained = {}, {}
    for framework in NATIVE:
        folder = tmp_path / framework
        run(framework, folder, changes, "float64", name="diabetes")
        ends[framework] = weights.read(folder / "model.safetensors")[0]
        found, _ = saving.newest(folder / "checkpoints")
        trained[framework] = found.model
    plain = {"epochs": 3}
    if kind == "ema":
        run("pytorch", tmp_path / "plain", plain, "float64", name="diabetes")
        found, _ = saving.newest(tmp_path / "plain" / "checkpoints")
        trained["plain"] = found.model
    for name, value in ends["pytorch"].items():
        for framework in NATIVE:
            np.testing.assert_allclose(ends[framework][name], value, rtol=1e-11)
            assert np.abs(trained[framework][name] - value).max() > 1e-6
        if kind == "ema":
            np.testing.assert_array_equal(
                trained["plain"][name], trained["pytorch"][name]
            )


@pytest.mark.parametrize("framework", NATIVE)
def test_an_average_goes_on_where_it_was(run, framework, tmp_path):
    changes = {"epochs": 4, "ema": Ema(decay=0.9)}
    run(framework, tmp_path / "whole", changes)
    run(framework, tmp_path / "halves", {**changes, "epochs": 4, "save_every": 5})
    newest = saving.found(tmp_path / "halves" / "checkpoints")[0]
    newest.unlink()
    run(framework, tmp_path / "halves", changes, resume=True)
    assert bits(tmp_path / "halves") == bits(tmp_path / "whole")


@pytest.mark.thorough
def test_every_optimizer_trains_compiled_and_alike(run, tmp_path):
    """As people run it, compiled, what goes in given away; float32: alike to 1e-3."""
    losses = {}
    for framework in NATIVE:
        for name in TRAINABLE:
            changes = {"epochs": 2, "optimizer": name}
            folder = tmp_path / framework / name
            outcome = run(framework, folder, changes, name="diabetes")
            losses[framework, name] = [line["loss"] for line in outcome["history"]]
    for name in TRAINABLE:
        for framework in NATIVE:
            np.testing.assert_allclose(
                losses[framework, name], losses["pytorch", name], rtol=1e-3
            )


@pytest.mark.parametrize("framework", NATIVE)
def test_bfloat16_learns(run, framework, tmp_path):
    outcome = run(framework, tmp_path, {"epochs": 5, "precision": "bfloat16"})
    losses = [line["loss"] for line in outcome["history"]]
    assert losses[-1] < losses[0] / 2
    assert outcome["test_accuracy"] > 0.8


def test_a_plan_says_what_it_allows():
    chosen = task("digits_mlp")
    for field, value in (("epochs", 0), ("batch_size", -1), ("precision", "int8")):
        with pytest.raises(UsageError, match=f"Plan.{field} is"):
            chosen.plan_for(1000, {field: value})
    with pytest.raises(UsageError, match="takes no second gradient"):
        chosen.plan_for(1000, {"optimizer": "sophia"})
    with pytest.raises(UsageError, match=r"AdamW.lr is -1.0; allowed"):
        chosen.plan_for(1000, {"lr": -1.0})
    assert isinstance(chosen.plan_for(1000, {}), Plan)
