"""The networks in NumPy: every derivative against differences, loops against matrix
products, training, and mistakes that the three frameworks share."""

import math
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from parity_tests import mutants, tolerances, training
from parity_tests.engine import BATCH, Session, Workers, request
from parity_tests.run import ORACLE_TIERS, plan
from shared import catalog
from shared.contract import flat
from shared.definitions.optimizers import OPTIMIZERS, Ema
from shared.errors import UsageError
from shared.files import sources
from shared.frameworks import NATIVE, ORACLE, ROOT
from shared.messages import Workload
from shared.objectives.adversarial import Adversarial
from shared.randomness import Draws
from shared.reference import FAMILIES
from shared.reference.adapter import Adapter
from shared.reference.layers import activation, convolution, pooling
from shared.reference.layers.attention import Attention
from shared.reference.layers.dropout import Dropout
from shared.reference.layers.embedding import Embedding, Unembedding
from shared.reference.layers.graph import MeanOfGraph, Normalized, Spread
from shared.reference.layers.linear import Linear
from shared.reference.layers.normalization import BatchNorm, LayerNorm, Unit
from shared.reference.layers.recurrent import Recurrent
from shared.reference.module import (
    Chain,
    Each,
    Module,
    Once,
    Operation,
    named_modules,
    named_parameters,
)
from shared.reference.perceptron import Perceptron
from shared.running import saving
from shared.running.client import Worker
from shared.running.training import Job
from shared.specs.base import Conv1dSpec, ConvSpec, ConvTransposeSpec, Pool
from shared.specs.sequence.recurrent import StackSpec
from shared.tasks import task

TINY = [
    name
    for name, variant in catalog.VARIANTS.items()
    if variant.tiny and catalog.family_of(variant.spec) in FAMILIES
]
H = 1e-6  # in a network of many ReLUs a kink lies within 1e-5


# Derivatives


def draw(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def slope(f, x, d):
    """Of f at x along d: the central difference of five points, right to H^4."""
    near, far = f(x + H * d) - f(x - H * d), f(x + 2 * H * d) - f(x - 2 * H * d)
    return (8 * near - far) / (12 * H)


def prepare(operation, training):
    """Its modules in that mode, about to draw what they drew before."""
    modules = named_modules(operation) if isinstance(operation, Module) else ()
    for path, module in modules:
        module.training, module.draws = training, Draws(0, path)


def tensors_of(operation):
    """Its tensors, with values that keep what goes through them of one size: the error
    of a difference is a share of the largest."""
    found = named_parameters(operation) if isinstance(operation, Module) else {}
    for name, parameter in found.items():
        size = max(2.0, math.sqrt(math.prod(parameter.shape[1:])))
        value = draw(*parameter.shape, seed=len(name)) / size
        positive = name.endswith("running_var")
        parameter.value = np.abs(value) + 0.5 if positive else value
    return found


def assert_derivative(operation, *inputs, training=False):
    """Along one direction of each real input and of each trainable tensor."""
    prepare(operation, training)
    tensors = tensors_of(operation)
    values = {name: p.value for name, p in tensors.items()}
    cotangents = [draw(*o.shape, seed=1) for o in flat(operation(*inputs))]

    def total(changed, given):
        prepare(operation, training)
        for name, p in tensors.items():
            p.value = changed.get(name, values[name])
        outputs = flat(operation(*given))
        return sum((c * o).sum() for c, o in zip(cotangents, outputs, strict=True))

    def of_input(i, x):
        return total({}, [*inputs[:i], x, *inputs[i + 1 :]])

    def of_tensor(name, value):
        return total({name: value}, inputs)

    total({}, inputs)
    found = operation.backward(*cotangents)
    of_inputs = found if isinstance(found, tuple) else (found,)
    gradients = {name: p.gradient for name, p in tensors.items()}
    for i, (x, g) in enumerate(zip(inputs, of_inputs, strict=True)):
        if x.dtype.kind != "f":
            assert g is None
            continue
        assert_slope(partial(of_input, i), x, g)
    for name, p in tensors.items():
        if p.trainable:
            assert_slope(partial(of_tensor, name), values[name], gradients[name])
        else:
            assert gradients[name] is None


def assert_slope(f, x, g):
    """Along one direction."""
    d = draw(*x.shape, seed=2)
    assert g.shape == x.shape
    assert (g * d).sum() == pytest.approx(slope(f, x, d), rel=1e-8, abs=1e-8)


ACTIVATIONS = {
    "identity": activation.Identity(),
    "sigmoid": activation.Sigmoid(),
    "tanh": activation.Tanh(),
    "scaled tanh": activation.ScaledTanh(1.7159, 2 / 3),
    "relu": activation.ReLU(),
    "leaky relu": activation.LeakyReLU(0.3),
    "gelu": activation.GELU(),
    "gelu by tanh": activation.TanhGELU(),
    "softmax": activation.Softmax(),
    "step": activation.Step(),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation(name):
    assert_derivative(ACTIVATIONS[name], 3 * draw(4, 7))


def test_a_sigmoid_far_out():
    found = activation.sigmoid(np.array([-1e4, -40.0, 0.0, 40.0, 1e4]))
    assert found[0] == 0 < found[1] == pytest.approx(np.exp(-40))
    assert found[2:].tolist() == [0.5, 1, 1]


class FromZeros(Recurrent):
    """From a state that is no input, so that nothing is asked of it."""

    def backward(self, *gradients):
        return super().backward(*gradients)[0]


@pytest.mark.parametrize("training", [False, True])
def test_a_layer_with_tensors(training):
    numbers = np.array([[2, 0, 2], [1, 2, 3]])
    q, k, v = (draw(2, 3, 5, 4, seed=i) for i in range(3))
    for layer, *inputs in (
        (Linear(5, 3), draw(4, 5)),
        (Linear(5, 3, bias=False), draw(2, 4, 5)),
        (BatchNorm(5, 1e-2, 0.8), draw(6, 5)),
        (LayerNorm(5, 1e-2), draw(2, 3, 5)),
        (Dropout(0.4), draw(5, 6)),
        (Unit(), draw(2, 3, 5)),
        (Embedding(4, 3), numbers),
        (Attention(0.3, causal=True), q, k, v),
        (Attention(0.0, causal=False), q, k, v),
        (FromZeros(StackSpec(3, 4, 2, True, 0.3)), draw(2, 5, 3)),
        (FromZeros(StackSpec(3, 4, 1, False, 0.0)), draw(2, 5, 3)),
        (
            convolution.conv(ConvSpec(2, 3, (2, 3), 2, ((0, 1), (2, 0)))),
            draw(2, 2, 5, 6),
        ),
        (convolution.conv(ConvSpec(2, 3, 3, padding=1, bias=False)), draw(2, 2, 4, 5)),
        (convolution.Conv1d(Conv1dSpec(2, 3, 4, 2, (1, 2), bias=True)), draw(2, 2, 7)),
        (convolution.Conv1d(Conv1dSpec(2, 3, 3)), draw(2, 2, 5)),
        (
            convolution.conv_transpose(
                ConvTransposeSpec(2, 3, (4, 3), 2, 1, output_padding=1)
            ),
            draw(2, 2, 3, 4),
        ),
        (
            convolution.conv_transpose(
                ConvTransposeSpec(2, 3, 2, 3, output_padding=2, bias=False)
            ),
            draw(2, 2, 3, 2),
        ),
        (BatchNorm(3, 1e-2, 0.8), draw(2, 3, 4)),
        (BatchNorm(3, 1e-2, 0.8), draw(2, 3, 2, 4)),
    ):
        assert_derivative(layer, *inputs, training=training)


class Twice(Module):
    """A layer that forgets nothing of its first call at its second."""

    def __init__(self):
        self.linear, self.norm = Linear(5, 4), BatchNorm(4, 1e-2, 0.8)
        self.dropout = Dropout(0.3)
        steps = Chain(self.linear, self.norm, self.dropout, activation.Tanh(), Unit())
        self.each = Each(steps)

    def forward(self, *inputs):
        return self.each(*inputs)

    def backward(self, *gradients):
        return self.each.backward(*gradients)


class Thrice(Module):
    """A layer that one run calls at three places, each with a mask of its own."""

    def __init__(self):
        self.linear, self.dropout = Linear(4, 4), Dropout(0.3)
        places = (Chain(Once(self.linear), Once(self.dropout)) for _ in range(3))
        self.each = Each(Chain(*places, activation.Tanh()))

    def forward(self, *inputs):
        return self.each(*inputs)

    def backward(self, *gradients):
        return self.each.backward(*gradients)


@pytest.mark.parametrize("training", [False, True])
def test_a_layer_called_at_several_places(training):
    assert_derivative(Thrice(), draw(6, 4), draw(3, 4), training=training)


@pytest.mark.parametrize("training", [False, True])
def test_a_layer_called_several_times(training):
    assert_derivative(Twice(), draw(6, 5), draw(3, 5), draw(4, 5), training=training)


def test_the_derivative_of_a_graph():
    """Of its matrix too, on which the degrees depend; of several calls."""

    class Mixed(Operation):
        def __init__(self):
            self.normalized = Normalized()

        def forward(self, x, adjacency):
            self.spread = Spread(self.normalized(adjacency))
            return self.spread(np.tanh(self.spread(x)))

        def backward(self, g):
            once = self.spread.taken[-1]
            of_x = self.spread.backward(self.spread.backward(g) * (1 - once**2))
            return of_x, self.normalized.backward(self.spread.of_matrix)

    assert_derivative(Mixed(), draw(5, 3), np.abs(draw(5, 5)))
    graph, sizes = np.array([2, 0, 2, 2]), np.array([1, 0, 3])
    mean = MeanOfGraph(graph, sizes, float)
    assert_derivative(mean, draw(4, 3))
    x = draw(4, 3)
    np.testing.assert_allclose(
        mean(x), [x[1], np.zeros(3), x[[0, 2, 3]].mean(0)], atol=1e-15
    )


def test_a_vector_of_0_has_no_direction():
    layer = Unit()
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert layer(x).tolist() == [[pytest.approx(0.6), 0.8], [0, 0]]
    assert layer.backward(np.ones((2, 2)))[1].tolist() == [0, 0]


def test_the_matrix_of_an_embedding_has_both_gradients():
    numbers, embedding = np.array([[2, 0], [1, 2]]), Embedding(4, 3)
    embedding.weight.value = draw(4, 3)
    head = Unembedding(embedding.weight)
    g = draw(2, 2, 4)
    head = Unembedding(embedding.weight)
    head(embedding(numbers))
    embedding.backward(head.backward(g))
    assert_slope(
        lambda w: (g * (w[numbers] @ w.T)).sum(),
        embedding.weight.value,
        embedding.weight.gradient,
    )


# What goes straight through has by definition another gradient (test_vqvae.py).
STRAIGHT = ("vqvae_tiny",)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", [name for name in TINY if name not in STRAIGHT])
def test_a_whole_network(name, training):
    spec = catalog.variant(name).spec
    model = Adapter("float64", 1).build(spec, name).native
    inputs = [b.astype(float) if b.dtype.kind == "f" else b for b in batch_of(spec)]
    assert_derivative(model, *inputs, training=training)


def batch_of(spec):
    """What a model is called with, noise included."""
    return request(spec, BATCH, training=True).inputs


# Loops, and matrix products


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pads", [((0, 0), (0, 0)), ((1, 0), (2, 1))])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2)])
def test_a_convolution_by_matrix_products_is_the_one_in_loops(stride, pads, kernel):
    x, w = draw(2, 3, 5, 6), draw(4, 3, *kernel)
    loops, fast = (
        convolution.LoopConvolution(stride, pads),
        convolution.Convolution(stride, pads),
    )
    y = loops(x, w)
    np.testing.assert_allclose(fast(x, w), y, rtol=0, atol=1e-13)
    g = draw(*y.shape)
    for one, other in zip(loops.backward(g), fast.backward(g), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(
    "cuts", [((0, 0), (0, 0)), ((1, 0), (2, 1)), ((0, -2), (1, 0))]
)
@pytest.mark.parametrize("kernel", [(1, 2), (3, 4)])
def test_a_transposed_convolution_by_matrix_products_is_the_one_in_loops(
    stride, cuts, kernel
):
    x, w = draw(2, 3, 4, 5), draw(3, 2, *kernel)
    loops, fast = (
        convolution.LoopTransposedConvolution(stride, cuts),
        convolution.TransposedConvolution(stride, cuts),
    )
    y = loops(x, w)
    np.testing.assert_allclose(fast(x, w), y, rtol=0, atol=1e-13)
    g = draw(*y.shape)
    for one, other in zip(loops.backward(g), fast.backward(g), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_a_transposed_convolution_is_a_convolution_backwards():
    """Of the same kernels: <conv(x), y> = <x, transposed(y)> for any x and y."""
    pads = ((1, 1), (0, 2))
    x, w = draw(2, 3, 7, 8), draw(4, 3, 3, 2)
    forward = convolution.Convolution(2, pads)(x, w)
    y = draw(*forward.shape)
    back = convolution.TransposedConvolution(2, pads)(y, w)
    assert (back * x[:, :, : back.shape[2], : back.shape[3]]).sum() == pytest.approx(
        (forward * y).sum(), rel=1e-12
    )


@pytest.mark.parametrize(
    "p",
    [
        Pool(2, 2),
        Pool(3, 2, 1),
        Pool(3, 2, ((0, 1), (1, 0)), count_pads=False),
        Pool(3, 2, ceil=True),
        Pool(2, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["Max", "Avg"])
def test_pooling_by_windows_is_the_one_in_loops(kind, p):
    if kind == "Avg":
        p = replace(p, ceil=False)  # which is of a maximum
    loops = getattr(pooling, f"Loop{kind}Pool2d")(p)
    fast = getattr(pooling, f"{kind}Pool2d")(p)
    x = draw(2, 3, 6, 7).round(1)  # with equal neighbours
    y = loops(x)
    np.testing.assert_allclose(fast(x), y, rtol=0, atol=1e-15)
    g = draw(*y.shape)
    np.testing.assert_allclose(fast.backward(g), loops.backward(g), rtol=0, atol=1e-15)


@pytest.mark.parametrize("p", [Pool(2, 2), Pool(3, 2, 1, count_pads=False)], ids=str)
def test_the_derivatives_of_pooling(p):
    for layer in (pooling.MaxPool2d(p), pooling.AvgPool2d(p), pooling.MeanOfMap()):
        assert_derivative(layer, draw(2, 3, 6, 7))
    assert_derivative(pooling.MaxOfMap(), draw(2, 3, 6, 7))


def test_windows_along_time():
    """The last is short; of equals the first has the gradient."""
    pool = pooling.MaxPool1d(3)
    x = np.array([[[1.0, 4, 4, 2, 0, 1, -5]]])
    assert pool(x).tolist() == [[[4, 2, -5]]]
    assert pool.backward(np.array([[[1.0, 2, 3]]])).tolist() == [
        [[0, 1, 0, 2, 0, 0, 3]]
    ]
    assert_derivative(pooling.MaxPool1d(4), draw(2, 3, 11))
    assert_derivative(pooling.MeanOfMap(), draw(2, 3, 11))


def test_the_largest_of_a_map_shared_by_two():
    layer = pooling.MaxOfMap()
    assert layer(np.array([[[[1.0, 3.0], [3.0, 2.0]]]])).tolist() == [[3.0]]
    assert layer.backward(np.array([[4.0]])).tolist() == [[[[0.0, 2.0], [2.0, 0.0]]]]


def test_a_convolution_in_groups_is_refused():
    with pytest.raises(NotImplementedError, match="in groups"):
        convolution.conv(ConvSpec.depthwise(4, 3))


# The framework


def test_families_are_those_of_the_catalog():
    assert set(FAMILIES) <= catalog.FAMILIES.keys()
    assert {
        "cnn1d",
        "gan",
        "vae",
        "gpt",
        "lenet",
        "linear",
        "lstm",
        "mlp",
        "simple_cnn",
    } <= set(FAMILIES)
    assert {catalog.family_of(catalog.variant(name).spec) for name in TINY} == set(
        FAMILIES
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_definitions_stand_in_the_order_of_the_three(family):
    """Functions that are layers here may be missing; none is added or moved."""
    parts = sources.aligned(family)
    there = [part.name for part in parts if part.sources[0]]
    here = [name for name in definitions_of(family) if name != sources.HEAD]
    assert here == [name for name in there if name in here]


def definitions_of(family):
    return sources.definitions(sources.path_of(ORACLE, family).read_text())


def test_a_family_without_a_network_says_so(workers):
    spec = catalog.variant("resnet_tiny").spec
    allowed = ", ".join(FAMILIES)
    with pytest.raises(UsageError) as refused:
        workers.get(ORACLE, "float64").build(spec)
    assert str(refused.value) == f"numpy has no network for resnet; it has {allowed}"


def test_parity_asks_numpy_where_it_has_a_network():
    frameworks = {job.model: job.frameworks for job in plan(["mlp_tiny", "vgg_tiny"])}
    jobs = [job for job in plan(["mlp_tiny", "vgg_tiny"]) if ORACLE in job.frameworks]
    assert frameworks.keys() == {"mlp_tiny", "vgg_tiny"}
    assert [(job.model, job.tiers) for job in jobs] == [("mlp_tiny", ORACLE_TIERS)]


def test_its_own_files(workers, tmp_path):
    model = workers.get(ORACLE, "float64").build(catalog.variant("mlp_tiny").spec)
    model.fill(0)
    values = model.dump()
    model.write_native(tmp_path / "weights.npz", values)
    found = model.read_native(tmp_path / "weights.npz")
    assert found.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(found[name], value)
    with pytest.raises(UsageError, match=r"NumPy writes \.npz files"):
        model.write_native(tmp_path / "weights.pt", values)
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    with pytest.raises(UsageError, match=r"broken\.npz: not a zip archive"):
        model.read_native(tmp_path / "broken.npz")
    with pytest.raises(UsageError, match="numpy runs on the CPU alone"):
        model.move("cuda")


@pytest.mark.parametrize("what", ["inference", "training", "optimizer", "loading"])
def test_a_benchmark_can_repeat_it(workers, what):
    spec = catalog.variant("lenet_tiny").spec
    model = workers.get(ORACLE, "float32").build(spec, "lenet_tiny")
    model.fill(0)
    chosen = training.plans(spec)["adamw"]
    work = Workload(what, "eager", training.batches(spec, 1)[0], chosen)
    model.prepare(work)
    assert len(model.time(samples=2, calls=2).seconds) == 2


# Training


def follow(workers, framework, plan, batches, begin=None, name="lenet_tiny"):
    model = workers.get(framework, "float64").build(catalog.variant(name).spec, name)
    model.fill(training.SEED)
    found = model.follow(plan, batches, training.SEED, begin)
    model.drop()
    return found


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "sophia"])
def test_every_optimizer_goes_on_in_pytorch_and_back(workers, name):
    """Two updates here, two there and two here, against all six there."""
    spec = catalog.variant("lenet_tiny").spec
    plan = replace(training.plans(spec)["adamw"], optimizer=OPTIMIZERS[name])
    batches = [b for b in training.batches(spec, 6) for _ in range(plan.passes)]
    whole, _ = follow(workers, "pytorch", plan, batches)
    seen, begin, part = [], None, 2 * plan.passes
    for k, framework in enumerate((ORACLE, "pytorch", ORACLE)):
        own = batches[k * part : (k + 1) * part]
        more, begin = follow(workers, framework, plan, own, begin)
        seen += more
    worst = training.worst_update({"whole": whole, "parts": seen})
    assert worst.error <= tolerances.TRAINING, worst


def test_accumulation_and_averages(workers):
    spec = catalog.variant("mlp_tiny").spec
    plan = training.plans(spec)["momentum"]
    for changed in (replace(plan, accumulate=2), replace(plan, ema=Ema(decay=0.5))):
        given = changed, training.batches(spec, 6)
        one, end = follow(workers, ORACLE, *given, name="mlp_tiny")
        other, there = follow(workers, "pytorch", *given, name="mlp_tiny")
        worst = training.worst_update({"one": one, "other": other})
        assert worst.error <= tolerances.TRAINING, worst
        assert end.optimizer.keys() == there.optimizer.keys()
        for key, value in end.optimizer.items():
            np.testing.assert_allclose(value, there.optimizer[key], atol=1e-9)


def run(folder, changes, **job):
    chosen = task("digits_mlp")
    with Worker(ORACLE) as worker:
        model = worker.build(chosen.spec, chosen.name)
        model.start(0)
        return model.train(Job("digits_mlp", folder, changes, **job))


def test_digits_are_learned(tmp_path):
    chosen = task("digits_mlp")
    outcome = run(tmp_path, {})
    assert outcome["test_accuracy"] >= chosen.target
    assert outcome["history"][-1]["loss"] < outcome["history"][0]["loss"] / 4


def test_a_run_resumed_is_the_run_not_stopped(tmp_path):
    """Bit for bit, dropout too: the last epoch again, from the checkpoint before."""
    whole = run(tmp_path, {"epochs": 3})
    weights = (tmp_path / "model.safetensors").read_bytes()
    saving.found(tmp_path / "checkpoints")[0].unlink()
    again = run(tmp_path, {"epochs": 3}, resume=True)
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    for one, other in zip(whole["history"], again["history"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_bfloat16_is_refused(tmp_path):
    with pytest.raises(UsageError, match="numpy has float32 and float64"):
        run(tmp_path, {"precision": "bfloat16"})


def test_an_objective_of_several_steps_is_refused(workers):
    spec = catalog.variant("mlp_tiny").spec
    plan = training.plans(spec)["adamw"]
    game = replace(plan, objective=Adversarial(game="hinge"))
    model = workers.get(ORACLE, "float64").build(spec)
    model.fill(0)
    allowed = "Adversarial; allowed with numpy: Supervised, Evidence"
    with pytest.raises(UsageError, match=allowed):
        model.follow(game, training.batches(spec, 1), 0)


# The perceptron rule


def separable(margin=0.1):
    """Points of the plane on two sides of a line, none nearer to it than the margin;
    with the line, of length 1 in (x, 1)."""
    line = np.array([0.6, -0.48, 0.64])
    x = np.random.default_rng(0).uniform(-2, 2, (300, 2))
    side = x @ line[:2] + line[2]
    far = np.abs(side) > margin
    return x[far], (side[far, None] > 0).astype(float), line


def test_the_perceptron_makes_no_more_mistakes_than_novikoff_says():
    x, target, line = separable()
    unit = Perceptron(features=2)
    assert unit.fit(x, target, epochs=1000)
    np.testing.assert_array_equal(unit.predict(x), target)
    ones = np.c_[x, np.ones(len(x))]
    radius, margin = np.linalg.norm(ones, axis=1).max(), np.abs(ones @ line).min()
    assert 0 < sum(unit.mistakes) <= (radius / margin) ** 2


def test_one_unit_cannot_tell_exclusive_or():
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    unit = Perceptron(features=2)
    assert not unit.fit(x, np.array([[0.0], [1], [1], [0]]), epochs=200)
    assert min(unit.mistakes) > 0


@pytest.mark.parametrize("framework", [*NATIVE, ORACLE])
def test_what_the_perceptron_learned_is_a_model_of_the_catalog(workers, framework):
    x, target, _ = separable()
    unit = Perceptron(features=2)
    unit.fit(x, target, epochs=1000)
    spec = catalog.variant("perceptron").spec
    model = workers.get(framework, "float64").build(spec, "perceptron")
    model.load(unit.weights())
    _, prediction = model.predict((x,))
    np.testing.assert_array_equal(prediction, target)


# Mistakes that all three make

MISTAKES = {
    "mlp": (
        r"if self\.norm is not None:\n +x = self\.norm\(x\)\n"
        r"( +)return self\.dropout\((activation\(self\.spec\)\(x\))\)",
        r"x = \2\n\1if self.norm is not None:\n\1    x = self.norm(x)\n"
        r"\1return self.dropout(x)",
    ),
    "lstm": (r"ends = h\[-self\.spec\.ends :\]", "ends = h[: self.spec.ends]"),
    "gpt": (r"x \+ self\.mlp\(self\.ln_2\(x\)\)", "x + 1.01 * self.mlp(self.ln_2(x))"),
}
SHOWN = {
    "mlp": "mlp_tiny_relu",
    "lstm": "lstm_tiny_stacked",
    "gpt": "gpt_tiny_no_bias",
}


def planted(root):
    """The same mistakes in the three, each in one family."""
    mutants.copied(root)
    for family, (written, instead) in MISTAKES.items():
        for framework in NATIVE:
            path = root / sources.path_of(framework, family).relative_to(ROOT)
            text, number = re.subn(written, instead, path.read_text())
            assert number, path
            path.write_text(text)


def test_a_mistake_of_all_three_is_seen_by_numpy_alone(tmp_path):
    """Norm and activation swapped, the first layer's state for the last's, a branch
    weighed: the three agree on each."""
    planted(tmp_path)
    tiers = ("names", "counts", "forward", "gradients", "buffers")
    with Workers(root=tmp_path) as running:
        for family, name in SHOWN.items():
            assert catalog.family_of(catalog.variant(name).spec) == family
            three = list(Session(running, NATIVE).check(name, tiers))
            assert all(check.passed for check in three), three
            oracle = Session(running, (ORACLE, "pytorch")).check(name, tiers)
            failed = {c.tier.partition("/")[0] for c in oracle if not c.passed}
            assert {"forward", "gradients"} <= failed
