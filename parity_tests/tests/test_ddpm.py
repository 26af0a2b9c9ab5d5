"""Diffusion's networks: sizes that are published, one step and both samplers against
NumPy, guidance, and what is refused; the command that draws samples."""

import json
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import sampled, tolerances, training
from parity_tests.compare import error, worst_of
from parity_tests.tests.test_cli import run
from shared.catalog import variant
from shared.definitions import diffusion
from shared.definitions.diffusion import DDIM, DDPM, LinearNoise
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request
from shared.randomness import Draws
from shared.reference.adapter import Adapter
from shared.reference.module import named_parameters
from shared.specs.denoising import Denoising
from shared.specs.generative.ddpm import DiffusionSpec
from shared.tasks.generative import digits_diffusion

TINY, GUIDED = "diffusion_tiny", "guided_diffusion_tiny"


def in_numpy(spec, w):
    model = Adapter("float64", 1).build(spec, "")
    model.load(w)
    return model.native


def test_levels_are_the_papers():
    """Ho et al. 2020, appendix B: CIFAR-10's maps from 32x32 to 4x4, attention at
    16x16, 35.7 million parameters; 256x256 down to 8x8, 114 million."""
    small, large = variant("ddpm_cifar10"), variant("ddpm_celeba_hq")
    assert round(small.parameters / 1e6, 1) == 35.7
    assert round(large.parameters / 1e6) == 114
    for one, lowest in ((small, 4), (large, 8)):
        sides = one.spec._sides[: len(one.spec.widths)]
        assert sides[-1] == lowest
        assert [sides[i] for i in one.spec.attention] == [16]
    assert [len(level.blocks) for level in small.spec.up] == [3, 3, 3, 3]
    assert small.spec.up[0].blocks[0].conv1.c_in == 512


def test_times_turn_as_in_the_authors_code():
    """Sines, then cosines, of frequencies from 1 to 1/10000."""
    spec = variant("ddpm_cifar10").spec
    assert len(spec.frequencies) == 64
    assert spec.frequencies[0] == 1
    assert spec.frequencies[-1] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"widths": (4, 7)}, "widths is (4, 7); allowed: multiples of the 2 groups"),
        ({"widths": (2, 4)}, "an even number of at least 4 first"),
        ({"widths": ()}, "one level or more"),
        ({"image_size": 5}, "image_size is 5; allowed: a multiple of 2"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        replace(variant(TINY).spec, **changes)
    assert said in str(refused.value)


def test_no_time_comes_twice():
    with pytest.raises(UsageError, match="is 6; allowed: at most the 5 steps"):
        Denoising(noising=LinearNoise(steps=5), ddim_steps=6)


@pytest.mark.parametrize("says", ["noise", "data", "velocity"])
def test_both_samplers_are_those_in_numpy(workers, says):
    """Guided, by the definitions themselves with the network in NumPy."""
    tiny = variant(GUIDED).spec
    spec = replace(tiny, denoising=replace(tiny.denoising, says=says))
    model = workers.get("pytorch", "float64").build(spec, "")
    model.fill(3)
    own = in_numpy(spec, model.dump())
    draw = np.random.default_rng(0)
    noise, label = draw.standard_normal((2, 1, 4, 4)), np.array([2, 0])
    normals = draw.standard_normal((2, 4, 1, 4, 4))
    w, bars = spec.guidance, spec.noising.alpha_bars()

    def predict(x, t):
        with_it = own(x, label, t)
        without = own(x, np.full(2, 3), t)
        said = with_it + w * (with_it - without)  # equation 6
        a = bars[t][:, None, None, None]
        x0 = {"data": said, "velocity": np.sqrt(a) * x - np.sqrt(1 - a) * said}
        if says == "noise":
            return said
        return (x - np.sqrt(a) * x0[says]) / np.sqrt(1 - a)

    for program, sampler, given, times in (
        ("sample", DDPM(limit=1.0), normals.swapaxes(0, 1), np.arange(4)),
        ("sample_ddim", DDIM(limit=1.0), np.zeros((2, *noise.shape)), np.array([0, 2])),
    ):
        asked = (label, noise, normals)[: 3 if program == "sample" else 2]
        found = model.run(Request(asked, program=program)).outputs[0]
        wanted = sampler.sample(predict, noise, given, spec.noising, times)
        assert error(found, wanted) <= tolerances.FORWARD
        assert np.abs(found).max() <= 1
    model.drop()


@pytest.mark.parametrize("framework", NATIVE)
def test_a_step_is_that_in_numpy(workers, framework):
    """Its loss and gradients, of labels some of which are forgotten."""
    spec = variant(GUIDED).spec
    plan, (batch,) = training.plans(spec)["adamw"], training.batches(spec, 1)
    model = workers.get(framework, "float64").build(spec, GUIDED)
    model.fill(training.SEED)
    w = model.dump()
    (seen,), _ = model.follow(plan, [batch], training.SEED)
    model.drop()
    (step,) = plan.objective.steps(spec)
    time, noise, chance = (
        t.noise(Draws(training.SEED, f"noise/{step.name}/{t.name}", 0), len(batch))
        for t in step.noise
    )
    x0, label = batch.inputs
    forgotten = chance < spec.guided.forgets
    assert 0 < forgotten.sum() < len(batch)
    a = spec.noising.alpha_bar(time)
    own = in_numpy(spec, w)
    y = own(diffusion.noised(x0, noise, a), np.where(forgotten, 3, label), time)
    apart = y - diffusion.velocity(x0, noise, a)
    assert seen.losses["loss"] == pytest.approx(np.square(apart).mean())
    own.backward(2 * apart / apart.size)
    wanted = {name: p.gradient for name, p in named_parameters(own).items()}
    floor = tolerances.GRADIENT_FLOOR  # a bias of keys has no gradient
    worst = worst_of(seen.gradients, wanted, "numpy", floor)
    assert worst.error <= tolerances.GRADIENTS, worst


def test_at_first_blocks_change_nothing(workers):
    """What ends each is 0 before training, and so is what the network says."""
    spec = variant(TINY).spec
    model = workers.get("pytorch", "float64").build(spec, TINY)
    model.start(0)
    image = np.ones((1, 2, 4, 4))
    (found,) = model.run(Request((image, np.array([3])))).outputs
    model.drop()
    assert not found.any()


# The task's judge


def test_the_judge_knows_digits_from_what_is_none():
    """Digits not seen, against noise and against halves of two."""
    x, labels = digits_diffusion.data().test.inputs
    assert digits_diffusion.recognised(x, labels) > 0.98
    draw = np.random.default_rng(0)
    assert digits_diffusion.recognised(draw.standard_normal(x.shape), labels) < 0.2
    other = x[draw.permutation(len(x))]
    halves = np.concatenate([x[:, :, :4], other[:, :, 4:]], 2)
    assert digits_diffusion.recognised(halves, labels) < 0.5


# The command


def test_samples_side_by_side(tmp_path):
    picture, told = tmp_path / "made.png", tmp_path / "made.json"
    line = f"sample {GUIDED} --number 3 --seed 5 --framework pytorch,jax"
    done = run(*line.split(), "--picture", str(picture), "--json", str(told))
    assert done.returncode == 0, done.stderr
    assert "as seed 5 starts it" in done.stdout
    found = json.loads(told.read_text())
    assert found["agree"]
    assert [one["framework"] for one in found["made"]] == ["pytorch", "jax"]
    assert found["made"][0]["pictures"] == found["made"][1]["pictures"]
    assert found["made"][0]["shape"] == [4, 4, 1]
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("gpt_tiny", {}, "gpt_tiny has no program 'sample'"),
        ("gan_tiny", {}, "gan_tiny makes [10], no picture"),
        (TINY, {}, "diffusion_tiny makes [2, 4, 4], no picture"),
        (GUIDED, {"labels": [3]}, "--label 3; allowed: from 0 to 2"),
        ("vae", {"labels": [1]}, "vae has no classes"),
        (GUIDED, {"number": 0}, "--number 0; allowed: from 1 to 64"),
    ],
)
def test_what_makes_no_picture_is_refused(model, options, said):
    with pytest.raises(UsageError) as refused:
        sampled.asked(model, **options)
    assert said in str(refused.value)


def test_labels_come_in_turn():
    found = sampled.asked(GUIDED, number=5)
    assert found.inputs[0].tolist() == [0, 1, 2, 0, 1]
    assert sampled.asked(GUIDED, number=3, labels=[2]).inputs[0].tolist() == [2, 2, 2]
    assert isinstance(found.spec, DiffusionSpec)


def test_rows_of_numbers_are_squares():
    levels = sampled.drawn({"a": np.linspace(0, 1, 8).reshape(2, 1, 2, 2)})
    assert levels["a"].shape == (2, 2, 2, 1)
    assert (levels["a"].min(), levels["a"].max()) == (0, 255)
    assert sampled.drawn({"a": np.zeros((1, 1, 1, 1)) - 1e-9})["a"].item() == 127
