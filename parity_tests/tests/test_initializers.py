"""What tensors start from: against theory, against torch's own, and in every model."""

import math
from fnmatch import fnmatchcase

import numpy as np
import pytest

from parity_tests.tests import held
from shared.catalog import VARIANTS, family_of
from shared.definitions import initializers as own
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE
from shared.randomness import generator

SHAPES = [(300, 400), (64, 48, 5, 7)]


def drawn(initializer, shape, *place):
    return initializer.draw(shape, generator("test", initializer, shape, *place))


def _fan(shape, mode):
    return own.fans(shape)[mode == "fan_out"]


NORMALS = [
    (own.Normal(std=0.3), lambda shape: 0.3),
    (own.XavierNormal(gain=2.0), lambda s: 2 * math.sqrt(2 / sum(own.fans(s)))),
    (own.HeNormal(), lambda s: math.sqrt(2 / _fan(s, "fan_in"))),
    (own.HeNormal(mode="fan_out"), lambda s: math.sqrt(2 / _fan(s, "fan_out"))),
    (
        own.HeNormal(activation="leaky_relu", slope=0.5),
        lambda s: math.sqrt(1.6 / _fan(s, "fan_in")),
    ),
    (own.HeNormal(activation="tanh"), lambda s: 5 / 3 / math.sqrt(_fan(s, "fan_in"))),
    (own.LeCunNormal(), lambda s: 1 / math.sqrt(_fan(s, "fan_in"))),
]
UNIFORMS = [
    (own.Uniform(bound=0.3), lambda shape: 0.3),
    (own.XavierUniform(gain=2.0), lambda s: 2 * math.sqrt(6 / sum(own.fans(s)))),
    (own.HeUniform(), lambda s: math.sqrt(6 / _fan(s, "fan_in"))),
    (own.HeUniform(mode="fan_out"), lambda s: math.sqrt(6 / _fan(s, "fan_out"))),
    (own.LeCunUniform(), lambda s: math.sqrt(3 / _fan(s, "fan_in"))),
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("initializer", "std"), NORMALS)
def test_normals(initializer, std, shape):
    value = drawn(initializer, shape) / std(shape)
    assert value.shape == shape
    assert value.dtype == np.float32
    assert abs(value.mean()) < 4 / math.sqrt(value.size)
    assert value.std() == pytest.approx(1, abs=4 / math.sqrt(2 * value.size))
    # Not cut: some 1 in 16,000 lie beyond four deviations.
    assert 4 < np.abs(value).max() < 6.5
    assert (value**4).mean() == pytest.approx(3, abs=0.15)


def test_a_normal_about_another_mean():
    value = drawn(own.Normal(std=0.01, mean=0.5), (400, 500))
    assert value.dtype == np.float32
    assert value.mean() == pytest.approx(0.5, abs=1e-4)
    assert value.std() == pytest.approx(0.01, rel=0.01)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("initializer", "bound"), UNIFORMS)
def test_uniforms(initializer, bound, shape):
    value = drawn(initializer, shape) / bound(shape)
    assert abs(value.mean()) < 4 / math.sqrt(3 * value.size)
    assert 1 - 1e-3 < np.abs(value).max() <= 1 + 1e-6
    assert value.std() == pytest.approx(1 / math.sqrt(3), rel=0.01)


def test_truncated():
    value = drawn(own.TruncatedNormal(std=0.5), (400, 500)) / 0.5
    assert 1.99 < np.abs(value).max() <= 2
    assert value.std() == pytest.approx(0.8796, abs=0.005)
    assert abs(value.mean()) < 0.01


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (5, 2, 3, 3), (12, 1, 2, 2)])
def test_orthogonal(shape):
    value = drawn(own.Orthogonal(gain=1.5), shape).reshape(shape[0], -1) / 1.5
    rows, columns = value.shape
    product = value @ value.T if rows <= columns else value.T @ value
    assert np.abs(product - np.eye(len(product))).max() < 1e-12


def test_orthogonal_matrices_are_equally_likely():
    """The mean of each entry is 0, also on the diagonal, where plain QR leans."""
    entries = [np.diag(drawn(own.Orthogonal(), (3, 3), i)) for i in range(2000)]
    assert np.abs(np.mean(entries, 0)).max() < 4 / math.sqrt(3 * 2000)


def test_without_chance():
    assert (drawn(own.Zeros(), (2, 3)) == 0).all()
    assert (drawn(own.Ones(), (3,)) == 1).all()
    assert (drawn(own.Constant(value=-0.5), (3,)) == -0.5).all()
    assert drawn(own.Given(rows=((1.0, 2.0),)), (1, 2)).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: own.Normal(std=-1.0), "Normal.std is -1.0; allowed: a number of"),
        (lambda: own.HeNormal(mode="fan"), "HeNormal.mode is 'fan'; allowed: one of"),
        (lambda: own.HeUniform(activation="elu"), "HeUniform.activation is 'elu'"),
        (lambda: own.Orthogonal(gain=0.0), "Orthogonal.gain is 0.0"),
        (lambda: own.Constant(value=math.nan), "Constant.value is nan"),
    ],
)
def test_bad_values_are_refused(make, said):
    with pytest.raises(UsageError) as error:
        make()
    assert said in str(error.value)


def test_a_vector_has_no_fans():
    with pytest.raises(ValueError, match=r"\(3,\) has no fans"):
        drawn(own.HeNormal(), (3,))


# Against the frameworks' own, which draw other numbers

TORCH = """
    import math
    import numpy as np
    import torch
    from torch.nn import init
    from shared.definitions import initializers as own

    def same_widths():
        shape = (64, 48, 5, 7)
        pairs = [
            (own.XavierUniform(gain=1.3), lambda x: init.xavier_uniform_(x, 1.3)),
            (own.XavierNormal(), init.xavier_normal_),
            (own.HeUniform(activation="leaky_relu", slope=5**0.5),
             lambda x: init.kaiming_uniform_(x, 5**0.5)),
            (own.HeNormal(mode="fan_out"),
             lambda x: init.kaiming_normal_(x, mode="fan_out", nonlinearity="relu")),
            (own.HeNormal(activation="tanh"),
             lambda x: init.kaiming_normal_(x, nonlinearity="tanh")),
            (own.TruncatedNormal(std=0.5),
             lambda x: init.trunc_normal_(x, std=0.5, a=-1, b=1)),
        ]
        torch.manual_seed(0)
        for mine, theirs in pairs:
            a = mine.draw(shape, np.random.default_rng(0))
            b = theirs(torch.empty(shape)).numpy()
            assert abs(a.std() / b.std() - 1) < 0.01, mine
            assert abs(abs(a).mean() / abs(b).mean() - 1) < 0.01, mine
        for name in ("linear", "sigmoid", "tanh", "relu"):
            assert own.gain(name) == init.calculate_gain(name)

    def of_torch():
        layer = torch.nn.Conv2d(48, 64, 5, groups=2)
        bound = own.of_torch(24 * 25).bound
        for x in (layer.weight, layer.bias):
            assert 0.9 * bound < x.abs().max() <= bound
"""
JAX = """
    import jax
    import numpy as np
    from shared.definitions import initializers as own

    def same_widths():
        # (in, out) there
        key, shape = jax.random.key(0), (300, 400)
        of = jax.nn.initializers
        pairs = [
            (own.XavierUniform(), of.xavier_uniform()),
            (own.XavierNormal(), of.xavier_normal()),
            (own.HeNormal(), of.he_normal()),
            (own.HeUniform(), of.he_uniform()),
            (own.LeCunNormal(), of.lecun_normal()),
            (own.LeCunUniform(), of.lecun_uniform()),
            (own.TruncatedNormal(std=0.5), of.truncated_normal(0.5)),
        ]
        for mine, theirs in pairs:
            a = mine.draw(shape[::-1], np.random.default_rng(0))
            b = np.asarray(theirs(key, shape))
            assert abs(a.std() / b.std() - 1) < 0.01, mine
        # Theirs is cut at two deviations and made wider by as much.
        cut = np.asarray(of.he_normal()(key, shape))
        assert abs(cut).max() < 2.3 * cut.std()
"""
KERAS = """
    import keras
    import numpy as np
    from keras import ops
    from shared.definitions import initializers as own

    def same_widths():
        shape = (300, 400)
        of = keras.initializers
        pairs = [
            (own.XavierUniform(), of.GlorotUniform(0)),
            (own.HeNormal(), of.HeNormal(0)),
            (own.HeUniform(), of.HeUniform(0)),
            (own.LeCunNormal(), of.LecunNormal(0)),
            (own.TruncatedNormal(std=0.5), of.TruncatedNormal(0.0, 0.5, 0)),
        ]
        for mine, theirs in pairs:
            a = mine.draw(shape[::-1], np.random.default_rng(0))
            b = ops.convert_to_numpy(theirs(shape))
            assert abs(a.std() / b.std() - 1) < 0.01, mine
"""


def test_as_the_frameworks_have_them(within):
    within("pytorch", TORCH, "same_widths")
    within("pytorch", TORCH, "of_torch")
    within("jax", JAX, "same_widths")
    within("keras", KERAS, "same_widths")


# In the models


@pytest.fixture(scope="module")
def entries(workers):
    worker = workers.get("pytorch", "float64")
    return {
        name: worker.build(variant.spec).entries() for name, variant in VARIANTS.items()
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_every_tensor_has_a_start(entries, name):
    spec = VARIANTS[name].spec
    for tensor, entry in entries[name].items():
        initializer = spec.start(tensor, entry.shape)
        fitting = [p for p in spec.starts() if fnmatchcase(tensor, p)]
        # What holds is the first; a later one may only be wider, never another's name.
        assert len(fitting) <= 1 or "*" in fitting[-1]
        if len(entry.shape) >= 2:
            assert fitting, tensor
        if not fitting:
            assert isinstance(initializer, own.Zeros | own.Ones)


@pytest.mark.parametrize(
    "kind", sorted({type(v.spec).__name__ for v in VARIANTS.values()})
)
def test_every_pattern_is_used(entries, kind):
    said, used = set(), set()
    for name, variant in VARIANTS.items():
        if type(variant.spec).__name__ != kind:
            continue
        patterns = list(variant.spec.starts())
        said |= set(patterns)
        for tensor in entries[name]:
            used |= set([p for p in patterns if fnmatchcase(tensor, p)][:1])
    assert said == used


# One of each family; some start in every precision and on every back end of Keras.
FIRST = {
    family_of(variant.spec): name
    for name, variant in reversed(VARIANTS.items())
    if variant.tiny
}
EVERYWHERE = ("mlp_tiny", "resnet_tiny", "gpt_tiny")


# A tensor's numbers come of its name, shape and initializer, whatever the family: the
# smallest model that has each initializer.
STARTED = {
    type(start): name
    for name in sorted(FIRST.values(), key=lambda n: -VARIANTS[n].parameters)
    for start in VARIANTS[name].spec.starts().values()
}


@pytest.mark.parametrize(
    "name", held.sampled(FIRST.values(), {*STARTED.values(), *EVERYWHERE})
)
def test_all_start_the_same(workers, name):
    found, whole = {}, name in EVERYWHERE
    for framework in FRAMEWORKS if whole else NATIVE:
        for dtype in ("float64", "float32") if whole else ("float64",):
            model = workers.get(framework, dtype).build(VARIANTS[name].spec)
            model.start(3)
            found[framework, dtype] = model.dump()
            model.drop()
    first = found["pytorch", "float64"]
    for (_, dtype), values in found.items():
        assert values.keys() == first.keys()
        for tensor, value in values.items():
            assert value.dtype == dtype
            assert (value == first[tensor].astype(dtype)).all(), tensor


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["mlp_tiny_relu", "lstm_tiny_stacked", "gpt_tiny"])
def test_what_build_gives(workers, tmp_path, framework, name):
    """A plain native model: the same of the same seed, another of another; it runs."""
    package = {"p": "pytorch", "k": "keras", "j": "jax"}[framework[0]]
    (tmp_path / f"built_{package}_{name}.py").write_text(
        f"from {package}_impl import build\n"
        f"def plain(): return build({name!r})\n"
        f"def zero(): return build({name!r}, seed=0)\n"
        f"def one(): return build({name!r}, 1)\n"
    )
    worker, spec = workers.get(framework, "float32"), VARIANTS[name].spec
    x = tuple(
        np.zeros((1, *t.shape), np.int64 if t.below else np.float32)
        for t in spec.inputs()
    )
    found = {}
    for maker in ("plain", "zero", "one"):
        target = f"built_{package}_{name}:{maker}"
        found[maker] = worker.adopt(target, x, (str(tmp_path),)).dump()
    own_start = worker.build(spec)
    own_start.start(0)
    for tensor, value in own_start.dump().items():
        assert (found["plain"][tensor] == value).all()
        assert (found["zero"][tensor] == value).all()
        if isinstance(spec.start(tensor, value.shape), own.Zeros | own.Ones):
            assert (found["one"][tensor] == value).all()
        else:
            assert (found["one"][tensor] != value).any()


# The papers' numbers


def _start(name, tensor, shape=(4, 4)):
    return VARIANTS[name].spec.start(tensor, shape)


def test_the_families_say_what_their_papers_say():
    normal = own.Normal(std=0.01)
    assert _start("alexnet_two_towers", "conv3.weight") == normal
    ones = {
        layer
        for layer in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
        if _start("alexnet_two_towers", f"{layer}.bias", (4,))
        == own.Constant(value=1.0)
    }
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert _start("alexnet", "features.3.bias", (4,)) == own.of_torch(64 * 25)
    assert _start("alexnet", "classifier.1.weight") == own.of_torch(9216)
    assert _start("vgg11_bn", "features.1.weight", (4,)) == own.Ones()
    assert _start("vgg11_bn", "features.4.weight") == own.HeNormal(mode="fan_out")
    assert _start("resnet50", "layer1.0.downsample.0.weight") == own.HeNormal(
        mode="fan_out"
    )
    assert _start("resnet50", "fc.bias", (4,)) == own.of_torch(2048)
    assert _start("lenet5", "c5.weight") == own.Uniform(bound=2.4 / 400)
    assert _start("lenet5", "c3.weight") == own.Uniform(bound=2.4 / 150)
    assert _start("lstm_10_20", "lstm.bias_hh_l1", (80,)).bound == 20**-0.5
    assert _start("gpt2", "h.3.mlp.c_proj.weight").std == 0.02 / math.sqrt(24)
    assert _start("gpt2", "h.3.attn.c_attn.weight").std == 0.02
    assert _start("gpt2", "wpe.weight").std == 0.01
    assert _start("gpt2", "h.3.ln_1.weight", (4,)) == own.Ones()
