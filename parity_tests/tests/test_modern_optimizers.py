"""The modern optimizers: what their papers say of them, and each framework's own tools
around them. Parity of the presets is test_optimizers.py's.

What needs a framework is written to files here and run in the workers.
"""

import textwrap
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import following, streams, tolerances
from parity_tests.following import VARIANTS
from parity_tests.tests import held
from shared.definitions.optimizers import (
    LAMB,
    LARS,
    OPTIMIZERS,
    SAM,
    SGD,
    Adafactor,
    Adam,
    Adan,
    Muon,
    Prodigy,
    ScheduleFreeAdamW,
    Shampoo,
    SophiaG,
)
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE

NAMES = "lars lamb adafactor adan sophia muon shampoo prodigy schedule_free sam"
MODERN = {name: OPTIMIZERS[name] for name in NAMES.split()}


@pytest.mark.parametrize("framework", held.sampled(FRAMEWORKS, NATIVE))
@pytest.mark.parametrize("name", VARIANTS)
def test_variants_follow_the_definition(workers, framework, name):
    worker, given = workers.get(framework, "float64"), streams.stream(VARIANTS[name])
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_prodigy_follows_where_d_grows(workers, framework):
    given = following.rising(Prodigy(weight_decay=0.1))
    *_, last = streams.updates(given)
    assert last.state["d"] > 0.05
    worker = workers.get(framework, "float64")
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


# The definitions


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def run(optimizer, x, gradients, excluded=frozenset()):
    """One tensor's updates."""
    xs, state = {"x": x}, {}
    for t, g in enumerate(gradients):
        if isinstance(optimizer, SophiaG) and t % optimizer.every == 0:
            state = optimizer.estimate({"x": g}, state)
        xs, state = optimizer.update(xs, {"x": g}, state, optimizer.lr, excluded)
    return xs["x"], state


def descend(optimizer, x, gradient, updates):
    """Updates with the gradient of a loss; what the model is evaluated with."""
    xs, state = {"x": x}, {}
    for t in range(updates):
        gs = {"x": gradient(xs["x"])}
        if isinstance(optimizer, SophiaG) and t % optimizer.every == 0:
            state = optimizer.estimate(gs, state)
        xs, state = optimizer.update(xs, gs, state, optimizer.lr)
    return optimizer.evaluated(xs, state)["x"], state


@pytest.mark.parametrize("name", MODERN)
def test_a_matrix_may_be_stored_transposed(name):
    optimizer = replace(MODERN[name], weight_decay=0.1)
    x, gs = normal(4, 7), normal(9, 4, 7, seed=1)
    one, _ = run(optimizer, x, gs)
    other, _ = run(optimizer, x.T, gs.transpose(0, 2, 1))
    np.testing.assert_allclose(other.T, one, rtol=1e-11, atol=1e-13)
    assert np.abs(one - x).max() > 1e-6


@pytest.mark.parametrize(
    ("name", "lr"),
    [
        ("lars", 50.0),
        ("lamb", 0.02),
        ("adafactor", 0.1),
        ("adan", 0.02),
        ("sophia", 0.02),
        ("muon", 0.05),
        ("shampoo", 0.5),
        ("prodigy", 1.0),
        ("schedule_free", 0.1),
        ("sam", 0.02),
    ],
)
def test_descends(name, lr):
    scales = np.linspace(0.5, 2, 12).reshape(3, 4)
    optimizer = replace(MODERN[name], lr=lr, weight_decay=0.0)
    x, _ = descend(optimizer, normal(3, 4), lambda x: scales * x, 300)
    assert np.sum(scales * x**2) < 0.01 * np.sum(scales * normal(3, 4) ** 2)


def test_lars_by_hand():
    x, g = np.array([3.0, 4.0]), np.array([0.0, 2.0])
    got, state = run(LARS(weight_decay=0.1, lr=2.0, coefficient=0.5), x, [g])
    v = 2 * (0.5 * 5 / (2 + 0.1 * 5)) * np.array([0.3, 2.4])
    np.testing.assert_allclose(state["v/x"], v)
    np.testing.assert_allclose(got, x - v)


def test_a_lamb_steps_as_long_as_its_tensor():
    x, lr = normal(5, 3), 0.01
    got, _ = run(LAMB(lr=lr, weight_decay=0.3), x, [normal(5, 3, seed=1)])
    assert np.linalg.norm(got - x) == pytest.approx(lr * np.linalg.norm(x))


@pytest.mark.parametrize("optimizer", [LARS(momentum=0.0), LAMB()])
def test_what_decay_leaves_out_is_not_trusted(optimizer):
    x, g = normal(5), normal(5, seed=1)
    got, _ = run(optimizer, x, [g], frozenset("x"))
    plain = g if isinstance(optimizer, LARS) else g / (np.abs(g) + 1e-6)
    np.testing.assert_allclose(got, x - optimizer.lr * plain)


@pytest.mark.parametrize("optimizer", [LARS(), LAMB()])
def test_a_tensor_of_zeros_moves(optimizer):
    got, _ = run(optimizer, np.zeros((2, 3)), [normal(2, 3)])
    assert np.all(got != 0)


def test_adafactor_factors_squares_of_rank_one_without_loss():
    optimizer = Adafactor()
    g = np.outer(normal(4), normal(6, seed=1))
    matrix, _ = run(optimizer, normal(4, 6), [g, 2 * g])
    flat, state = run(optimizer, normal(4, 6).reshape(-1), [g.ravel(), 2 * g.ravel()])
    np.testing.assert_allclose(matrix.ravel(), flat, rtol=1e-10)
    assert state.keys() == {"t", "v/x"}


def test_adafactor_keeps_a_row_and_a_column():
    _, state = run(Adafactor(), normal(40, 60), [normal(40, 60)])
    assert state["r/x"].shape == (40,)
    assert state["c/x"].shape == (60,)
    assert "v/x" not in state


def test_adafactor_bounds_its_step():
    x = normal(4, 6)
    got, _ = run(Adafactor(), x, [normal(4, 6, seed=1), 1e3 * normal(4, 6, seed=2)])
    first, _ = run(Adafactor(), x, [normal(4, 6, seed=1)])
    step = np.sqrt(np.mean((got - first) ** 2)) / np.sqrt(np.mean(first**2))
    assert step <= 1e-2 * (1 + 1e-12)


def test_adan_by_hand():
    """A gradient that does not change: no difference, and Adam's step."""
    optimizer = Adan(weight_decay=0.5, lr=0.1, eps=0.0)
    got, state = run(optimizer, np.array([1.0]), [np.array([4.0])] * 3)
    assert state["v/x"] == 0
    x = 1.0
    for _ in range(3):
        x = (x - 0.1) / 1.05
    np.testing.assert_allclose(got, x)


def test_sophia_clips():
    """Without curvature a step of lr in the sign's direction; with much, Newton's."""
    flat = SophiaG(weight_decay=0.0, lr=0.1)
    x, g = normal(5), normal(5, seed=1)
    state = {"t": np.array(0), "m/x": np.zeros(5), "h/x": np.zeros(5)}
    xs, state = flat.update({"x": x}, {"x": g}, state, 0.1)
    np.testing.assert_allclose(xs["x"], x - 0.1 * np.sign(g))
    state["h/x"] = np.full(5, 1e3)
    steep, state = flat.update(xs, {"x": g}, state, 0.1)
    np.testing.assert_allclose(steep["x"], xs["x"] - 0.1 * state["m/x"] / (0.05 * 1e3))


def test_sophia_estimates_by_batch():
    optimizer = SophiaG(batch_size=8)
    state = optimizer.estimate({"x": np.array([3.0])}, {})
    np.testing.assert_allclose(state["h/x"], 0.01 * 8 * 9)


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (6, 6)])
def test_muon_turns_all_singular_values_to_one(shape):
    x = normal(*shape)
    got, _ = run(Muon(lr=1.0, weight_decay=0.0), x, [normal(*shape, seed=1)])
    values = np.linalg.svd(x - got, compute_uv=False) / (0.2 * np.sqrt(max(shape)))
    assert np.all((values > 0.6) & (values < 1.3))


def test_muon_is_adam_elsewhere():
    for shape in ((5,), (2, 3, 4), ()):
        x, gs = normal(*shape), [normal(*shape, seed=s) for s in (1, 2, 3)]
        got, _ = run(Muon(weight_decay=0.0), x, gs)
        np.testing.assert_allclose(got, run(Adam(beta2=0.95), x, gs)[0])


def test_shampoo_of_one_gradient_is_orthogonal():
    """(g g')^-1/4 g (g' g)^-1/4 has singular values of 1."""
    x, g = normal(4, 4), normal(4, 4, seed=1)
    got, _ = run(Shampoo(lr=1.0, momentum=0.0, eps=1e-14), x, [g])
    values = np.linalg.svd(x - got, compute_uv=False)
    np.testing.assert_allclose(values, 1.0, rtol=1e-6)


def test_shampoo_forgets_no_small_direction_after_a_huge_gradient():
    """A constant ridge would be lost in the rounding of 1e16."""
    g = np.diag([1e8, 1.0])
    got, _ = run(Shampoo(lr=1.0, momentum=0.0), np.zeros((2, 2)), [g, np.diag([0, 1])])
    again, _ = run(Shampoo(lr=1.0, momentum=0.0), np.zeros((2, 2)), [g, np.eye(2)])
    assert np.isfinite(got).all()
    assert again[1, 1] == pytest.approx(got[1, 1])


def test_prodigy_finds_the_distance():
    """On |x| from 1, d rises to about 1 and never falls."""
    optimizer, xs, state = Prodigy(), {"x": np.array([1.0])}, {}
    ds = []
    for _ in range(1000):
        xs, state = optimizer.update(xs, {"x": np.sign(xs["x"])}, state, 1.0)
        ds.append(float(state["d"]))
    assert ds == sorted(ds)
    assert 0.05 < ds[-1] <= 1
    assert abs(xs["x"][0]) < 0.1


def test_schedule_free_evaluates_the_average():
    """lr is constant: the plain mean of all z after the start."""
    optimizer, xs, state = ScheduleFreeAdamW(), {"x": normal(5)}, {}
    zs = []
    for seed in range(9):
        xs, state = optimizer.update(xs, {"x": normal(5, seed=seed)}, state, 0.1)
        zs.append(state["z/x"])
    found = optimizer.evaluated(xs, state)["x"]
    np.testing.assert_allclose(found, np.mean(zs, 0))
    np.testing.assert_allclose(xs["x"], 0.1 * zs[-1] + 0.9 * found)


def test_others_evaluate_what_they_train():
    xs = {"x": normal(3)}
    assert SGD().evaluated(xs, {}) == xs


def test_sam_without_radius_is_sgd():
    x, gs = normal(5), normal(4, 5, seed=1)
    pairs = [g for g in gs for _ in range(2)]
    got, _ = run(SAM(radius=0.0, momentum=0.9, weight_decay=0.1), x, pairs)
    plain, _ = run(SGD(momentum=0.9, weight_decay=0.1), x, gs)
    np.testing.assert_allclose(got, plain)


def test_sam_climbs_by_the_norm_of_all_and_goes_back():
    optimizer = SAM(radius=0.5, momentum=0.0, lr=0.1)
    xs = {"a": np.zeros(1), "b": np.zeros(2)}
    gs = {"a": np.array([3.0]), "b": np.array([0.0, 4.0])}
    up, state = optimizer.update(xs, gs, {}, 0.1)
    np.testing.assert_allclose(up["a"], 0.3)
    np.testing.assert_allclose(up["b"], [0, 0.4])
    down, _ = optimizer.update(up, {"a": np.ones(1), "b": np.ones(2)}, state, 0.1)
    np.testing.assert_allclose(np.concatenate([down["a"], down["b"]]), -0.1)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LARS(momentum=1.0), "LARS.momentum is 1.0"),
        (lambda: LAMB(beta2=-0.1), "LAMB.beta2 is -0.1"),
        (lambda: Adafactor(eps1=0.0), "Adafactor.eps1 is 0.0"),
        (lambda: Adan(beta3=1.0), "Adan.beta3 is 1.0"),
        (lambda: SophiaG(every=0), "SophiaG.every is 0"),
        (lambda: Muon(steps=0), "Muon.steps is 0"),
        (lambda: Shampoo(eps=-1.0), "Shampoo.eps is -1.0"),
        (lambda: Prodigy(d0=0.0), "Prodigy.d0 is 0.0"),
        (lambda: ScheduleFreeAdamW(beta1=0.0), "ScheduleFreeAdamW.beta1 is 0.0"),
        (lambda: SAM(radius=-1.0), "SAM.radius is -1.0"),
    ],
)
def test_refuses(make, said):
    with pytest.raises(UsageError, match=said):
        make()


# In the frameworks

COMMON = """
    import dataclasses
    import inspect
    import re
    import numpy as np
    from shared.definitions.optimizers import OPTIMIZERS

    NAMES = "lars lamb adafactor adan sophia muon shampoo prodigy schedule_free sam"
    MODERN = [OPTIMIZERS[name] for name in NAMES.split()]
    # Settings with which 80 updates do something on some small problems.
    SETTINGS = [
        {"lr": 0.1, "coefficient": 0.2}, {"lr": 0.05}, {"lr": 0.1}, {"lr": 0.05},
        {"lr": 0.01}, {"lr": 0.02}, {"lr": 0.1}, {"lr": 1.0}, {"lr": 0.05},
        {"lr": 0.05},
    ]
    RENAMED = [
        {"learning_rate" if k == "lr" else k: v for k, v in one.items()}
        for one in SETTINGS
    ]
    BAD = [
        ("LARS", "momentum", 1.0), ("LARS", "coefficient", -1.0), ("LAMB", "eps", -1.0),
        ("Adafactor", "eps1", 0.0), ("Adafactor", "limit", 0.0),
        ("Adafactor", "power", -1.0), ("Adafactor", "eps2", -1.0),
        ("Adan", "beta3", 1.0), ("SophiaG", "gamma", -1.0), ("SophiaG", "every", 0),
        ("SophiaG", "batch_size", 0), ("Muon", "steps", 0), ("Muon", "beta1", 1.0),
        ("Shampoo", "eps", -1.0), ("Prodigy", "d0", 0.0), ("SAM", "radius", -1.0),
        ("ScheduleFreeAdamW", "beta1", 0.0), ("SAM", "weight_decay", float("nan")),
    ]

    def kind(definition):
        return type(definition).__name__

    def defaults_are_the_definitions(native):
        for definition in MODERN:
            signature = inspect.signature(native(kind(definition)))
            found = {n: p.default for n, p in signature.parameters.items()}
            found["lr"] = found.pop("learning_rate", found.get("lr"))
            for field in dataclasses.fields(definition):
                assert found[field.name] == getattr(definition, field.name), field

    def refuses(make):
        for name, field, value in BAD:
            try:
                make(name, field, value)
            except ValueError as error:
                assert field in str(error) and repr(value) in str(error), error
            else:
                raise AssertionError(f"{name} takes {field} = {value}")
"""
TORCH = """
    import copy
    import torch
    from torch import nn
    from pytorch_impl import optimizers

    def native(name): return getattr(optimizers, name)

    def defaults():
        defaults_are_the_definitions(native)
        return nn.Identity()

    def refusals():
        ps = [nn.Parameter(torch.ones(2))]
        refuses(lambda name, field, value: native(name)(ps, **{field: value}))
        return nn.Identity()

    def model():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()

    def train(net, optimizer, updates):
        x = torch.linspace(-1, 1, 24).double().reshape(8, 3)
        for _ in range(updates):
            if getattr(optimizer, "due", False):
                net.zero_grad()
                ((net(x) - x[:, :1]) ** 2).mean().backward()
                optimizer.estimate()
            net.zero_grad()
            loss = ((net(x) - x.sum(1, keepdim=True)) ** 2).mean()
            loss.backward()
            optimizer.step()
        return float(loss)

    def descends():
        for definition, settings in zip(MODERN, SETTINGS):
            net = model()
            optimizer = native(kind(definition))(net.parameters(), **settings)
            first, last = train(net, optimizer, 1), train(net, optimizer, 80)
            assert last < 0.7 * first, (definition, first, last)
        return nn.Identity()

    def state_dict():
        for definition in MODERN:
            one, make = model(), native(kind(definition))
            first = make(one.parameters())
            train(one, first, 5)
            two = copy.deepcopy(one)
            second = make(two.parameters())
            second.load_state_dict(copy.deepcopy(first.state_dict()))
            train(one, first, 5), train(two, second, 5)
            for p, q in zip(one.parameters(), two.parameters()):
                assert torch.equal(p, q), definition
        return nn.Identity()

    def without_gradients():
        for definition in MODERN:
            net = model()
            net.append(nn.Linear(1, 1))
            net[-1].double().requires_grad_(False)
            train(net, native(kind(definition))(net.parameters()), 3)
        return nn.Identity()

    def one_d():
        one, two = model(), model()
        first = optimizers.Prodigy(one.parameters())
        second = optimizers.Prodigy([{"params": [p]} for p in two.parameters()])
        train(one, first, 30), train(two, second, 30)
        ds = {group["d"] for group in second.param_groups}
        assert len(ds) == 1 and abs(ds.pop() / first.param_groups[0]["d"] - 1) < 1e-9
        for p, q in zip(one.parameters(), two.parameters()):
            torch.testing.assert_close(p, q)
        return nn.Identity()

    def evaluates():
        net = model()
        optimizer = optimizers.ScheduleFreeAdamW(net.parameters(), lr=0.1)
        train(net, optimizer, 5)
        trained = copy.deepcopy(net.state_dict())
        optimizer.eval(), optimizer.eval()
        try:
            optimizer.step()
        except RuntimeError as error:
            assert "train()" in str(error)
        else:
            raise AssertionError("a step while evaluating")
        assert not torch.equal(net[0].weight, trained["0.weight"])
        optimizer.train(), optimizer.train()
        torch.testing.assert_close(net[0].weight, trained["0.weight"])
        return nn.Identity()
"""
KERAS = """
    import keras
    from keras import ops
    from keras_impl import optimizers, schedules

    def native(name): return getattr(optimizers, name)

    def done(): return keras.layers.Identity()

    def defaults():
        defaults_are_the_definitions(native)
        return done()

    def refusals():
        refuses(lambda name, field, value: native(name)(**{field: value}))
        return done()

    def model():
        keras.utils.set_random_seed(0)
        return keras.Sequential([
            keras.layers.Input((3,)), keras.layers.Dense(4, "tanh"),
            keras.layers.Dense(1),
        ])

    x = np.linspace(-1, 1, 24).reshape(8, 3)
    y = x.sum(1, keepdims=True)

    def loss(net): return np.mean((ops.convert_to_numpy(net(x)) - y) ** 2)

    def fits():
        for definition, settings in zip(MODERN, RENAMED):
            net = model()
            net.compile(native(kind(definition))(**settings), "mse")
            first = loss(net)
            # 80 updates in one epoch: another costs more than they do.
            rows = np.tile(x, (80, 1)), np.tile(y, (80, 1))
            net.fit(*rows, batch_size=8, shuffle=False, verbose=0)
            assert loss(net) < 0.7 * first, (definition, first, loss(net))
        return done()

    def embeds():
        for definition in MODERN:
            layers = [keras.layers.Embedding(5, 4), keras.layers.Flatten()]
            net = keras.Sequential([*layers, keras.layers.Dense(1)])
            net.compile(native(kind(definition))(), "mse", run_eagerly=True)
            net.fit(np.arange(12).reshape(4, 3) % 5, y[:4], epochs=2, verbose=0)
        return done()

    def config():
        for definition in MODERN:
            first = native(kind(definition))(0.5, weight_decay=0.25)
            second = type(first).from_config(first.get_config())
            assert second.get_config() == first.get_config()
            assert second.weight_decay == 0.25
        return done()

    def evaluates():
        net = model()
        net.compile(optimizers.ScheduleFreeAdamW(0.1), "mse")
        net.fit(x, y, batch_size=8, epochs=3, verbose=0)
        trained = net.get_weights()
        net.optimizer.eval(), net.optimizer.eval()
        assert not np.allclose(net.get_weights()[0], trained[0])
        net.optimizer.train(), net.optimizer.train()
        np.testing.assert_allclose(net.get_weights()[0], trained[0])
        net.fit(x, y, batch_size=8, epochs=3, verbose=0)
        return done()
"""
JAX = """
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx
    from jax_impl import definitions, optimizers

    class Done(nnx.Module):
        def __call__(self, x): return x

    def native(name):
        definition = next(d for d in MODERN if kind(d) == name)
        return definitions.maker(optimizers, definition)

    def defaults():
        defaults_are_the_definitions(native)
        return Done()

    def refusals():
        refuses(lambda name, field, value: native(name)(**{field: value}))
        return Done()

    def loss(params):
        hidden = jnp.tanh(jnp.linspace(-1, 1, 24).reshape(8, 3) @ params["a"])
        return jnp.mean((hidden @ params["b"]["c"] - params["b"]["d"]) ** 2)

    def start(dtype=None):
        a = jnp.linspace(-1, 2, 12, dtype=dtype).reshape(3, 4)
        return {"a": a, "b": {"c": a[0], "d": jnp.ones((), dtype)}}

    def train(optimizer, params, updates, estimates=True):
        optimizer = optax.with_extra_args_support(optimizer)

        def step(carry, _):
            params, state = carry
            grads = jax.grad(loss)(params)
            more = {"estimate": grads} if estimates else {}
            steps, state = optimizer.update(grads, state, params, **more)
            return (optax.apply_updates(params, steps), state), steps

        start = params, optimizer.init(params)
        run = jax.jit(lambda start: jax.lax.scan(step, start, length=updates))
        (params, _), steps = run(start)
        return params, steps

    def descends():
        for definition, settings in zip(MODERN, RENAMED):
            bound = optax.clip_by_global_norm(10.0)
            own = native(kind(definition))(**settings)
            params, _ = train(optax.chain(bound, own), start(), 80)
            assert loss(params) < 0.7 * loss(start()), (definition, loss(params))
        return Done()

    def keeps_the_precision():
        for definition in MODERN:
            own = native(kind(definition))(optax.constant_schedule(0.1))
            _, steps = train(own, start(jnp.float32), 2)
            found = {str(s.dtype) for s in jax.tree.leaves(steps)}
            assert found == {"float32"}, (definition, found)
        return Done()

    def masks_and_partitions():
        labels = {"a": "own", "b": {"c": "own", "d": "rest"}}
        mask = {"a": True, "b": {"c": False, "d": True}}
        for definition in MODERN:
            own = native(kind(definition))(mask=mask)
            train(own, start(), 2)
            own = native(kind(definition))()
            parts = optax.partition({"own": own, "rest": optax.sgd(0.1)}, labels)
            params, _ = train(parts, start(), 2, estimates=False)
            assert params["b"]["d"] != 1
        return Done()
"""
CHECKS = {
    "pytorch": (
        TORCH,
        "defaults refusals descends state_dict without_gradients one_d evaluates",
    ),
    "keras": (KERAS, "defaults refusals fits embeds config evaluates"),
    "keras[jax]": (KERAS, "fits evaluates"),
    "keras[torch]": (KERAS, "fits evaluates"),
    "jax": (JAX, "defaults refusals descends keeps_the_precision masks_and_partitions"),
}


@pytest.mark.parametrize(
    ("framework", "name"),
    [(f, name) for f, (_, names) in CHECKS.items() for name in names.split()],
)
def test_in_the_framework(workers, tmp_path_factory, framework, name):
    folder = tmp_path_factory.getbasetemp() / f"modern_{framework}"
    folder.mkdir(exist_ok=True)
    module = f"modern_{framework[:5]}"
    source = textwrap.dedent(COMMON) + textwrap.dedent(CHECKS[framework][0])
    (folder / f"{module}.py").write_text(source)
    workers.get(framework, "float64").adopt(
        f"{module}:{name}", (normal(2, 3),), (str(folder),)
    )
