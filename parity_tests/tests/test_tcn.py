"""The temporal convolutional network: nothing later is seen, nor anything before its
receptive field."""

from dataclasses import replace

import numpy as np
import pytest

from parity_tests.compare import error
from parity_tests.tolerances import FORWARD
from shared.catalog import variant
from shared.errors import UsageError
from shared.frameworks import NATIVE
from shared.messages import Request

TINY = variant("tcn_tiny").spec
LONG = replace(TINY, length=TINY.receptive_field + 4)


@pytest.fixture(params=NATIVE)
def run(request, workers):
    """Gives the outputs for a sequence, and the weights."""
    made = []

    def of(spec):
        model = workers.get(request.param, "float64").build(spec)
        model.fill(0)
        made.append(model)
        return lambda x: model.run(Request((x,))).outputs[0], model.dump()

    yield of
    for model in made:
        model.drop()


def causal(w, name, x, dilation):
    """x: [T, C]. A sum over the kernel's places, whose last is the step itself."""
    v, g = w[f"{name}.weight_v"], w[f"{name}.weight_g"]
    weight = g * v / np.linalg.norm(v.reshape(len(v), -1), axis=1)[:, None, None]
    k = weight.shape[2]
    y = np.tile(w[f"{name}.bias"], (len(x), 1))
    for t in range(len(x)):
        for j in range(k):
            before = t - (k - 1 - j) * dilation
            if before >= 0:
                y[t] += weight[:, :, j] @ x[before]
    return y


def test_is_the_network_by_hand(run):
    call, w = run(TINY)
    x = np.random.default_rng(0).standard_normal((2, TINY.length, TINY.features))
    expected = []
    for y in x:
        for i in range(len(TINY.widths)):
            name, shortcut = f"levels.{i}", y
            if f"{name}.downsample.weight" in w:
                shortcut = y @ w[f"{name}.downsample.weight"].T
                shortcut = shortcut + w[f"{name}.downsample.bias"]
            for conv in ("conv1", "conv2"):
                y = np.maximum(causal(w, f"{name}.{conv}", y, 2**i), 0)
            y = np.maximum(y + shortcut, 0)
        expected.append(y[-1] @ w["fc.weight"].T + w["fc.bias"])
    assert error(call(x), np.stack(expected)) <= FORWARD


def test_sees_its_receptive_field_alone(run):
    """1 + 2 (k - 1) (1 + 2 + 4) steps, of figure 1."""
    assert LONG.receptive_field == 29
    call, _ = run(LONG)
    x = np.random.default_rng(0).standard_normal((1, LONG.length, LONG.features))
    first = LONG.length - LONG.receptive_field
    beyond, inside = x.copy(), x.copy()
    beyond[:, :first] += 1
    inside[:, first] += 10
    assert np.array_equal(call(beyond), call(x))
    assert not np.array_equal(call(inside), call(x))


def test_without_a_level_it_is_refused():
    with pytest.raises(UsageError, match="one level or more"):
        replace(TINY, widths=())
