"""Each layer that a spec describes, against NumPy and in all three frameworks alike."""

import math

import numpy as np
import pytest

from parity_tests.compare import error
from parity_tests.layer_cases import ACTIVATIONS, CASES
from parity_tests.tolerances import FORWARD, GRADIENTS
from shared.contract import Request
from shared.running.client import NATIVE
from shared.specs.base import ConvSpec, ConvTransposeSpec, SqueezeSpec, pair, same


def channels(case):
    spec = CASES.get(case)
    if isinstance(spec, ConvSpec | ConvTransposeSpec):
        return spec.c_in
    return spec.channels if isinstance(spec, SqueezeSpec) else 4


def padded(x, spec, outside):
    return np.pad(x, ((0, 0), (0, 0), *spec.pads), constant_values=outside)


def convolved(c, p, x):
    """Place by place."""
    x, (rows, columns) = padded(x, c, 0.0), c.kernel
    height = (x.shape[2] - rows) // c.stride + 1
    width = (x.shape[3] - columns) // c.stride + 1
    y = np.zeros((len(x), c.c_out, height, width))
    each_in, each_out = c.c_in // c.groups, c.c_out // c.groups
    for o in range(c.c_out):
        first = o // each_out * each_in
        own = x[:, first : first + each_in]
        for i in range(height):
            for j in range(width):
                top, left = i * c.stride, j * c.stride
                window = own[:, :, top : top + rows, left : left + columns]
                y[:, o, i, j] = (window * p["weight"][o]).sum((1, 2, 3))
    return y + p["bias"][:, None, None] if c.bias else y


def transposed(c, p, x):
    """Value by value, what each adds; then what lies in the sides is cut off."""
    (rows, columns), s = c.kernel, c.stride
    height, width = ((n - 1) * s for n in x.shape[2:])
    y = np.zeros((len(x), c.c_out, height + rows + s, width + columns + s))
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            added = np.einsum("bi,iokl->bokl", x[:, :, i, j], p["weight"])
            y[:, :, i * s : i * s + rows, j * s : j * s + columns] += added
    (top, left), (more, wider) = pair(c.padding), pair(c.output_padding)
    bottom, right = height + rows - top + more, width + columns - left + wider
    y = y[:, :, top:bottom, left:right]
    return y + p["bias"][:, None, None] if c.bias else y


def pooled(case, p, x):
    """With `ceil` a window follows where the last one left something over, if it does
    not begin behind the map."""
    largest = case.startswith("max")
    (top, _), (left, _) = p.pads
    grown = padded(x, p, -math.inf if largest else math.nan)

    def starts(n, before):
        if not p.ceil:
            return list(range(0, n - p.size + 1, p.stride))
        found = range(0, n, p.stride)
        return [s for s in found if s < before and s - p.stride + p.size < n]

    rows = starts(grown.shape[2], x.shape[2] + top)
    columns = starts(grown.shape[3], x.shape[3] + left)
    y = np.empty((*x.shape[:2], len(rows), len(columns)))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window = grown[:, :, row : row + p.size, column : column + p.size]
            if largest:
                y[:, :, i, j] = window.max((2, 3))
            elif p.count_pads:
                y[:, :, i, j] = np.nansum(window, (2, 3)) / p.size**2
            else:
                y[:, :, i, j] = np.nanmean(window, (2, 3))
    return y


FUNCTIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "hard_swish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "gelu_tanh": lambda x: (
        x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
}


def squeezed(s, p, x):
    y = x.mean((2, 3))
    y = FUNCTIONS[s.activation](y @ p["fc1.weight"][:, :, 0, 0].T + p["fc1.bias"])
    y = FUNCTIONS[s.gate](y @ p["fc2.weight"][:, :, 0, 0].T + p["fc2.bias"])
    return x * y[:, :, None, None]


def expected(case, p, x):
    spec = CASES.get(case)
    if spec is None:
        return FUNCTIONS[case](x)
    if isinstance(spec, ConvSpec):
        return convolved(spec, p, x)
    if isinstance(spec, ConvTransposeSpec):
        return transposed(spec, p, x)
    return squeezed(spec, p, x) if case.startswith("s") else pooled(case, spec, x)


@pytest.fixture
def found(workers):
    """What a layer puts out, its weights, and the gradients of a random direction."""

    def ask(framework, case):
        draw = np.random.default_rng(0)
        x = 3 * draw.standard_normal((2, channels(case), 9, 8))
        turn = (lambda a: a) if framework == "pytorch" else last
        back = (lambda a: a) if framework == "pytorch" else first
        worker = workers.get(framework, "float64")
        target = f"parity_tests.layer_cases:{framework}_{case}"
        model = worker.adopt(target, (turn(x),))
        weights = {
            name: draw.standard_normal(entry.shape)
            for name, entry in sorted(model.entries().items())
        }
        model.load(weights)
        y = back(model.run(Request((turn(x),))).outputs[0])
        direction = draw.standard_normal(y.shape)
        request = Request((turn(x),), True, cotangents=(turn(direction),))
        result = model.run(request)
        model.drop()
        of_input = back(result.input_gradients[0])
        return x, weights, y, {**result.gradients, "input": of_input}

    return ask


def last(a):
    return np.ascontiguousarray(np.moveaxis(a, 1, -1))


def first(a):
    return np.moveaxis(a, -1, 1)


@pytest.mark.parametrize("case", [*CASES, *ACTIVATIONS])
def test_a_layer_is_what_its_spec_says(found, case):
    x, weights, y, gradients = found("pytorch", case)
    assert error(y, expected(case, weights, x)) <= FORWARD
    for framework in NATIVE[1:]:
        _, _, also, theirs = found(framework, case)
        assert error(y, also) <= FORWARD, framework
        assert gradients.keys() == theirs.keys()
        for name, gradient in gradients.items():
            assert error(gradient, theirs[name]) <= GRADIENTS, (framework, name)


def test_same_is_tensorflows():
    """ceil(size / stride) windows; what is odd goes to the end."""
    assert same(224, 3, 2) == (0, 1)
    assert same(225, 3, 2) == (1, 1)
    assert same(224, 5, 2) == (1, 2)
    assert same(7, 1, 2) == (0, 0)
    assert same(9, 3, 1) == (1, 1)


def test_a_kernel_that_keeps_the_size():
    assert ConvSpec.padded(3, 5, (1, 7)).keeps_size
    assert not ConvSpec.padded(3, 5, 3, 2).keeps_size
    assert not ConvSpec.padded(3, 5, 4).keeps_size
    assert ConvSpec.padded(3, 5, (1, 7)).pads == ((0, 0), (3, 3))
    assert ConvSpec(6, 9, (5, 2), groups=3).inputs == 20
