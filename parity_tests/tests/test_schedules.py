"""Every schedule against its definition in NumPy, float64; round trips; bad values."""

import re

import pytest

from parity_tests import following, tolerances
from parity_tests.definition_judge import settings
from parity_tests.following import PLATEAUS
from shared.definitions.schedules import (
    SCHEDULES,
    Cosine,
    InverseSqrt,
    MultiStep,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Step,
    WarmRestarts,
    Warmup,
)
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE, PACKAGES

# What a native file must hold where it stands, without this suite.
TORCH = """
    import io, math
    import pytest
    import torch
    from pytorch_impl import schedules as own

    def fresh():
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.5)
        then = own.WarmRestarts(period=4, growth=2)
        return sgd, own.Scheduled(sgd, own.Warmup(steps=3, then=then))

    def rates(sgd, scheduled, number):
        found = []
        for _ in range(number):
            found.append(sgd.param_groups[0]["lr"])
            sgd.step()
            scheduled.step()
        return found

    def round_trip():
        whole = rates(*fresh(), 20)
        sgd, scheduled = fresh()
        first = rates(sgd, scheduled, 9)
        file = io.BytesIO()
        torch.save([sgd.state_dict(), scheduled.state_dict()], file)
        kept = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
        sgd, scheduled = fresh()
        sgd.load_state_dict(kept[0])
        scheduled.load_state_dict(kept[1])
        assert first + rates(sgd, scheduled, 11) == whole

    def plateau():
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.5)
        native = own.ReduceOnPlateau(sgd, gamma=0.5, patience=1)
        for value in (3.0, 3.0, 3.0):
            native.step(torch.tensor(value))
        assert sgd.param_groups[0]["lr"] == 0.25
        other = own.ReduceOnPlateau(sgd, gamma=0.5, patience=1)
        other.load_state_dict(native.state_dict())
        other.step(3.0)
        assert sgd.param_groups[0]["lr"] == 0.25
        other.step(3.0)
        assert sgd.param_groups[0]["lr"] == 0.125

    def theirs(make, number=60):
        sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)
        return rates(sgd, make(sgd), number)

    def as_torch():
        of = torch.optim.lr_scheduler
        pairs = [
            (own.Step(every=7, gamma=0.3), lambda o: of.StepLR(o, 7, 0.3)),
            (
                own.MultiStep(at=(5, 6, 40), gamma=0.3),
                lambda o: of.MultiStepLR(o, [5, 6, 40], 0.3),
            ),
            (own.Exponential(gamma=0.9), lambda o: of.ExponentialLR(o, 0.9)),
            (
                own.Polynomial(steps=30, power=0.7),
                lambda o: of.PolynomialLR(o, 30, 0.7),
            ),
            (
                own.WarmRestarts(period=4, growth=3, final=0.2),
                lambda o: of.CosineAnnealingWarmRestarts(o, 4, 3, 0.2),
            ),
            (
                own.OneCycle(steps=50, leg=20, start=0.1, final=0.01),
                lambda o: of.OneCycleLR(
                    o, 1.0, 51, pct_start=21 / 51, three_phase=True,
                    anneal_strategy="linear", div_factor=10, final_div_factor=10,
                ),
            ),
        ]
        for mine, make in pairs:
            number = 51 if type(mine).__name__ == "OneCycle" else 60
            for t, rate in enumerate(theirs(make, number)):
                assert math.isclose(mine(t), rate, rel_tol=1e-11, abs_tol=1e-13), (
                    type(mine), t, mine(t), rate
                )

    def plateau_as_torch():
        generator = torch.Generator().manual_seed(0)
        values = torch.rand(200, generator=generator) + torch.linspace(1, 0.5, 200)
        both = []
        for kind, gamma in (
            (own.ReduceOnPlateau, "gamma"),
            (torch.optim.lr_scheduler.ReduceLROnPlateau, "factor"),
        ):
            sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=1.0)
            native = kind(sgd, **{gamma: 0.8, "patience": 4, "cooldown": 3})
            found = []
            for value in values:
                native.step(value.item())
                found.append(sgd.param_groups[0]["lr"])
            both.append(found)
        assert both[0] == pytest.approx(both[1], abs=1e-7)
        assert both[0][-1] < 0.1

    def refuses():
        for make, said in (
            (lambda: own.Step(every=0), "Step: every is 0; allowed"),
            (lambda: own.MultiStep(at=(3, 3)), "MultiStep: at is (3, 3); allowed"),
            (lambda: own.Exponential(gamma=1.5), "Exponential: gamma is 1.5; allowed"),
            (lambda: own.OneCycle(steps=9, leg=5), "OneCycle: leg is 5; allowed"),
        ):
            with pytest.raises(ValueError) as error:
                make()
            assert said in str(error.value)
"""
KERAS = """
    import numpy as np
    import pytest
    import keras
    from keras import ops
    from keras_impl import schedules as own

    def made():
        then = own.WarmRestarts(period=4, growth=2)
        return own.Scheduled(0.5, own.Warmup(steps=3, then=then))

    def round_trip():
        every = [
            own.Constant(), own.Step(every=3), own.MultiStep(at=(2, 4)),
            own.Exponential(gamma=0.9), own.Polynomial(steps=9, power=2.0),
            own.Cosine(steps=5), own.OneCycle(steps=9, leg=3),
            own.InverseSqrt(warmup=4), made(),
        ]
        for schedule in every:
            again = type(schedule).from_config(schedule.get_config())
            assert again.get_config() == schedule.get_config()
            for t in (0, 1, 5, 50):
                assert float(again(t)) == float(schedule(t))
        kept = keras.saving.serialize_keras_object(made())
        again = keras.saving.deserialize_keras_object(kept)
        assert float(again(17)) == float(made()(17))

    def in_optimizer():
        sgd = keras.optimizers.SGD(made())
        again = keras.optimizers.SGD.from_config(sgd.get_config())
        x = keras.Variable(np.zeros(1))
        for t in range(9):
            before = ops.convert_to_numpy(x).copy()
            again.apply([ops.ones(1)], [x])
            step = before - ops.convert_to_numpy(x)
            assert abs(step[0] - float(made()(t))) < 1e-12

    def in_fit():
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(made()), "mse")
        model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, verbose=0)
        assert float(model.optimizer.learning_rate) == float(made()(4))

    def plateau():
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.optimizer.learning_rate = 0.5
        native = own.ReduceOnPlateau("loss", gamma=0.5, patience=0, threshold=0.9)
        x, y = np.ones((4, 2)), np.full((4, 1), 1e9)
        model.fit(x, y, epochs=3, verbose=0, callbacks=[native])
        assert float(model.optimizer.learning_rate) in (0.25, 0.125)
        other = own.ReduceOnPlateau("loss", gamma=0.5, patience=0)
        other.state = native.state
        assert other.state == native.state

    def refuses():
        for make, said in (
            (lambda: own.Step(every=0), "Step: every is 0; allowed"),
            (lambda: own.MultiStep(at=(3, 3)), "MultiStep: at is (3, 3); allowed"),
            (lambda: own.Exponential(gamma=1.5), "Exponential: gamma is 1.5; allowed"),
            (lambda: own.OneCycle(steps=9, leg=5), "OneCycle: leg is 5; allowed"),
        ):
            with pytest.raises(ValueError) as error:
                make()
            assert said in str(error.value)
"""
JAX = """
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax
    import pytest
    from jax_impl import schedules as own

    def in_optax():
        factor = own.warmup(steps=3, then=own.warm_restarts(period=4, growth=2))
        sgd = optax.sgd(own.scheduled(0.5, factor))
        x = jnp.zeros(2)
        state = sgd.init(x)
        for t in range(20):
            step, state = jax.jit(sgd.update)(jnp.ones(2), state)
            assert abs(step[0] + 0.5 * factor(jnp.asarray(t))) < 1e-15

    def as_optax():
        pairs = [
            (own.exponential(gamma=0.9), optax.exponential_decay(1.0, 1, 0.9)),
            (
                own.step(every=7, gamma=0.3),
                optax.exponential_decay(1.0, 7, 0.3, staircase=True),
            ),
            (
                own.polynomial(steps=30, power=0.7, final=0.2),
                optax.polynomial_schedule(1.0, 0.2, 0.7, 30),
            ),
            (
                own.cosine(steps=30, final=0.2),
                optax.cosine_decay_schedule(1.0, 30, 0.2),
            ),
        ]
        for mine, theirs in pairs:
            for t in range(60):
                t = jnp.asarray(t)
                assert jnp.allclose(mine(t), theirs(t), rtol=1e-6), (t, theirs(t))

    def plateau():
        native = optax.chain(
            optax.sgd(1.0), own.reduce_on_plateau(gamma=0.5, patience=1)
        )
        x = {"a": jnp.ones(2, jnp.float32)}
        state = native.init(x)
        for value in (3.0, 3.0, 3.0):
            step, state = jax.jit(native.update)(x, state, x, value=value)
        assert step["a"].dtype == jnp.float32
        assert (step["a"] == -0.5).all()

    def refuses():
        for make, said in (
            (lambda: own.step(every=0), "step: every is 0; allowed"),
            (lambda: own.multi_step(at=(3, 3)), "multi_step: at is (3, 3); allowed"),
            (lambda: own.exponential(gamma=1.5), "exponential: gamma is 1.5; allowed"),
            (lambda: own.one_cycle(steps=9, leg=5), "one_cycle: leg is 5; allowed"),
        ):
            with pytest.raises(ValueError) as error:
                make()
            assert said in str(error.value)
"""
SOURCES = {"pytorch": TORCH, "keras": KERAS, "jax": JAX}
CHECKS = [
    (framework, name)
    for framework in FRAMEWORKS
    for name in re.findall(r"def (\w+)\(\):", SOURCES[framework.partition("[")[0]])
    if name not in ("fresh", "made")
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_follows_the_definition(workers, framework, name):
    worker = workers.get(framework, "float64")
    assert following.of_schedule(worker, name) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", SCHEDULES)
def test_takes_what_the_definition_takes(workers, framework, name):
    check = settings(PACKAGES[framework], "schedules", SCHEDULES[name])
    assert check(workers.get(framework, "float64")) == ""


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("schedule", PLATEAUS, ids=range(len(PLATEAUS)))
def test_the_plateau_follows_the_definition(workers, framework, schedule):
    worker = workers.get(framework, "float64")
    assert following.of_plateau(worker, schedule) <= tolerances.OPTIMIZER


@pytest.mark.parametrize(("framework", "name"), CHECKS)
def test_native(within, framework, name):
    within(framework, SOURCES[framework.partition("[")[0]], name)


# The definitions by hand


def test_steps():
    assert [Step(every=3, gamma=0.5).factor(t) for t in (0, 2, 3, 6)] == [
        1, 1, 0.5, 0.25,
    ]  # fmt: skip
    assert [MultiStep(at=(2, 3), gamma=0.5).factor(t) for t in (1, 2, 3, 9)] == [
        1, 0.5, 0.25, 0.25,
    ]  # fmt: skip


def test_curves_reach_their_ends():
    for schedule in (
        Polynomial(steps=10, power=2.0, final=0.25),
        Cosine(steps=10, final=0.25),
    ):
        assert schedule.factor(0) == 1
        assert schedule.factor(10) == schedule.factor(1000) == 0.25
    assert Polynomial(steps=10, power=2.0).factor(5) == 0.25


def test_restarts():
    schedule = WarmRestarts(period=4, growth=2, final=0.5)
    assert [schedule.factor(t) for t in (0, 4, 12, 28)] == [1] * 4
    assert schedule.factor(2) == schedule.factor(8) == schedule.factor(20) == 0.75
    assert WarmRestarts(period=4).factor(402) == pytest.approx(0.5)


def test_one_cycle():
    schedule = OneCycle(steps=10, leg=4, start=0.2, final=0.1)
    found = [schedule.factor(t) for t in (0, 2, 4, 6, 8, 9, 10, 99)]
    assert found == pytest.approx([0.2, 0.6, 1, 0.6, 0.2, 0.15, 0.1, 0.1])


def test_inverse_sqrt_is_the_papers_equation_over_its_peak():
    schedule, width, warmup = InverseSqrt(warmup=40), 512, 40
    paper = [
        width**-0.5 * min(step**-0.5, step * warmup**-1.5) for step in range(1, 300)
    ]
    found = [schedule.factor(t) for t in range(299)]
    assert found == pytest.approx([rate / max(paper) for rate in paper])
    assert max(found) == found[warmup - 1] == 1


def test_a_plateau_is_counted():
    schedule = ReduceOnPlateau(gamma=0.5, patience=1, threshold=0.1, cooldown=2)
    state, found = schedule.start(), []
    for value in (10, 9.5, 9.2, 9.2, 9.2, 9.2, 9.2, 8, 8):
        state = schedule.observe(state, value)
        found.append(state.factor)
    assert found == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_better_means_smaller_below_zero_too():
    schedule = ReduceOnPlateau(gamma=0.5, patience=0, threshold=0.1)
    state = schedule.observe(schedule.start(), -10.0)
    assert schedule.observe(state, -10.5).factor == 0.5
    assert schedule.observe(state, -11.5).factor == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Step(every=0), "Step.every is 0; allowed: a whole number"),
        (lambda: Step(every=2, gamma=0.0), "Step.gamma is 0.0; allowed: a number"),
        (lambda: MultiStep(at=(4, 2)), "MultiStep.at is (4, 2); allowed: rising"),
        (lambda: Polynomial(steps=3, power=0.0), "Polynomial.power is 0.0"),
        (lambda: Cosine(steps=3, final=1.5), "Cosine.final is 1.5"),
        (lambda: WarmRestarts(period=3, growth=0), "WarmRestarts.growth is 0"),
        (lambda: OneCycle(steps=8, leg=4), "OneCycle.leg is 4; allowed: below half"),
        (lambda: InverseSqrt(warmup=1.5), "InverseSqrt.warmup is 1.5"),
        (lambda: Warmup(steps=3, then=0.1), "Warmup.then is 0.1; allowed: a Schedule"),
        (lambda: ReduceOnPlateau(patience=-1), "ReduceOnPlateau.patience is -1"),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)
