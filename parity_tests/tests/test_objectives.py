"""Objectives that no family has yet: value and gradient of their steps against NumPy,
in every framework; and what each of them moves."""

import textwrap

import numpy as np
import pytest

from shared.definitions import diffusion
from shared.definitions.diffusion import CosineNoise
from shared.definitions.losses import MSE, CrossEntropy, DenseCrossEntropy
from shared.definitions.optimizers import SGD
from shared.frameworks import NATIVE
from shared.objectives.diffusion import Diffusion
from shared.objectives.distillation import Distillation
from shared.objectives.plan import Plan
from shared.objectives.temporal_difference import TemporalDifference
from shared.plain import from_plain, to_plain
from shared.specs.base import Spec, Tensor
from shared.tensors import NORMAL, UNIFORM

# Two linear maps, W and V, under two names; `call` makes the model of them.
MAKERS = {
    "pytorch": """
        import torch
        from pytorch_impl.objectives import losses_of

        class Map(torch.nn.Module):
            def __init__(self, w):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.tensor(w))

            def forward(self, x, *more):
                return x @ self.weight + sum(m[:, None] * 0.01 for m in more)

        class Two(torch.nn.Module):
            def __init__(self, first, second, w, v):
                super().__init__()
                setattr(self, first, Map(w)), setattr(self, second, Map(v))
                self.used = first

            def forward(self, *x):
                return getattr(self, self.used)(*x)

        def step(s, one, names, w, v, *given):
            model = Two(*names, w, v).train()
            args = [tuple(map(torch.tensor, part)) for part in given]
            found = losses_of(s, one)(s, model, *args)
            loss = next(iter(found.values()))
            loss.backward()
            grads = [getattr(model, n).weight.grad for n in names]
            grads = [None if g is None else g.numpy() for g in grads]
            return {k: float(l) for k, l in found.items()}, grads
    """,
    "jax": """
        import jax
        import jax.numpy as jnp
        from flax import nnx
        from jax_impl.objectives import losses_of

        class Map(nnx.Module):
            def __init__(self, w):
                self.weight = nnx.Param(jnp.asarray(w))

            def __call__(self, x, *more):
                return x @ self.weight[...] + sum(m[:, None] * 0.01 for m in more)

        class Two(nnx.Module):
            def __init__(self, first, second, w, v):
                setattr(self, first, Map(w)), setattr(self, second, Map(v))
                self.used = first

            def __call__(self, *x):
                return getattr(self, self.used)(*x)

        def step(s, one, names, w, v, *given):
            args = [tuple(map(jnp.asarray, part)) for part in given]

            def function(pair):
                found = losses_of(s, one)(s, Two(*names, *pair), *args)
                return next(iter(found.values())), found

            pair = jnp.asarray(w), jnp.asarray(v)
            (_, found), grads = jax.value_and_grad(function, has_aux=True)(pair)
            return {k: float(l) for k, l in found.items()}, jax.device_get(list(grads))
    """,
    "keras": """
        import keras
        import tensorflow as tf
        from keras_impl.objectives import losses_of

        class Map(keras.Layer):
            def __init__(self, w):
                super().__init__()
                self.weight = self.add_weight(shape=w.shape, initializer="zeros")
                self.weight.assign(w)
                self.built = True

            def call(self, x, *more, training=False):
                more = [keras.ops.cast(m[:, None], x.dtype) for m in more]
                return x @ self.weight + sum(m * 0.01 for m in more)

        class Two(keras.Model):
            def __init__(self, first, second, w, v):
                super().__init__()
                setattr(self, first, Map(w)), setattr(self, second, Map(v))
                self.used = first

            def call(self, *x, training=False):
                return getattr(self, self.used)(*x)

        def step(s, one, names, w, v, *given):
            model = Two(*names, w, v)
            args = [tuple(map(tf.constant, part)) for part in given]
            variables = [getattr(model, n).weight.value for n in names]
            with tf.GradientTape() as tape:
                found = losses_of(s, one)(s, model, *args)
                loss = next(iter(found.values()))
            grads = tape.gradient(loss, variables)
            grads = [None if g is None else g.numpy() for g in grads]
            return {k: float(l) for k, l in found.items()}, grads
    """,
}
DRAW = np.random.default_rng(0)
W, V = DRAW.standard_normal((2, 4, 4))
X, NEXT, NOISE = DRAW.standard_normal((3, 6, 4))
CLASSES = np.array([0, 3, 1, 1, 2, 0])
TIMES = np.array([0, 7, 3, 9, 1, 5])
REWARDS, DONE = DRAW.standard_normal(6), np.array([0.0, 1, 0, 0, 1, 0])


class Maps(Spec):
    """What the steps are told of: four numbers and, for diffusion, a time."""

    def inputs(self):
        return (
            Tensor("x", (4,)),
            Tensor("time", (), below=10, drawn=UNIFORM),
        )


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def distilled(s, w, v):
    y, said = X @ w, X @ v
    labels = CrossEntropy().value((y,), (CLASSES,))
    soft = softmax(said / s.temperature)
    of_teacher = DenseCrossEntropy().value((y / s.temperature,), (soft,))
    of_teacher = of_teacher * s.temperature**2
    loss = (1 - s.weight) * labels + s.weight * of_teacher
    return {"loss": loss, "labels": labels, "teacher": of_teacher}


def diffused(s, w, v):
    a = s.noising.alpha_bar(TIMES)
    x = diffusion.noised(X, NOISE, a)
    wanted = {"noise": NOISE, "data": X, "velocity": diffusion.velocity(X, NOISE, a)}
    said = x @ w + 0.01 * TIMES[:, None]
    return {"loss": ((said - wanted[s.says]) ** 2).mean()}


def learned(s, w, v):
    said = (X @ w)[np.arange(6), CLASSES]
    # The target is no function of the online network, whose numbers are as they were.
    chosen = (NEXT @ (W if s.double else v)).argmax(-1)
    worth = REWARDS + s.gamma * (1 - DONE) * (NEXT @ v)[np.arange(6), chosen]
    return {"loss": s.loss.value((said,), (worth,)), "value": said.mean()}


CASES = {
    "distillation": (
        Distillation(temperature=3.0, weight=0.7),
        ("student", "teacher"),
        ((X,), (CLASSES,), ()),
        distilled,
    ),
    **{
        says: (
            Diffusion(says=says, noising=CosineNoise(steps=10)),
            ("first", "second"),
            ((X,), (), (TIMES, NOISE)),
            diffused,
        )
        for says in ("noise", "data", "velocity")
    },
    **{
        name: (
            TemporalDifference(loss=MSE(), gamma=0.9, double=name == "double"),
            ("online", "target"),
            ((X,), (CLASSES, REWARDS, DONE, NEXT), ()),
            learned,
        )
        for name in ("one network chooses", "double")
    },
}


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", CASES)
def test_follows_numpy(name, framework, workers, tmp_path):
    s, names, given, definition = CASES[name]
    module = f"step_{framework}"
    (tmp_path / f"{module}.py").write_text(textwrap.dedent(MAKERS[framework]))
    (one,) = s.steps(Maps())
    found, (grad, other) = workers.get(framework, "float64").ask(
        f"{module}:step", s, one, names, W, V, *given, paths=(str(tmp_path),)
    )
    wanted = definition(s, W, V)
    assert found.keys() == wanted.keys()
    assert found == pytest.approx(wanted, rel=1e-12)
    slope = np.zeros_like(W)
    for at in np.ndindex(*W.shape):
        step = np.zeros_like(W)
        step[at] = 1e-6
        up, down = (definition(s, W + d, V)["loss"] for d in (step, -step))
        slope[at] = (up - down) / 2e-6
    assert grad == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert other is None or not other.any()  # it is moved by nobody


@pytest.mark.parametrize("name", CASES)
def test_says_what_it_moves_and_comes_back_from_json(name):
    s, names, _, _ = CASES[name]
    (one,) = s.steps(Maps())
    every = [f"{part}.weight" for part in names]
    moved = every if isinstance(s, Diffusion) else every[:1]
    assert one.chosen(every) == moved
    plan = Plan(objective=s, optimizer=SGD(lr=0.1), epochs=1, batch_size=2)
    assert from_plain(Plan, to_plain(plan)) == plan


def test_what_diffusion_draws():
    (step,) = Diffusion().steps(Maps())
    time, noise = step.noise
    assert (time.below, time.drawn) == (10, UNIFORM)
    assert (noise.shape, noise.drawn) == ((4,), NORMAL)


def test_the_target_follows():
    (copy,) = TemporalDifference().copies
    assert copy.pairs(["online.fc.weight", "target.fc.weight"]) == [
        ("online.fc.weight", "target.fc.weight")
    ]
