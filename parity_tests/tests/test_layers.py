"""Each layer that a spec describes, against NumPy and in all three frameworks alike."""

import functools
import math

import numpy as np
import pytest

from parity_tests import kept
from parity_tests.compare import error
from parity_tests.layer_cases import (
    ACTIVATIONS,
    ATTENTIONS,
    CASES,
    SIZES,
    STACKS,
    constant_bias,
)
from parity_tests.tolerances import FORWARD, GRADIENTS
from shared.frameworks import NATIVE
from shared.messages import Request
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
    x, (rows, columns), apart = padded(x, c, 0.0), c.reach, c.dilation
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
                down = slice(top, top + rows, apart)
                window = own[:, :, down, left : left + columns : apart]
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
    "tanh": np.tanh,
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


def turned(framework, way, arrays):
    """Maps have their channels last in two of the three."""
    if framework == "pytorch":
        return tuple(arrays)
    return tuple(way(a) if a.ndim == 4 else a for a in arrays)


@pytest.fixture
def found(workers):
    """What a layer puts out, its weights, and the gradients of a random direction."""

    def ask(framework, case, *inputs, maps=True):
        there, back = (
            functools.partial(turned, framework if maps else "pytorch", way)
            for way in (last, first)
        )
        draw, given = np.random.default_rng(0), there(inputs)
        worker = workers.get(framework, "float64")
        package, _, _ = framework.partition("[")
        target = f"parity_tests.layer_cases:{package}_{case}"
        model = worker.adopt(target, given)
        weights = {
            name: draw.standard_normal(entry.shape)
            for name, entry in sorted(model.entries().items())
        }
        model.load(weights)
        outputs = back(model.run(Request(given)).outputs)
        directions = [draw.standard_normal(y.shape) for y in outputs]
        result = model.run(Request(given, True, cotangents=there(directions)))
        model.drop()
        of_inputs = enumerate(back(result.input_gradients))
        gradients = {f"input {k}": gradient for k, gradient in of_inputs}
        return weights, outputs, result.gradients | gradients

    def once(framework, case, *inputs, maps=True):
        if kept.workers is None:
            return ask(framework, case, *inputs, maps=maps)
        known = kept.answers.setdefault(framework.partition("[")[0], {})
        key = framework, case, maps, *((x.shape, x.tobytes()) for x in inputs)
        if key not in known:
            known[key] = ask(framework, case, *inputs, maps=maps)
        return known[key]

    return once


@pytest.fixture
def hold(found):
    """The three are alike, and what PyTorch puts out is what is expected."""

    def check(case, expected, *inputs, maps=True):
        weights, outputs, gradients = found("pytorch", case, *inputs, maps=maps)
        for y, wanted in zip(outputs, expected(weights, *inputs), strict=True):
            assert error(y, wanted) <= FORWARD
        for framework in NATIVE[1:]:
            _, others, theirs = found(framework, case, *inputs, maps=maps)
            for y, also in zip(outputs, others, strict=True):
                assert error(y, also) <= FORWARD, framework
            assert gradients.keys() == theirs.keys()
            for name, gradient in gradients.items():
                assert error(gradient, theirs[name]) <= GRADIENTS, (framework, name)

    return check


def last(a):
    return np.ascontiguousarray(np.moveaxis(a, 1, -1))


def first(a):
    return np.moveaxis(a, -1, 1)


@pytest.mark.parametrize("case", [*CASES, *ACTIVATIONS])
def test_a_layer_is_what_its_spec_says(hold, case):
    x = 3 * np.random.default_rng(0).standard_normal((2, channels(case), 9, 8))
    hold(case, lambda weights, x: (expected(case, weights, x),), x)


def resized(x, size):
    """Pixel by pixel."""

    def places(n, m):
        for i in range(m):
            at = min(max((i + 0.5) * n / m - 0.5, 0.0), n - 1.0)
            first = math.floor(at)
            yield i, first, min(first + 1, n - 1), at - first

    y = np.empty((*x.shape[:2], *size))
    for i, top, bottom, down in places(x.shape[2], size[0]):
        for j, left, right, across in places(x.shape[3], size[1]):
            above = (1 - across) * x[:, :, top, left] + across * x[:, :, top, right]
            below = (1 - across) * x[:, :, bottom, left]
            below = below + across * x[:, :, bottom, right]
            y[:, :, i, j] = (1 - down) * above + down * below
    return y


@pytest.mark.parametrize("sides", [(9, 8), (1, 3)])
@pytest.mark.parametrize("case", SIZES)
def test_a_map_of_another_size(hold, case, sides):
    x = np.random.default_rng(0).standard_normal((2, 4, *sides))
    hold(case, lambda weights, x: (resized(x, SIZES[case]),), x)


def attended(case, q, k, v, bias=None):
    causal, biased = ATTENTIONS[case]
    root = 1 if case.endswith("unscaled") else math.sqrt(q.shape[-1])
    scores = q @ k.swapaxes(-1, -2) / root
    if biased:
        scores = scores + (constant_bias() if biased == "constant" else bias)
    if causal:
        scores[..., ~np.tri(*scores.shape[-2:], dtype=bool)] = -math.inf
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True) @ v


@pytest.mark.parametrize("axes", [(), (3,), (3, 2)])
@pytest.mark.parametrize("case", ATTENTIONS)
def test_attention(hold, case, axes):
    draw = np.random.default_rng(0)
    qkv = [draw.standard_normal((*axes, 2, 5, 4)) for _ in range(3)]
    if ATTENTIONS[case][1] == "input":
        qkv.append(draw.standard_normal((2, 5, 5)))
    hold(case, lambda _, *qkv: (attended(case, *qkv),), *qkv, maps=False)


@pytest.mark.parametrize("axes", [(), (3,), (3, 2)])
@pytest.mark.parametrize("case", ATTENTIONS)
@pytest.mark.parametrize(
    "framework", ["pytorch", "keras", "keras[jax]", "keras[torch]", "jax"]
)
def test_fused_attention_is_the_same_function(found, framework, case, axes):
    """Also where the layers take it on an accelerator alone."""
    draw = np.random.default_rng(0)
    qkv = [draw.standard_normal((*axes, 2, 5, 4)) for _ in range(3)]
    if ATTENTIONS[case][1] == "input":
        qkv.append(draw.standard_normal((2, 5, 5)))
    _, (y,), gradients = found(framework, f"fused_{case}", *qkv, maps=False)
    assert error(y, attended(case, *qkv)) <= 1e-6
    _, _, exact = found("pytorch", case, *qkv, maps=False)
    for name, gradient in gradients.items():
        assert error(gradient, exact[name]) <= 1e-6, name


def test_attention_on_a_gpu_is_cudnn_s(within):
    """Without a bias, in half precision, forward and back; known when it is lowered."""
    source = """
        import jax, jax.numpy as jnp, pytest
        from flax import nnx
        from jax._src.cudnn import fused_attention_stablehlo as cudnn
        from jax_impl.layers import attention, forms

        def of(platform, dtype, width, *bias):
            q, *bias = (jnp.ones((3, 2, 6, n), dtype) for n in (width, *bias))
            layer = attention.Attention(0.0, causal=True, rngs=nnx.Rngs(0))
            step = jax.grad(lambda q: layer(q, q, q, *bias).sum())
            lowered = jax.jit(step).trace(q).lower(lowering_platforms=(platform,))
            return lowered.as_text().count("cudnn$fmhaSoftmax")

        def check():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(jax, "default_backend", lambda: "gpu")
                patch.setattr(forms, "local_capability", lambda: 9.0)
                patch.setattr(cudnn, "check_cudnn_version", lambda: 91000)
                patch.setattr(cudnn, "check_compute_capability", lambda least: True)
                assert of("cuda", jnp.bfloat16, 8) == 2
                assert of("cuda", jnp.bfloat16, 12) == 0
                assert of("cuda", jnp.bfloat16, 8, 6) == 0
                assert of("cuda", jnp.float32, 8) == 0
                assert of("cpu", jnp.bfloat16, 8) == 0
    """
    within("jax", source, "check", "float32")


@pytest.mark.parametrize("axes", [(), (2, 3)])
def test_vectors_of_length_one(hold, found, axes):
    """0 has no direction: it stays, and nothing moves it."""
    x = np.random.default_rng(1).standard_normal((*axes, 4, 5))
    x[..., 1, :] = 0
    lengths = np.sqrt(np.square(x).sum(-1, keepdims=True))
    wanted = x / np.where(lengths > 0, lengths, 1)
    hold("unit", lambda weights, x: (wanted,), x, maps=False)
    _, _, gradients = found("pytorch", "unit", x, maps=False)
    assert not gradients["input 0"][..., 1, :].any()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recurred(spec, p, x, h=None, c=None):
    """Step by step."""
    p = {name.removeprefix("layer."): value for name, value in p.items()}
    starts, ends = iter(range(spec.scans)), []
    for directions in spec.directions:
        outputs = []
        for d in directions:
            w_ih, w_hh, b_ih, b_hh = (p[name] for name in d.shapes)
            k = next(starts)
            both = np.zeros((2, len(x), d.hidden)) if h is None else (h[k], c[k])
            seen = {}
            for t in range(x.shape[1])[:: -1 if d.backward else 1]:
                gates = x[:, t] @ w_ih.T + b_ih + both[0] @ w_hh.T + b_hh
                i, f, g, o = np.split(gates, 4, -1)
                cell = sigmoid(f) * both[1] + sigmoid(i) * np.tanh(g)
                both = sigmoid(o) * np.tanh(cell), cell
                seen[t] = both[0]
            outputs.append(np.stack([seen[t] for t in sorted(seen)], 1))
            ends.append(both)
        x = np.concatenate(outputs, -1)
    return x, *(np.stack(s) for s in zip(*ends, strict=True))


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("case", STACKS)
def test_a_recurrent_stack_takes_and_gives_its_state(hold, case, given):
    spec, draw = STACKS[case], np.random.default_rng(0)
    inputs = [draw.standard_normal((2, 5, spec.features))]
    if given:
        shape = spec.scans, 2, spec.hidden
        inputs += [draw.standard_normal(shape) for _ in range(2)]
    hold(case, lambda p, *inputs: recurred(spec, p, *inputs), *inputs)


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


def test_a_dilated_kernel_keeps_the_size():
    c = ConvSpec.padded(3, 5, (5, 3), 2).dilated(3)
    assert (c.reach, c.pads, c.stride) == ((13, 7), ((6, 6), (3, 3)), 1)
    assert c.keeps_size
    assert c.map_size(4, 9) == (4, 9)
    assert ConvSpec(3, 5, 3, 1, 1, dilation=2).map_size(9, 8) == (7, 6)
