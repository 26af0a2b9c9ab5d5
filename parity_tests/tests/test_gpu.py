"""The run that a machine with a GPU gets, dry on a CPU."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import records
from benchmarks.gpu import parity, peaks, speed
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.clock import Clock, Lines
from benchmarks.gpu.parity import Answer, Job
from parity_tests import engine, training
from shared.catalog import FAMILIES, VARIANTS
from shared.frameworks import ROOT

PLACES = parity.places(("pytorch", "jax"), "cuda")
CPU, _, GPU, OTHER = PLACES


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.thorough
def test_dry_run(tmp_path, capsys):
    chosen = ["--device", "cpu", "--dry", "--parts", "parity,speed"]
    frameworks = ["--frameworks", "pytorch,jax", "--out", str(tmp_path)]
    assert main([*chosen, *frameworks]) == 0
    checks = lines_of(tmp_path / "parity.jsonl")
    tiers = {(check["model"], check["tier"].partition("/")[0]) for check in checks}
    wanted = ("forward", "gradients", "buffers", "training")
    assert tiers == {(m, t) for m in ("linear_tiny", "lenet_tiny") for t in wanted}
    assert all(check["passed"] for check in checks)
    (found,) = records.read([tmp_path / "cpu.jsonl"])
    names = ["pytorch/eager", "jax/compiled"]
    assert [result.contender for result in found.end.results] == names
    said = {line["about"]: line["said"] for line in lines_of(tmp_path / "notes.jsonl")}
    assert said["run"]["frameworks"] == ["pytorch", "jax"]
    assert said["lenet_tiny, inference, batch 2, float32"] == "recorded"
    assert "FAIL" not in capsys.readouterr().out
    done = set(speed.done(tmp_path / "cpu.jsonl"))
    assert done == {e.key for e in speed.entries(speed.DRY, ("float32",))}


def test_it_runs_where_nothing_is_installed():
    """From the root, without the paths of an installed package."""
    code = "import benchmarks.gpu.__main__, sys; print('pydantic' in sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@pytest.fixture(scope="module")
def evidence(workers):
    name = "lenet_tiny"
    worker = workers.get("pytorch", "float64")
    values = engine.measure(worker, name, VARIANTS[name], parity.TIERS, layers=False)
    (plan,) = parity.plans(name)
    spec = VARIANTS[name].spec
    return values, training.follow(worker, name, spec, plan, parity.UPDATES)


def failed(job, answers):
    found = list(parity.judged(job, answers, PLACES))
    return len(found), [check for check in found if not check.passed]


def test_a_device_that_computes_something_else_is_told(evidence):
    job, (values, _) = Job("lenet_tiny", parity.VALUES), evidence
    same = {place: Answer(values=values) for place in PLACES}
    assert failed(job, same) == (12, [])
    off = {k: v * (1 + 1e-9) for k, v in values.training.gradients.items()}
    wrong = replace(values, training=replace(values.training, gradients=off))
    _, short = failed(job, {**same, GPU: Answer(values=wrong)})
    assert [check.tier for check in short] == ["gradients", "gradients"]
    assert short[0].frameworks == [str(CPU), str(GPU)]
    assert short[1].frameworks == [str(GPU), str(OTHER)]


def test_updates_that_go_another_way_are_told(evidence):
    job, (_, seen) = Job("lenet_tiny", parity.TRAINING), evidence
    same = {place: Answer(updates=seen) for place in PLACES}
    assert failed(job, same) == (3, [])
    wrong = [*seen[:-1], replace(seen[-1], losses={"loss": seen[-1].loss + 1e-6})]
    _, short = failed(job, {**same, OTHER: Answer(updates=wrong)})
    assert len(short) == 2
    assert "update 3, loss" in short[0].reason


def test_a_place_that_failed_falls_short(evidence):
    values, seen = evidence
    dead = Answer(failure="jax died in run (SIGKILL)")
    for kind, answer in (
        ("values", Answer(values=values)),
        ("training", Answer(updates=seen)),
    ):
        same = dict.fromkeys(PLACES, answer)
        _, short = failed(Job("lenet_tiny", kind), {**same, OTHER: dead})
        assert short
        assert all(dead.failure in check.reason for check in short)


def test_what_was_not_reached_is_told(tmp_path):
    lines = Lines(tmp_path, Clock(60))
    parity.run(PLACES, [Job("linear_tiny", parity.VALUES)], Clock(0), lines)
    (line,) = lines_of(tmp_path / "notes.jsonl")
    assert line["said"] == "not reached in time: linear_tiny"


def test_every_family_is_asked_first():
    small = [name for name, variant in VARIANTS.items() if variant.tiny]
    asked = parity.jobs(small)
    assert len(asked) == 2 * len(small)
    first = {job.model for job in asked[: len(FAMILIES)]}
    assert all(first & set(family.VARIANTS) for family in FAMILIES.values())


def test_what_is_recorded_is_in_the_catalog():
    """A model that is yet to come is taken up when it is there."""
    found = speed.entries((*speed.ITEMS, *speed.LATENCY), speed.DTYPES)
    assert {"resnet50", "vit_b_16", "gpt2"} <= {entry.model for entry in found}
    assert {entry.dtype for entry in found} == {"float32", "tf32", "bfloat16"}
    assert found[0].dtype == "bfloat16"


def test_a_wave_fits_in_the_memory(tmp_path):
    clock = Clock(60)
    held = speed.Records("cpu", ["jax"], 40.0, 1, clock, Lines(tmp_path, clock))
    held.threads = 16
    entries = speed.entries(speed.ITEMS, ("float32",))
    waiting = [speed.Turn(e, [None] * 3, None) for e in entries]
    waves = []
    while waiting:
        waves.append(held._wave(waiting))
    assert [turn.entry for wave in waves for turn in wave] == entries
    room = 40.0 - speed.RESERVE
    assert all(len(w) == 1 or sum(t.gib for t in w) <= room for w in waves)
    assert max(map(len, waves)) > 1


def test_the_published_peak_is_known_by_the_drivers_name():
    assert peaks.peak_gflops("cuda:0 NVIDIA H100 80GB HBM3", "bfloat16") == 989400
    assert peaks.peak_gflops("NVIDIA H200", "tf32") == 494700
    assert peaks.peak_gflops("NVIDIA A100-SXM4-40GB", "float32") is None


@pytest.mark.parametrize("framework", ["keras[jax]", "keras[torch]"])
def test_optimizers_are_timed_on_every_back_end(workers, framework):
    worker = workers.get(framework, "float32")
    found = worker.ask("keras_impl.contenders:time", "momentum", [(3, 2), (2,)], 1)
    assert found.keys() == {"ours", "built-in"}
    assert np.isfinite([found["ours"], found["built-in"]]).all()


def test_wrong_parts_are_one_line(capsys):
    with pytest.raises(SystemExit):
        main(["--parts", "moon"])
    assert "--parts moon: allowed: parity, speed, optimizers" in capsys.readouterr().err
