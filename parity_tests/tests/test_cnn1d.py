"""Convolutions along time: the paper's lengths and counts, and a forward pass in
NumPy."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from parity_tests.compare import error
from parity_tests.layer_cases import SERIES, SERIES_POOLS
from shared.catalog import variant
from shared.errors import UsageError
from shared.frameworks import FRAMEWORKS, NATIVE
from shared.messages import Request
from shared.specs.sequence.cnn1d import CNN1DSpec
from shared.tensors import sample


def convolved(c, weight, bias, x):
    x = np.pad(x, ((0, 0), (0, 0), c.pads))
    windows = sliding_window_view(x, c.k, 2)[:, :, :: c.stride]
    y = np.einsum("bilk,oik->bol", windows, weight)
    return y if bias is None else y + bias[:, None]


def forward(spec, p, x):
    lengths = [x.shape[2]]
    for i, stage in enumerate(spec.convs):
        for j, c in enumerate(stage):
            own = {k.rsplit(".", 1)[1]: p[k] for k in p if f"stages.{i}.{j}.norm" in k}
            x = convolved(c, p[f"stages.{i}.{j}.conv.weight"], None, x)
            x = (x - own["running_mean"][:, None]) / np.sqrt(
                own["running_var"][:, None] + spec.bn_eps
            )
            x = np.maximum(x * own["weight"][:, None] + own["bias"][:, None], 0)
        lengths.append(x.shape[2])
        if i < spec.pools:
            cuts = range(0, x.shape[2], spec.pool)
            parts = [x[:, :, n : n + spec.pool].max(2) for n in cuts]
            x = np.stack(parts, 2)
            lengths.append(x.shape[2])
    return x.mean(2) @ p["fc.weight"].T + p["fc.bias"], lengths


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", ["cnn1d_tiny", "fcn_ecg5000"])
def test_forward_is_what_numpy_computes(name, framework, workers):
    spec = variant(name).spec
    model = workers.get(framework, "float64").build(spec, name)
    model.fill(0)
    x = sample(spec.inputs()[0], 2, 0)
    (found,) = model.run(Request((x,))).outputs
    expected, _ = forward(spec, model.dump(), x.astype(float))
    assert error(found, expected) <= 1e-13
    model.drop()


def test_lengths_are_those_of_the_table(workers):
    """Table 1, from the waveform to what is averaged; and as NumPy computes it."""
    model = workers.get("pytorch", "float64").build(variant("m5").spec, "m5")
    model.fill(0)
    x = sample(model_input := variant("m5").spec.inputs()[0], 1, 0)
    assert model_input.shape == (1, 32_000)
    expected, lengths = forward(variant("m5").spec, model.dump(), x.astype(float))
    assert lengths == [32_000, 8_000, 2_000, 2_000, 500, 500, 125, 125, 32]
    assert error(model.run(Request((x,))).outputs[0], expected) <= 1e-12
    model.drop()


@pytest.mark.parametrize(
    ("name", "millions", "layers"),
    [("m3", 0.2, 3), ("m5", 0.5, 5), ("m11", 1.8, 11), ("m18", 3.7, 18)],
)
def test_parameters_and_depths_are_those_of_the_table(name, millions, layers):
    found = variant(name)
    assert abs(found.parameters / 1e6 - millions) < 0.06
    assert sum(map(len, found.spec.convs)) + 1 == layers


@pytest.mark.parametrize("framework", NATIVE)
@pytest.mark.parametrize("case", SERIES_POOLS)
def test_a_maximum_along_time(case, framework, workers):
    """Of windows beside one another; the last is as short as it falls."""
    size, draw = SERIES_POOLS[case], np.random.default_rng(0)
    x, last = draw.standard_normal((2, 4, 11)), framework != "pytorch"
    own = x.transpose(0, 2, 1) if last else x
    model = workers.get(framework, "float64").adopt(
        f"parity_tests.layer_cases:{framework}_{case}", (own,)
    )
    (found,) = model.run(Request((own,))).outputs
    model.drop()
    parts = [x[:, :, n : n + size].max(2) for n in range(0, 11, size)]
    assert np.array_equal(
        found.transpose(0, 2, 1) if last else found, np.stack(parts, 2)
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("case", SERIES)
def test_a_convolution_along_time(case, framework, workers):
    c, draw = SERIES[case], np.random.default_rng(0)
    x = draw.standard_normal((2, c.c_in, 11))
    last = framework != "pytorch"
    own = x.transpose(0, 2, 1) if last else x
    worker = workers.get(framework, "float64")
    model = worker.adopt(
        f"parity_tests.layer_cases:{framework_of(framework)}_{case}", (own,)
    )
    p = {
        name: draw.standard_normal(entry.shape)
        for name, entry in sorted(model.entries().items())
    }
    model.load(p)
    (found,) = model.run(Request((own,))).outputs
    found = found.transpose(0, 2, 1) if last else found
    expected = convolved(c, p["weight"], p.get("bias"), x)
    assert ("bias" in p) == c.bias
    assert error(found, expected) <= 1e-14
    model.drop()


def framework_of(name):
    return name.partition("[")[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stages": ()}, "at least one stage, and one for each of 4 pools"),
        ({"stages": ((1, 8, 3),) * 3}, "one for each of 4 pools"),
        ({"stages": ((1, 8),) * 4}, "3 values"),
        ({"stages": ((0, 8, 3),) * 4}, "a whole number of at least 1"),
        ({"length": 0}, "a whole number of at least 1"),
    ],
)
def test_what_cannot_be_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        CNN1DSpec(**{"stages": ((1, 8, 3),) * 4, **changes})
