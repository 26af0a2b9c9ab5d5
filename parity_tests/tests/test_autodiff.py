"""The small automatic differentiation: against differences, and against the layers
whose gradients are derived by hand."""

import numpy as np
import pytest

from shared import catalog
from shared.definitions.losses import CrossEntropy
from shared.randomness import Draws
from shared.reference import autodiff
from shared.reference.adapter import Adapter
from shared.reference.autodiff import Node
from shared.reference.layers.activation import ReLU, Tanh
from shared.reference.layers.convolution import Convolution
from shared.reference.layers.embedding import Embedding
from shared.reference.layers.linear import Linear
from shared.reference.layers.pooling import MaxPool2d, MeanOfMap
from shared.reference.module import Chain, Module, named_parameters
from shared.specs.base import Pool
from shared.tensors import sample

H = 1e-3


def draw(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def assert_gradients(f, *values):
    """Of f's sum, along one direction of each value, right to H^4."""

    def total(i, x):
        given = [*values[:i], x, *values[i + 1 :]]
        return (f(*map(Node, given)).value * weights).sum()

    nodes = [Node(value) for value in values]
    found = f(*nodes)
    weights = draw(*found.shape, seed=1)
    found.backward(weights)
    for i, (x, node) in enumerate(zip(values, nodes, strict=True)):
        d = draw(*x.shape, seed=2)
        near = total(i, x + H * d) - total(i, x - H * d)
        far = total(i, x + 2 * H * d) - total(i, x - 2 * H * d)
        want = (8 * near - far) / (12 * H)
        assert node.gradient.shape == x.shape
        assert (node.gradient * d).sum() == pytest.approx(want, rel=1e-8, abs=1e-8)


OPERATIONS = {
    "sum of broadcast": (lambda a, b: a + b, draw(3, 1, 4), draw(2, 4)),
    "product of broadcast": (lambda a, b: a * b, draw(3, 1, 4), draw(2, 1)),
    "with a number": (lambda a: 2 - 3 * a + (a - 1) / 4, draw(3, 2)),
    "one over": (lambda a: 1 / (2 + a * a), draw(3, 2)),
    "quotient of broadcast": (lambda a, b: a / (3 + b**2), draw(2, 3), draw(3)),
    "power": (lambda a: (a * a + 1) ** 1.5, draw(4)),
    "matrices": (lambda a, b: a @ b, draw(3, 4), draw(4, 2)),
    "a stack and a matrix": (lambda a, b: a @ b, draw(5, 3, 4), draw(4, 2)),
    "an array and a node": (lambda b: draw(3, 4) @ b, draw(4, 2)),
    "used twice": (lambda a: a * a + a @ a, draw(3, 3)),
    "read twice": (lambda a: a[np.array([0, 2, 0])], draw(3, 4)),
    "a slice": (lambda a: a[:, 1::2], draw(3, 5)),
    "reshape": (lambda a: a.reshape(4, 3) * draw(4, 3), draw(2, 6)),
    "transpose": (lambda a: a.transpose(2, 0, 1) * draw(4, 2, 3), draw(2, 3, 4)),
    "sum": (lambda a: a.sum() * a, draw(2, 3)),
    "mean over axes": (lambda a: a - a.mean((0, 2)), draw(2, 3, 4)),
    "exp and log": (lambda a: autodiff.log(1 + autodiff.exp(a)), draw(3, 2)),
    "tanh": (autodiff.tanh, draw(3, 2)),
    "sigmoid": (autodiff.sigmoid, draw(3, 2)),
    "relu": (autodiff.relu, draw(3, 2)),
    "maximum": (autodiff.maximum, draw(3, 1), draw(4)),
    "log of softmax": (autodiff.log_softmax, draw(3, 4)),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation(name):
    f, *values = OPERATIONS[name]
    assert_gradients(f, *values)


def test_at_zero_relu_has_no_slope_and_sigmoid_a_quarter():
    x = Node(np.zeros(1))
    autodiff.relu(x).backward()
    assert x.gradient.tolist() == [0.0]
    x = Node(np.zeros(1))
    autodiff.sigmoid(x).backward()
    assert x.gradient.tolist() == [0.25]


def test_a_graph_deeper_than_the_stack():
    x = y = Node(np.array(1.0))
    for _ in range(20_000):
        y = y + x
    y.backward()
    assert x.gradient == 20_001


def test_a_graph_that_branches_is_walked_once():
    """Forty doublings are 2^40 ways through it."""
    x = y = Node(np.array(1.0))
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.gradient == 2.0**40


# Against what is derived by hand


def mlp(x, weights, spec, draws):
    """The network of shared/specs/classic/mlp.py as a graph."""
    activations = {
        "sigmoid": autodiff.sigmoid,
        "tanh": autodiff.tanh,
        "relu": autodiff.relu,
        "leaky_relu": lambda x: autodiff.maximum(x, spec.leaky_slope * x),
    }
    for i, _ in enumerate(spec.hidden):
        at = f"hidden.{i}"
        x = x @ weights[f"{at}.linear.weight"].transpose(1, 0)
        if spec.batch_norm:
            apart = x - x.mean(0)
            x = apart * ((apart * apart).mean(0) + spec.bn_eps) ** -0.5
            x = x * weights[f"{at}.norm.weight"] + weights[f"{at}.norm.bias"]
        else:
            x = x + weights[f"{at}.linear.bias"]
        x = activations[spec.activation](x)
        keep = draws(f"{at}.dropout").keep(x.shape, spec.dropout)
        x = x * (keep / (1 - spec.dropout))
    return x @ weights["fc.weight"].transpose(1, 0) + weights["fc.bias"]


@pytest.mark.parametrize(
    "name", ["mlp_tiny", "mlp_tiny_tanh", "mlp_tiny_relu", "mlp_tiny_leaky_relu"]
)
def test_an_mlp_has_the_gradients_derived_by_hand(name):
    spec = catalog.variant(name).spec
    model = Adapter("float64", 1).build(spec, name)
    model.fill(0)
    model.set_mode(training=True)
    given = sample(spec.inputs()[0], 6, 0).astype(float)
    g = draw(6, spec.targets)
    by_hand = model.native(given)
    gradients, (of_input,) = model.backward((g,))
    tensors = named_parameters(model.native)
    weights = {k: Node(p.value) for k, p in tensors.items() if p.trainable}
    x = Node(given)
    outputs = mlp(x, weights, spec, lambda path: Draws(0, path))
    outputs.backward(g)
    np.testing.assert_allclose(outputs.value, by_hand, rtol=0, atol=1e-14)
    np.testing.assert_allclose(x.gradient, of_input, rtol=0, atol=1e-13)
    assert weights.keys() == gradients.keys()
    for key, node in weights.items():
        np.testing.assert_allclose(node.gradient, gradients[key], rtol=0, atol=1e-13)


def convolved(x, w, stride):
    """A product for each place in the kernel, of what all windows read there."""
    rows = (x.shape[2] - w.shape[2]) // stride + 1
    columns = (x.shape[3] - w.shape[3]) // stride + 1
    total = 0.0
    for i, j in np.ndindex(*w.shape[2:]):
        down = slice(i, i + stride * (rows - 1) + 1, stride)
        across = slice(j, j + stride * (columns - 1) + 1, stride)
        read = x[:, :, down, across].reshape(len(x.value), x.shape[1], -1)
        total = total + w[:, :, i, j] @ read
    return total.reshape(len(x.value), len(w.value), rows, columns)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_small_cnn_has_the_gradients_derived_by_hand(stride):
    """A convolution, relu, the largest of 2x2, another convolution's mean."""
    x, w, v = Node(draw(2, 3, 9, 8)), Node(draw(4, 3, 3, 2)), Node(draw(5, 4, 1, 2))
    y = autodiff.relu(convolved(x, w, stride))
    rows, columns = (n // 2 * 2 for n in y.shape[2:])
    y = y[:, :, :rows, :columns]
    one = autodiff.maximum(y[:, :, ::2, ::2], y[:, :, 1::2, ::2])
    y = autodiff.maximum(one, autodiff.maximum(y[:, :, ::2, 1::2], y[:, :, 1::2, 1::2]))
    y = convolved(y, v, 1).mean((2, 3))
    g = draw(*y.shape)
    y.backward(g)
    found, gradients = by_hand(x.value, w.value, v.value, stride, g[:, :, 0, 0])
    np.testing.assert_allclose(y.value[:, :, 0, 0], found, rtol=0, atol=1e-14)
    for node, gradient in zip((x, w, v), gradients, strict=True):
        np.testing.assert_allclose(node.gradient, gradient, rtol=0, atol=1e-14)


def by_hand(x, w, v, stride, g):
    none = ((0, 0), (0, 0))
    first, second = Convolution(stride, none), Convolution(1, none)
    between, mean = Chain(ReLU(), MaxPool2d(Pool(2, 2))), MeanOfMap()
    y = mean(second(between(first(x, w)), v))
    of_map, of_v = second.backward(mean.backward(g))
    of_x, of_w = first.backward(between.backward(of_map))
    return y, (of_x, of_w, of_v)


def test_an_operation_with_its_own_backward_joins_a_graph():
    """An embedding and two layers inside it, against the same without a graph."""
    numbers, target = np.array([[2, 0], [1, 2]]), np.array([[1, 0], [2, 1]])
    layers = Embedding(4, 3), Linear(3, 5), Tanh(), Linear(5, 3)
    learning = [layer for layer in layers if isinstance(layer, Module)]
    tensors = [p for layer in learning for p in layer.parameters().values()]
    for parameter in tensors:
        parameter.value = draw(*parameter.shape)
    y = Node(numbers)
    for layer in layers:
        y = autodiff.apply(layer, y)
    chosen = autodiff.log_softmax(y)[(*np.indices((2, 2)), target)]
    loss = -chosen.mean()
    loss.backward()
    found = [parameter.gradient for parameter in tensors]
    for parameter in tensors:
        parameter.gradient = None
    x = numbers
    for layer in layers:
        x = layer(x)
    assert loss.value == pytest.approx(CrossEntropy().value((x,), (target,)))
    (g,) = CrossEntropy().gradient((x,), (target,))
    for layer in reversed(layers):
        g = layer.backward(g)
    for one, parameter in zip(found, tensors, strict=True):
        np.testing.assert_allclose(one, parameter.gradient, rtol=0, atol=1e-15)


def learned(activate, epochs):
    """The loss of each epoch of gradient descent on exclusive or, one hidden layer."""
    x = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    target = np.array([[0.0], [1], [1], [0]])
    w, b = draw(2, 8), np.zeros(8)
    v, c = draw(8, 1), np.zeros(1)
    losses = []
    for _ in range(epochs):
        nodes = [Node(a) for a in (w, b, v, c)]
        y = activate(x @ nodes[0] + nodes[1]) @ nodes[2] + nodes[3]
        loss = ((y - target) ** 2).mean()
        loss.backward()
        w, b, v, c = (n.value - 0.1 * n.gradient for n in nodes)
        losses.append(float(loss.value))
    return losses


def test_relu_and_sigmoid_learn_what_one_unit_cannot():
    """Relu in fewer epochs: a sigmoid passes on a quarter of the gradient at most."""
    relu, sigmoid = learned(autodiff.relu, 1000), learned(autodiff.sigmoid, 1000)
    assert relu[-1] < 1e-4
    assert relu[-1] < sigmoid[-1] < sigmoid[0]
