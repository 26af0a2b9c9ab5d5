"""Every optimizer against its definition in NumPy, float64, update by update; the
definitions against numbers worked out by hand; and what a framework's own optimizers
can, ours can too."""

import dataclasses
import math
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from parity_tests import following, streams, tolerances
from parity_tests.definition_judge import settings
from parity_tests.following import CLIPS, DECAYS, FUSED
from parity_tests.tests import held
from shared.definitions.optimizers import (
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ema,
    Lion,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
    excluded,
    optimizer,
)
from shared.definitions.schedules import SCHEDULES
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE, PACKAGES
from shared.running.client import WorkerRaised

KINDS = {type(found).__name__: type(found) for found in OPTIMIZERS.values()}


# Keras's other back ends run the lines that TensorFlow runs: each optimizer there once.
WITH_DECAY = [(name, decay, f) for name, decay in dict(DECAYS).items() for f in NATIVE]
EVERYWHERE = [(*one, framework) for one in DECAYS for framework in NATIVE] + [
    (name, decay, framework)
    for name, decay in dict(DECAYS).items()
    for framework in FRAMEWORKS
    if framework not in NATIVE
]


@pytest.mark.parametrize(
    ("name", "decay", "framework"), held.sampled(EVERYWHERE, WITH_DECAY)
)
def test_follows_the_definition(workers, framework, name, decay):
    given = following.scheduled(OPTIMIZERS[name], decay)
    worker = workers.get(framework, "float64")
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", held.sampled(FRAMEWORKS, NATIVE))
@pytest.mark.parametrize("start", [0.0, 1.0])
@pytest.mark.parametrize("name", dict(DECAYS))
def test_follows_without_gradient(workers, framework, name, start):
    given = streams.nothing(OPTIMIZERS[name], start)
    worker = workers.get(framework, "float64")
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("name", dict(DECAYS))
def test_a_tree_without_tensors(workers, name):
    worker = workers.get("jax", "float64")
    assert following.leaves_of_no_tensors(worker, OPTIMIZERS[name]) == 0


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", FUSED)
def test_follows_without_fused_kernels(workers, name, decay):
    given = following.scheduled(OPTIMIZERS[name], decay)
    worker = workers.get("pytorch", "float64")
    assert following.of_foreach(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_takes_what_the_definition_takes(workers, framework, name):
    check = settings(PACKAGES[framework], "optimizers", OPTIMIZERS[name])
    assert check(workers.get(framework, "float64")) == ""


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: type(clip).__name__)
def test_clipped(workers, framework, clip):
    given = streams.stream(AdamW(weight_decay=0.1), clip=clip)
    worker = workers.get(framework, "float64")
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["momentum", "adamw", "nadam"])
def test_accumulated(workers, framework, name):
    given = streams.stream(OPTIMIZERS[name], SCHEDULES["warmup_cosine"])
    given = replace(given, accumulate=4)
    worker = workers.get(framework, "float64")
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_averaged(workers, framework):
    given = streams.stream(AdamW(), SCHEDULES["warmup_cosine"])
    given = replace(given, ema=Ema(decay=0.9))
    worker = workers.get(framework, "float64")
    assert following.of_optimizer(worker, given) <= tolerances.OPTIMIZER


@pytest.mark.parametrize("framework", ["pytorch", "jax"])
def test_averages_take_what_the_definition_takes(workers, framework):
    check = settings(PACKAGES[framework], "optimizers", Ema(decay=0.9))
    assert check(workers.get(framework, "float64")) == ""


def test_averages_start_at_the_first_parameters():
    average, x = {"x": np.array([1.0])}, {"x": np.array([3.0])}
    assert Ema(decay=0.75).update(average, x)["x"] == 1.5
    with pytest.raises(UsageError, match=r"Ema\.decay is 1"):
        Ema(decay=1.0)


# By hand: x = 1, then gradients 0.5 and -0.25 (with decay 0.1: 0.6 first)

_SQRT = math.sqrt
BY_HAND = {
    "gradient_descent": (SGD(lr=0.1), [0.95, 0.975]),
    "momentum": (SGD(lr=0.1, momentum=0.9), [0.95, 0.95 - 0.1 * (0.45 - 0.25)]),
    "nesterov": (
        SGD(lr=0.1, momentum=0.9, nesterov=True),
        [1 - 0.1 * (0.5 + 0.45), 0.905 - 0.1 * (-0.25 + 0.9 * 0.2)],
    ),
    "coupled decay": (
        SGD(lr=0.1, weight_decay=0.1),
        [0.94, 0.94 + 0.1 * (0.25 - 0.094)],
    ),
    "adagrad": (Adagrad(lr=0.1, eps=0.5), [0.95, 0.95 + 0.025 / (_SQRT(0.3125) + 0.5)]),
    "adadelta": (
        Adadelta(lr=1.0, rho=0.5, eps=0.01),
        [1 - 0.1 / _SQRT(0.125 + 0.01) * 0.5],
    ),
    "rmsprop": (
        RMSprop(lr=0.1, rho=0.5, eps=0.01),
        [1 - 0.05 / _SQRT(0.135), 1 - 0.05 / _SQRT(0.135) + 0.025 / _SQRT(0.10375)],
    ),
    "rmsprop centred": (
        RMSprop(lr=0.1, rho=0.5, eps=0.01, centred=True),
        [1 - 0.05 / _SQRT(0.125 - 0.0625 + 0.01)],
    ),
    "rmsprop momentum": (
        RMSprop(lr=0.1, rho=0.5, eps=0.01, momentum=0.5),
        [
            1 - 0.05 / _SQRT(0.135),
            1
            - 0.05 / _SQRT(0.135)
            - 0.1 * (0.25 / _SQRT(0.135) - 0.25 / _SQRT(0.10375)),
        ],
    ),
    "rprop": (Rprop(), [0.9, 0.9]),
    "rprop after a turn": (Rprop(delta_0=0.2), [0.8, 0.8, 0.7]),
    "adam": (
        Adam(lr=0.1, beta1=0.5, beta2=0.5, eps=0.0),
        [0.9, 0.9 - 0.1 * (0 / 0.75) / _SQRT(0.09375 / 0.75)],
    ),
    "adam eps": (Adam(lr=0.1, eps=0.5), [0.95]),
    "amsgrad": (
        Adam(lr=0.1, beta1=0.0, beta2=0.5, eps=0.0, amsgrad=True),
        [0.9, 0.9 + 0.1 * 0.25 / _SQRT(0.125 / 0.75)],
    ),
    "adamw": (AdamW(lr=0.1, eps=0.0, weight_decay=0.1), [0.99 - 0.1]),
    "adamax": (
        Adamax(lr=0.1, beta1=0.5, beta2=0.9, eps=0.0),
        [0.9, 0.9 - 0.1 / 0.75 * (0.125 - 0.125) / 0.45],
    ),
    "nadam": (
        # momentum 0.5 * (1 - 0.48) = 0.26, then 0.5 * (1 - 0.4608) = 0.2696
        NAdam(lr=0.1, beta1=0.5, beta2=0.5, eps=0.0, momentum_decay=1.0),
        [1 - 0.1 * (0.2696 * 0.25 / (1 - 0.26 * 0.2696) + 0.74 * 0.5 / 0.74) / 0.5],
    ),
    "radam": (RAdam(lr=0.1, beta1=0.5), [0.95, 0.95]),
    "lion": (
        Lion(lr=0.1, beta1=0.5, beta2=0.5, weight_decay=0.1),
        # c = 0.5 * 0.25 + 0.5 * -0.25 = 0
        [1 - 0.1 * (1 + 0.1), 0.89 - 0.1 * 0.1 * 0.89],
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    chosen, path = BY_HAND[name]
    xs, state = {"x": np.ones((1, 1))}, {}
    for g, expected in zip((0.5, -0.25, 0.125), path, strict=False):
        xs, state = chosen.update(xs, {"x": np.full((1, 1), g)}, state, chosen.lr)
        assert abs(xs["x"].item() - expected) < 1e-14


def test_by_hand_radam_adapts_from_update_five():
    """At beta2 = 0.999 rho is 3.996 at the fourth update and 4.995 at the fifth."""
    chosen = RAdam(lr=1.0, beta1=0.0, eps=0.0)
    x, s = np.ones(1), {"m": np.zeros(1), "v": np.zeros(1)}
    steps = []
    for t in range(1, 6):
        after, s = chosen.step(x, np.full(1, 2.0), s, t, 1.0, 0.0)
        steps.append((x - after).item())
        x = after
    rho = 1999 - 10 * 0.999**5 / (1 - 0.999**5)
    r = _SQRT((rho - 4) * (rho - 2) * 1999 / (1995 * 1997 * rho))
    assert steps[:4] == [2.0] * 4
    assert abs(steps[4] - r) < 1e-12


# What is refused and what is kept


# Of a vector and of a matrix; the others keep all they may.
NEEDED = {
    "gradient_descent": ("", ""),
    "sgd": ("", ""),
    "rmsprop": ("n", "n"),
    "rmsprop_momentum": ("n d", "n d"),
    "adam": ("m v", "m v"),
    "adamw": ("m v", "m v"),
    "adafactor": ("v", "r c"),
    "muon": ("m v", "m"),
    "shampoo": ("m v", "m l r"),
    "prodigy": ("m v s p", "m v s p"),
    "schedule_free": ("z v", "z v"),
}
SHARED_BY_ALL = {"prodigy": "d r", "schedule_free": "largest whole"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_what_the_settings_need_is_kept(name):
    chosen = OPTIMIZERS[name]
    everything = " ".join(chosen.keeps)
    needed = NEEDED.get(name, (everything, everything))
    for x, kept in zip((np.ones(2), np.ones((2, 3))), needed, strict=True):
        assert chosen.start(x).keys() == set(kept.split())
    shared = chosen.share({}, {}, chosen.lr).keys() & chosen.keeps.keys()
    assert shared == set(SHARED_BY_ALL.get(name, "").split())


def test_of_that_name_there_is_none():
    with pytest.raises(UsageError, match="adam"):
        optimizer("addam")


def _numbers(kind):
    return [
        field.name
        for field in dataclasses.fields(kind)
        if isinstance(field.default, float)
    ]


@pytest.mark.parametrize("name", KINDS)
def test_bad_values_are_refused_by_the_definition(name):
    kind = KINDS[name]
    for field in _numbers(kind):
        for value in (-0.5, math.nan, math.inf, "0.1"):
            with pytest.raises(UsageError, match=rf"{name}\.{field} is "):
                kind(**{field: value})


# Inside the frameworks: these run in the workers

COMMON = """
    import dataclasses, inspect
    from shared.definitions.optimizers import OPTIMIZERS

    KINDS = {type(found) for found in OPTIMIZERS.values()}

    def defaults():
        found = {}
        for kind in KINDS:
            given = inspect.signature(native(kind)).parameters
            found[kind.__name__] = {
                ("lr" if name == "learning_rate" else name): parameter.default
                for name, parameter in given.items()
                if parameter.default is not parameter.empty and name != "mask"
            }
        return found

    def refused(name, field, value):
        kind = next(kind for kind in KINDS if kind.__name__ == name)
        try:
            make(kind, RATE if field == "lr" else field, value)
        except ValueError as error:
            return str(error)
        return "accepted"
"""
TORCH = """
    import io
    import numpy as np, torch
    from torch import nn
    from pytorch_impl import optimizers

    RATE = "lr"

    def native(kind): return getattr(optimizers, kind.__name__)
    def make(kind, field, value):
        return native(kind)([nn.Parameter(torch.ones(2))], **{field: value})

    def quadratic(ps):
        return sum((p**2).sum() for p in ps)

    def follow(optimizer, ps, steps, scheduler=None):
        for _ in range(steps):
            optimizer.zero_grad()
            optimizer.step(lambda: quadratic_backward(ps))
            if scheduler is not None:
                scheduler.step()
        return [p.detach().numpy().copy() for p in ps]

    def quadratic_backward(ps):
        loss = quadratic(ps)
        loss.backward()
        return loss

    def two(): return [nn.Parameter(torch.tensor([[3.0, -2.0]])) for _ in range(2)]

    def groups():
        # Each group as if it were alone.
        own = {"lr": 0.3, "weight_decay": 0.2}
        ps = two()
        both = optimizers.AdamW([{"params": ps[:1]}, {"params": ps[1:], **own}], lr=0.1)
        found = follow(both, ps, 5)
        first, second = two()
        follow(optimizers.AdamW([first], lr=0.1), [first], 5)
        follow(optimizers.AdamW([second], **own), [second], 5)
        return found, [first.detach().numpy(), second.detach().numpy()]

    def bad_group():
        p, q = two()
        try:
            optimizers.AdamW([{"params": [p]}, {"params": [q], "beta1": 1.5}])
        except ValueError as error:
            return str(error)

    def round_trip(name):
        kind = native(type(OPTIMIZERS[name]))
        settings = dataclasses.asdict(OPTIMIZERS[name])
        ps = two()
        whole = follow(kind(ps, **settings), ps, 6)
        ps = two()
        first = kind(ps, **settings)
        follow(first, ps, 3)
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second = kind(ps)
        second.load_state_dict(torch.load(file))
        return whole, follow(second, ps, 3)

    def schedulers():
        ps = two()
        optimizer = optimizers.SGD(ps, lr=0.5)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        found = follow(optimizer, ps, 4, scheduler)
        # x - lr * 2 x with lr 0.5, 0.5, 0.25, 0.25: gone after the first
        ps = two()
        optimizer = optimizers.SGD(ps, lr=0.25)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        halved = follow(optimizer, ps, 4, scheduler)
        return found, halved

    def late_gradient():
        # A parameter whose gradient comes later starts later.
        p, q = two()
        optimizer = optimizers.Adam([p, q], lr=0.1)
        p.grad = torch.ones_like(p)
        optimizer.step()
        q.grad = torch.ones_like(q)
        optimizer.step()
        return sorted(len(optimizer.state[x]) for x in (p, q))

    def strided(name):
        # Layouts that no fused kernel takes: the other path, the same numbers.
        values = torch.arange(12.0).reshape(3, 4) + 1
        found = []
        for p in (nn.Parameter(values.clone()), nn.Parameter(values.T.contiguous().T)):
            kind = native(type(OPTIMIZERS[name]))
            settings = dataclasses.asdict(OPTIMIZERS[name])
            optimizer = kind([p], **{**settings, "weight_decay": 0.1})
            for _ in range(5):
                # With the gradient laid out in another way than what it is of.
                p.grad = torch.sin(p.detach()).contiguous()
                optimizer.step()
            found.append(p.detach().numpy().copy())
        return found

    def averaged():
        ps = two()
        first = optimizers.Ema(ps, decay=0.75)
        with torch.no_grad():
            ps[0].add_(1.0)
        first.update()
        kept = {k: v for k, v in first.state_dict().items()}
        second = optimizers.Ema(two(), decay=0.5)
        second.load_state_dict(kept)
        with torch.no_grad():
            for p in second.parameters:
                p.mul_(2.0)
        for p, q in zip(ps, second.parameters):
            p.data.copy_(q)
        first.update(), second.update()
        return [a.numpy() for a in first.averages], [a.numpy() for a in second.averages]

    def switched():
        # Twice to evaluate is once; a group that comes later is in training too.
        p, q = two()
        optimizer = optimizers.ScheduleFreeAdamW([p], lr=0.1, beta1=0.5)
        optimizer.add_param_group({"params": [q]})
        follow(optimizer, [p, q], 3)
        trained = [x.detach().numpy().copy() for x in (p, q)]
        optimizer.eval()
        once = [x.detach().numpy().copy() for x in (p, q)]
        optimizer.eval()
        twice = [x.detach().numpy().copy() for x in (p, q)]
        optimizer.train()
        return trained, once, twice, [x.detach().numpy().copy() for x in (p, q)]
"""
KERAS = """
    import pathlib, tempfile
    import keras, numpy as np
    from keras_impl import optimizers

    RATE = "learning_rate"

    def native(kind): return getattr(optimizers, kind.__name__)
    def make(kind, field, value): return native(kind)(**{field: value})

    def settings(name):
        found = dataclasses.asdict(OPTIMIZERS[name])
        return {RATE if k == "lr" else k: v for k, v in found.items()}

    def configured(name):
        kind = native(type(OPTIMIZERS[name]))
        first = kind(**settings(name), clipnorm=1.0)
        second = kind.from_config(first.get_config())
        return first.get_config() == second.get_config()

    def model(optimizer):
        keras.utils.set_random_seed(0)
        net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        net.compile(optimizer, "mse")
        return net

    def data():
        draw = np.random.default_rng(0)
        x = draw.standard_normal((8, 3))
        return x, x @ np.array([[1.0], [2.0], [3.0]])

    def fitted(name):
        # The same with a file between the third and the fourth epoch.
        x, y = data()
        kind = native(type(OPTIMIZERS[name]))
        options = {"batch_size": 4, "shuffle": False, "verbose": 0}
        whole = model(kind(**settings(name)))
        start = whole.evaluate(x, y, verbose=0)
        whole.fit(x, y, epochs=6, **options)
        first = model(kind(**settings(name)))
        first.fit(x, y, epochs=3, **options)
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.keras"
            first.save(file)
            second = keras.saving.load_model(file)
        second.fit(x, y, epochs=3, **options)
        ended = whole.evaluate(x, y, verbose=0)
        return start > ended, whole.get_weights(), second.get_weights()
"""
JAX = """
    import jax, jax.numpy as jnp, numpy as np, optax
    from jax_impl import definitions, optimizers

    RATE = "learning_rate"

    def native(kind):
        found = object.__new__(kind)
        return definitions.maker(optimizers, found)
    def make(kind, field, value): return native(kind)(**{field: value})

    def settings(name):
        found = dataclasses.asdict(OPTIMIZERS[name])
        return {RATE if k == "lr" else k: v for k, v in found.items()}

    def start(): return {"a": jnp.array([[3.0, -2.0]]), "b": jnp.array([1.0, 4.0])}

    def follow(optimizer, steps=5):
        params = start()
        state = optimizer.init(params)

        @jax.jit
        def step(params, state):
            grads = jax.tree.map(lambda x: 2 * x, params)
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        for _ in range(steps):
            params, state = step(params, state)
        return {name: np.asarray(x) for name, x in params.items()}

    def chained():
        halved = optax.chain(optax.scale(0.5), optimizers.sgd(0.2))
        return follow(halved), follow(optimizers.sgd(0.1))

    def parted():
        parts = {"a": optimizers.adamw(0.1), "b": optimizers.lion(0.2)}
        both = follow(optax.multi_transform(parts, {"a": "a", "b": "b"}))
        adamw, lion = follow(parts["a"]), follow(parts["b"])
        return both, {"a": adamw["a"], "b": lion["b"]}

    def masked():
        some = optax.masked(optimizers.adam(0.1), {"a": True, "b": False})
        found = follow(optax.chain(some, optax.masked(optax.set_to_zero(),
                                                      {"a": False, "b": True})))
        return found, {"a": follow(optimizers.adam(0.1))["a"],
                       "b": np.asarray(start()["b"])}

    def injected(name):
        make = native(type(OPTIMIZERS[name]))
        # What decides which program there is cannot be injected.
        given = {**settings(name), "weight_decay": 0.1}
        fixed = [k for k, v in given.items() if isinstance(v, bool) or k == "steps"]
        injected = optax.inject_hyperparams(make, static_args=(*fixed, "mask"))
        return follow(injected(**given)), follow(make(**given))

    def sizes(name):
        state = native(type(OPTIMIZERS[name]))(**settings(name)).init(start())
        return sum(x.size for x in jax.tree.leaves(state))
"""
SOURCES = {"pytorch": TORCH, "keras": KERAS, "jax": JAX}


@pytest.fixture(scope="module")
def native(workers, tmp_path_factory):
    """A function above, run in its framework's worker."""
    folder = tmp_path_factory.mktemp("own")
    for framework, source in SOURCES.items():
        text = textwrap.dedent(COMMON) + textwrap.dedent(source)
        (folder / f"own_{framework}.py").write_text(text)

    def ask(framework, name, *arguments):
        worker = workers.get(framework, "float64")
        package = framework.partition("[")[0]
        paths = (str(folder),)
        return worker.ask(f"own_{package}:{name}", *arguments, paths=paths)

    return ask


def same(found, expected, bound=0.0):
    pairs = zip(found, expected, strict=True)
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        pairs = ((found[name], expected[name]) for name in found)
    for a, b in pairs:
        assert np.abs(np.asarray(a) - np.asarray(b)).max() <= bound


@pytest.mark.parametrize("framework", NATIVE)
def test_defaults_are_the_definition_s(native, framework):
    expected = {
        name: {field.name: field.default for field in dataclasses.fields(kind)}
        for name, kind in KINDS.items()
    }
    assert native(framework, "defaults") == expected


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("name", KINDS)
def test_bad_values_are_refused_by_name(native, framework, name):
    for field in _numbers(KINDS[name]):
        rate = field == "lr" and framework != "pytorch"
        said = "learning_rate" if rate else field
        for value in (-0.5, math.nan, math.inf):
            reason = native(framework, "refused", name, field, value)
            who, _, what = reason.partition(": ")
            assert who.replace("_", "").lower() == name.lower(), reason
            assert what.startswith(f"{said} is {value!r}; allowed: from"), reason


def test_pytorch_groups_have_their_own_settings(native):
    same(*native("pytorch", "groups"))
    assert "AdamW: beta1 is 1.5" in native("pytorch", "bad_group")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_pytorch_goes_on_from_a_file(native, name):
    same(*native("pytorch", "round_trip", name))


def test_pytorch_schedulers_of_its_own(native):
    gone, halved = native("pytorch", "schedulers")
    same(gone, [np.zeros((1, 2))] * 2)
    # 1 - 2 lr: 0.5 twice, then 0.75 twice
    same(halved, [np.array([[3.0, -2.0]]) * 0.5**2 * 0.75**2] * 2)


def test_pytorch_starts_a_parameter_at_its_first_gradient(native):
    assert native("pytorch", "late_gradient") == [2, 2]


@pytest.mark.parametrize("name", ["momentum", "nesterov", "adam", "amsgrad", "adamw"])
def test_pytorch_without_fused_kernels_is_the_same(native, name):
    same(*([found] for found in native("pytorch", "strided", name)), bound=1e-14)


def test_pytorch_averages_come_back(native):
    same(*native("pytorch", "averaged"), bound=0)


def test_pytorch_schedule_free_switches_once(native):
    trained, once, twice, back = native("pytorch", "switched")
    same(once, twice, bound=0)
    same(trained, back, bound=1e-12)
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(trained, once, strict=True))


@pytest.mark.parametrize(
    "framework", held.sampled(["keras", "keras[jax]", "keras[torch]"], ["keras"])
)
@pytest.mark.parametrize("name", ["momentum", "rmsprop", "amsgrad", "nadam", "rprop"])
def test_keras_trains_and_goes_on_from_a_file(native, framework, name):
    lower, whole, resumed = native(framework, "fitted", name)
    assert lower
    same(resumed, whole, bound=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keras_configuration_comes_back(native, name):
    assert native("keras", "configured", name)


@pytest.mark.parametrize("way", ["chained", "parted", "masked"])
def test_jax_composes(native, way):
    same(*native("jax", way), bound=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_jax_settings_can_be_injected(native, name):
    same(*native("jax", "injected", name), bound=1e-12)


def test_jax_keeps_what_is_needed(native):
    size = 4  # all parameters
    assert native("jax", "sizes", "sgd") == 1
    assert native("jax", "sizes", "momentum") == 1 + size
    assert native("jax", "sizes", "adam") == 1 + 2 * size
    assert native("jax", "sizes", "amsgrad") == 1 + 3 * size


def test_what_goes_wrong_over_there_is_said(native):
    with pytest.raises(WorkerRaised, match="no attribute"):
        native("jax", "nothing_of_the_kind")


def test_norms_and_biases_are_left_out_of_the_decay():
    assert excluded(streams.SHAPES) == {"norm.weight", "fc.bias"}
