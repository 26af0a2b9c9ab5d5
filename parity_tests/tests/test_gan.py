"""Two players: the sizes that are published, both steps against NumPy with the second
derivatives by hand, all games, runs that are gone on with, and what is refused."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from parity_tests import tolerances, training
from parity_tests.compare import error
from shared import randomness
from shared.catalog import variant
from shared.definitions.optimizers import OPTIMIZERS, Adam
from shared.errors import UsageError
from shared.files import weights
from shared.frameworks import NATIVE
from shared.messages import Seen
from shared.objectives.adversarial import Game
from shared.running import saving
from shared.running.training import Job
from shared.specs.generative.gan import DCGANSpec
from shared.tasks import task

TINY = "wgan_gp_tiny"


def follow(workers, framework, name, plan, batches, begin=None, start=None):
    model = workers.get(framework, "float64").build(variant(name).spec, name)
    model.fill(training.SEED)
    if start is not None:
        model.load(start)
    w = model.dump()
    seen, end = model.follow(plan, batches, training.SEED, begin)
    model.drop()
    return w, seen, end


def plan_of(name, **objective):
    plan = training.plans(variant(name).spec)["adamw"]
    return replace(plan, objective=replace(plan.objective, **objective))


# The sizes


def test_the_published_counts(workers):
    """pytorch/examples: generator 3,576,704, discriminator 2,765,568."""
    model = workers.get("pytorch", "float32").build(variant("dcgan").spec, "dcgan")
    entries = model.entries()
    model.drop()
    for player, published in (("generator", 3_576_704), ("discriminator", 2_765_568)):
        own = {k: v for k, v in entries.items() if k.startswith(player)}
        assert weights.count(own) == published


def test_maps_halve_to_four_by_four():
    spec = variant("dcgan").spec
    size = (64, 64)
    for down in spec.downs:
        size = down.map_size(*size)
    assert size == (4, 4)
    assert spec.discriminator_out.map_size(*size) == (1, 1)
    assert spec.widths == (64, 128, 256, 512)
    assert spec.normed == (False, True, True, True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_size": 24}, "image_size is 24; allowed: a power of 2 of at least 8"),
        ({"image_size": 4}, "image_size is 4; allowed: a power of 2 of at least 8"),
        ({"penalty": 10.0}, "critic_norm is True; allowed: False with a penalty"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError) as refused:
        DCGANSpec(**changes)
    assert said in str(refused.value)


# Against NumPy


def forward(w, player, x):
    """What enters each layer of a player, and what leaves its last."""
    xs, slope = [x], {"generator": 0.0, "discriminator": 0.2}[player]
    layers = sum(name.startswith(f"{player}.hidden") for name in w) // 2
    for i in range(layers):
        name = f"{player}.hidden.{i}"
        a = xs[-1] @ w[f"{name}.weight"].T + w[f"{name}.bias"]
        xs.append(np.where(a > 0, a, slope * a))
    return xs, xs[-1] @ w[f"{player}.fc.weight"].T + w[f"{player}.fc.bias"]


def back(w, player, xs, g, found):
    """Add the gradients of the parameters; give that of what entered."""
    slope = {"generator": 0.0, "discriminator": 0.2}[player]
    names = [f"{player}.hidden.{i}" for i in range(len(xs) - 1)] + [f"{player}.fc"]
    for i in range(len(names))[::-1]:
        found[f"{names[i]}.weight"] = found.get(f"{names[i]}.weight", 0) + g.T @ xs[i]
        found[f"{names[i]}.bias"] = found.get(f"{names[i]}.bias", 0) + g.sum(0)
        g = g @ w[f"{names[i]}.weight"]
        if i:
            g = g * np.where(xs[i] > 0, 1.0, slope)
    return g


def penalty_by_hand(w, x, scale, found):
    """mean (|gradient of the score| - 1)^2, and its own gradient by a second pass.

    The score's gradient is a chain of matrices and of slopes that are constant between
    kinks: s_k = (s_{k+1} W_k) * slope. So it is linear in each W, and the gradient of
    the penalty runs through that chain from the other end. No bias is in it."""
    xs, _ = forward(w, "discriminator", x)
    names = [f"discriminator.hidden.{i}" for i in range(len(xs) - 1)]
    names.append("discriminator.fc")
    masks = [np.where(a > 0, 1.0, 0.2) for a in xs[1:]]
    chain = [np.ones((len(x), 1))]
    for i in range(len(names))[::-1]:
        s = chain[-1] @ w[f"{names[i]}.weight"]
        chain.append(s * masks[i - 1] if i else s)
    slope = chain[-1]
    norms = np.sqrt((slope**2).sum(1, keepdims=True))
    g = scale * 2 * (norms - 1) * slope / norms / len(x)
    for i, name in enumerate(names):
        entered = chain[len(names) - 1 - i]
        if i:
            g = g * masks[i - 1]
        found[f"{name}.weight"] = found.get(f"{name}.weight", 0) + entered.T @ g
        g = g @ w[f"{name}.weight"].T
    return float(((norms - 1) ** 2).mean())


def noise_of(step, rows, number=0):
    return [
        t.noise(
            randomness.Draws(training.SEED, f"noise/{step.name}/{t.name}", number), rows
        )
        for t in step.noise
    ]


def test_the_penalty_by_hand_is_the_slope():
    """The derivation itself, against differences."""
    draw = np.random.default_rng(0)
    w = {
        "discriminator.hidden.0.weight": draw.standard_normal((5, 3)),
        "discriminator.hidden.0.bias": draw.standard_normal(5),
        "discriminator.hidden.1.weight": draw.standard_normal((4, 5)),
        "discriminator.hidden.1.bias": draw.standard_normal(4),
        "discriminator.fc.weight": draw.standard_normal((1, 4)),
        "discriminator.fc.bias": draw.standard_normal(1),
    }
    x, found = draw.standard_normal((6, 3)), {}
    penalty_by_hand(w, x, 1.0, found)
    for name, gradient in found.items():
        for place in np.ndindex(gradient.shape):
            values = []
            for h in (1e-6, -1e-6):
                moved = {k: v.copy() for k, v in w.items()}
                moved[name][place] += h
                values.append(penalty_by_hand(moved, x, 1.0, {}))
            assert gradient[place] == pytest.approx(
                (values[0] - values[1]) / 2e-6, abs=1e-7
            )


@pytest.mark.parametrize("framework", NATIVE)
def test_both_steps_are_those_in_numpy(workers, framework):
    """One batch of the Wasserstein game with penalty: the critic's losses, gradients,
    second derivatives among them; then the generator's against the moved critic."""
    spec = variant(TINY).spec
    batch = training.batches(spec, 1)[0]
    plan = plan_of(TINY, every=1)
    w, (seen,), _ = follow(workers, framework, TINY, plan, [batch])
    (x,), rows = batch.inputs, len(batch)
    critic, generator = plan.objective.steps(spec)

    z, between = noise_of(critic, rows)
    made = np.tanh(forward(w, "generator", z)[1])
    of_real, of_made = (forward(w, "discriminator", a) for a in (x, made))
    found = {}
    share = np.full((rows, 1), 1 / rows)
    back(w, "discriminator", of_real[0], -share, found)
    back(w, "discriminator", of_made[0], share, found)
    mixed = between[:, None] * x + (1 - between[:, None]) * made
    penalty = penalty_by_hand(w, mixed, spec.penalty, found)
    loss = of_made[1].mean() - of_real[1].mean() + spec.penalty * penalty
    told = {
        "critic/loss": loss,
        "critic/real": of_real[1].mean(),
        "critic/made": of_made[1].mean(),
        "critic/penalty": penalty,
    }

    w = {**w, **{k: v for k, v in seen.weights.items() if k.startswith("disc")}}
    (z,) = noise_of(generator, rows)
    xs, y = forward(w, "generator", z)
    scored, score = forward(w, "discriminator", np.tanh(y))
    g = back(w, "discriminator", scored, -share, {})
    own = {}
    back(w, "generator", xs, g * (1 - np.tanh(y) ** 2), own)
    told["generator/loss"] = -score.mean()

    assert list(seen.losses) == list(told)
    for name, value in told.items():
        assert seen.losses[name] == pytest.approx(float(value), rel=1e-11), name
    wanted = {f"critic/{k}": v for k, v in found.items()}
    wanted |= {f"generator/{k}": v for k, v in own.items()}
    assert seen.gradients.keys() == wanted.keys()
    for name, gradient in wanted.items():
        assert error(seen.gradients[name], gradient) <= tolerances.SECOND, name


@pytest.mark.parametrize("framework", NATIVE)
def test_a_flat_critic_has_a_penalty_of_one(workers, framework):
    """The size of a slope of 0 has no slope; 0 is taken, and nothing is not finite."""
    spec = variant(TINY).spec
    model = workers.get(framework, "float64").build(spec, TINY)
    model.fill(0)
    flat = {k: 0 * v if k.startswith("disc") else v for k, v in model.dump().items()}
    model.drop()
    batches = training.batches(spec, 1)
    _, (seen,), _ = follow(workers, framework, TINY, plan_of(TINY), batches, start=flat)
    assert seen.losses["critic/penalty"] == 1
    assert all(np.isfinite(g).all() for g in seen.gradients.values())


# The games


@pytest.mark.parametrize("name", ["gan_tiny", TINY])
@pytest.mark.parametrize("game", get_args(Game))
def test_every_game(workers, name, game):
    """Two updates of both players, with a penalty where the tiny has one."""
    plan = plan_of(name, game=game, every=1)
    batches = training.batches(variant(name).spec, 2)
    seen = {f: follow(workers, f, name, plan, batches)[1] for f in NATIVE}
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


def test_dropout_under_the_penalty(workers):
    """Three calls of the discriminator in a step, each with masks of its own."""
    plan = plan_of("gan_tiny", game="wasserstein", penalty=10.0)
    batches = training.batches(variant("gan_tiny").spec, 2)
    seen = {f: follow(workers, f, "gan_tiny", plan, batches)[1] for f in NATIVE}
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


@pytest.mark.parametrize("game", get_args(Game))
def test_a_game_by_its_scores(within, game):
    """Losses at the scores 2 for data and -1, 0 for samples, from the papers' lines."""
    soft = lambda a: np.logaddexp(a, 0)  # noqa: E731
    fake = np.array([-1.0, 0.0])
    critic = soft(-2.0) + soft(fake).mean()
    wanted = {
        "original": (critic, -soft(fake).mean()),
        "non_saturating": (critic, soft(-fake).mean()),
        "least_squares": ((1 + 0.5) / 2, (4 + 1) / 4),
        "hinge": (0 + np.maximum(1 + fake, 0).mean(), 0.5),
        "wasserstein": (-0.5 - 2, 0.5),
    }[game]
    source = f"""
    import numpy as np
    import torch
    from pytorch_impl.objectives import adversarial
    from shared.objectives.adversarial import Adversarial

    class Players(torch.nn.Module):
        def generator(self, z):
            return z

        def discriminator(self, x):
            return x.flatten()

    def check():
        s = Adversarial(game="{game}")
        real, z = torch.full((2, 1), 2.0), torch.tensor([[-1.0], [0.0]])
        critic = adversarial.critic(s, Players(), (real,), (), (z,))["loss"]
        generator = adversarial.generator(s, Players(), (real,), (), (z,))["loss"]
        found = [float(critic), float(generator)]
        np.testing.assert_allclose(found, {[float(v) for v in wanted]}, rtol=1e-6)
    """
    within("pytorch", source, "check")


@pytest.mark.parametrize("framework", ["keras[jax]", "keras[torch]"])
@pytest.mark.parametrize("name", ["dcgan_tiny", TINY])
def test_keras_on_its_other_back_ends(workers, framework, name):
    """Norms that both players' steps go through, and the penalty."""
    plan = plan_of(name, every=2)
    batches = training.batches(variant(name).spec, 2)
    seen = {
        f: follow(workers, f, name, plan, batches)[1] for f in ("pytorch", framework)
    }
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


@pytest.mark.parametrize("framework", ["keras", "keras[jax]", "keras[torch]"])
def test_keras_own_loop_moves_norms_as_one_step_seen_does(within, framework):
    """Compiled as in a run: buffers and parameters after a batch, against the same
    steps not compiled, of a model without noise that matters: z has no weight."""
    within(framework, LOOP, "shown")


LOOP = """
    from dataclasses import replace

    import numpy as np
    from keras_impl.adapter import Adapter
    from parity_tests import training
    from shared.catalog import VARIANTS

    def shown():
        adapter = Adapter("float64", 1)
        spec = VARIANTS["dcgan_tiny"].spec
        # A clip would let the stem's gradient, which has z in it, scale the others.
        plan, ends = replace(training.plans(spec)["momentum"], clip=None), []
        for seen in (False, True):
            model = adapter.build(spec, "")
            model.fill(0)
            start = {
                k: 0 * v if k == "generator.stem.conv.weight" else v
                for k, v in model.dump().items()
            }
            model.load(start)
            trainer = model.trainer(plan)
            batch = training.batches(spec, 1)[0]
            if seen:
                trainer.observe(batch, 0, 0)
            else:
                trainer.advance(*trainer._arrays(batch))
            ends.append(trainer.weights())
        for name, value in ends[0].items():
            if name != "generator.stem.conv.weight":  # whose gradient has z in it
                np.testing.assert_allclose(value, ends[1][name], rtol=1e-9, atol=1e-12)
            moved = not np.allclose(value, start[name], rtol=1e-12, atol=0)
            assert moved or "stem" in name or not value.any(), name
"""


def test_the_generator_waits_for_its_batch(workers):
    spec = variant(TINY).spec
    batches = training.batches(spec, 6)
    _, seen, _ = follow(workers, "pytorch", TINY, plan_of(TINY), batches)
    took = [any(n.startswith("generator/") for n in one.losses) for one in seen]
    assert took == [False] * 4 + [True, False]
    for before, after, moves in zip(seen, seen[1:], took[1:], strict=False):
        moved = {
            k.partition(".")[0]
            for k, v in after.weights.items()
            if (v != before.weights[k]).any()
        }
        both = {"discriminator", "generator"}
        assert moved == (both if moves else {"discriminator"})


# Going on


@pytest.mark.parametrize("name", ["adam", "momentum", "adafactor", "schedule_free"])
def test_goes_on_from_framework_to_framework(workers, name):
    """Two batches in each of the three against six in one; the generator's step falls
    on the fifth, so that both players' optimizers cross over with what they hold."""
    plan = replace(plan_of(TINY, every=3), optimizer=OPTIMIZERS[name])
    batches = training.batches(variant(TINY).spec, 6)
    _, whole, end = follow(workers, "pytorch", TINY, plan, batches)
    seen: list[Seen] = []
    begin = None
    for k, framework in enumerate(("jax", "keras", "pytorch")):
        part = batches[2 * k : 2 * k + 2]
        _, more, begin = follow(workers, framework, TINY, plan, part, begin)
        seen += more
    worst = training.worst_update({"whole": whole, "parts": seen})
    assert worst.error <= tolerances.TRAINING, worst
    assert begin.optimizer.keys() == end.optimizer.keys()
    assert {key.partition(":")[0] for key in end.optimizer} == {"critic", "generator"}


def test_each_player_has_an_optimizer_of_its_own(workers):
    plan = plan_of("gan_tiny", critic=Adam(lr=1e-3), generator=Adam(lr=1e-4, beta1=0.5))
    batches = training.batches(variant("gan_tiny").spec, 3)
    seen = {f: follow(workers, f, "gan_tiny", plan, batches)[1] for f in NATIVE}
    worst = training.worst_update(seen)
    assert worst.error <= tolerances.TRAINING, worst


@pytest.mark.parametrize("framework", NATIVE)
def test_a_run_tells_every_loss_and_goes_on_bit_for_bit(workers, framework, tmp_path):
    chosen = task("digits_gan")

    def run(folder, resume=False):
        model = workers.get(framework, "float32").build(chosen.spec, chosen.name)
        model.start(0)
        job = Job(chosen.name, folder, {"epochs": 3, "save_every": 7}, resume=resume)
        found = model.train(job)
        model.drop()
        return found, (folder / "model.safetensors").read_bytes()

    whole, bits = run(tmp_path / "whole")
    losses = ["critic/loss", "critic/real", "critic/made", "critic/penalty"]
    assert list(whole["history"][0]["losses"]) == [*losses, "generator/loss"]
    assert whole["history"][0]["validation_loss"] is None
    run(tmp_path / "cut")
    for path in saving.found(tmp_path / "cut" / "checkpoints")[:1]:
        path.unlink()  # the newest, so that it goes on amid an epoch
    left, again = run(tmp_path / "cut", resume=True)
    assert again == bits
    names = ("losses", "validation_discrepancy")
    for one, two in zip(whole["history"], left["history"], strict=True):
        assert [one[n] for n in names] == [two[n] for n in names]
